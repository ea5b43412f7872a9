"""Lines of a page: those that are wanted, no more than may be, and where to go on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.excerpts import MOST_CHARACTERS, excerpt

TEXTS = st.text(alphabet="ab\n\r\u2028\x0b", max_size=60)


@given(TEXTS, st.integers(1, 5))
def test_the_whole_is_the_whole_and_counts_lines_as_chunks_do(body: str, body_line: int) -> None:
    found = excerpt(body, body_line, body_line, None)
    assert (found.text, found.next_line, found.is_line_cut) == (body, None, False)
    ends = body.count("\n") + body.count("\r") - body.count("\r\n")
    assert found.end_line == body_line - 1 + ends + (bool(body) and not body.endswith(("\n", "\r")))


@given(TEXTS, st.integers(1, 5), st.integers(1, 12))
def test_pieces_put_together_are_the_whole(body: str, body_line: int, cut: int) -> None:
    before = excerpt(body, body_line, 1, cut - 1) if cut > 1 else None
    assert (before.text if before else "") + excerpt(body, body_line, cut, None).text == body


def test_what_is_too_long_is_cut_between_lines_and_says_where_to_go_on() -> None:
    line = "x" * 999 + "\n"
    found = excerpt(line * 100, 3, 3, None)
    assert (found.first_line, found.last_line, found.next_line) == (3, 62, 63)
    assert len(found.text) == MOST_CHARACTERS
    assert not found.is_line_cut
    assert excerpt(line * 100, 3, 63, None).next_line is None


def test_a_line_that_is_too_long_is_cut_and_the_next_is_told() -> None:
    found = excerpt("y" * (MOST_CHARACTERS + 1) + "\nz\n", 1, 1, None)
    assert (len(found.text), found.is_line_cut, found.next_line) == (MOST_CHARACTERS, True, 2)


def test_nothing_is_no_line() -> None:
    for body, first in (("", 1), ("a\n", 5)):
        found = excerpt(body, 1, first, None)
        assert (found.text, found.first_line, found.last_line, found.next_line) == ("", None, None, None)
