from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.chunking.cutting import cut


def pieces(text: str, limit: int, first_limit: int | None = None) -> list[str]:
    """What a text falls into."""
    raw = text.encode()
    return [
        raw[start:end].decode() for start, end in cut(raw, 0, len(raw), limit=limit, first_limit=first_limit or limit)
    ]


@pytest.mark.parametrize(
    ("text", "cut_up"),
    [
        ("one\ntwo\nthree four", ["one\ntwo\n", "three four"]),
        ("one\rtwo\rthree four", ["one\rtwo\r", "three four"]),
        ("one\r\nsix\r\nthree four", ["one\r\nsix\r\n", "three four"]),
        ("One. Two! Three four", ["One. Two! ", "Three four"]),
        ('Ab "cd." (Efghi jkl', ['Ab "cd." ', "(Efghi jkl"]),
        ("one two three four", ["one two ", "three four"]),
        ("一。二三四五", ["一。", "二三四", "五"]),
        ("0123456789abcdef", ["0123456789", "abcdef"]),
        ("ééééééé", ["ééééé", "éé"]),
        ("012345678\r\nabc", ["012345678", "\r\nabc"]),
        ("01234567e\u0301abc", ["01234567", "e\u0301abc"]),
        ("01234\U0001f468\u200d\U0001f469abc", ["01234", "\U0001f468\u200d", "\U0001f469abc"]),
        ("short", ["short"]),
        ("", []),
    ],
)
def test_the_best_place_within_ten_bytes_is_taken(text: str, cut_up: list[str]) -> None:
    assert pieces(text, 10) == cut_up


def test_a_cluster_that_fits_is_kept_together() -> None:
    assert pieces("0123456789\U0001f468\u200d\U0001f469abc", 20) == ["0123456789", "\U0001f468\u200d\U0001f469abc"]


def test_the_first_piece_has_a_limit_of_its_own() -> None:
    assert pieces("0123456789" * 3, 10, 5) == ["01234", "5678901234", "5678901234", "56789"]


def test_marks_without_end_are_cut_too() -> None:
    assert max(len(piece.encode()) for piece in pieces("e" + "\u0301" * 5_000, 100)) <= 100


@given(st.text(st.sampled_from("ab .!?\n\r\té。　\u0301\u200d😀\U0001f3fb"), max_size=200), st.integers(16, 40))
def test_pieces_rejoin_within_the_limit_and_part_no_line_end(text: str, limit: int) -> None:
    cut_up = pieces(text, limit)
    assert "".join(cut_up) == text
    assert all(0 < len(piece.encode()) <= limit for piece in cut_up)
    assert not any(before.endswith("\r") and after.startswith("\n") for before, after in pairwise(cut_up))


@given(st.text(st.sampled_from("ab .\n"), max_size=200))
def test_a_piece_ends_inside_a_line_only_where_the_line_is_over_the_limit(text: str) -> None:
    at = 0
    for piece in pieces(text, 20)[:-1]:
        assert piece.endswith("\n") or "\n" not in text[at : at + 20]
        at += len(piece)
