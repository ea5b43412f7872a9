"""Texts as one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.borders import is_character_border
from gbrain.domain.one_line import one_line
from gbrain.domain.redaction import is_control

_blanks = st.text(" \t\n\r\x00\x1b\x7f\x85\xa0\u2003\u2028\u202e\u2066\u3000", max_size=4)
_letters = st.text("abc-é日😀\u0301", max_size=3)
_texts = st.text() | st.lists(_blanks | _letters | st.text("\ud83d\ude00\udce9", max_size=3), max_size=20).map("".join)


@given(_texts)
def test_a_line_holds_nothing_that_breaks_it(text: str) -> None:
    line = one_line(text).text
    assert not any(is_control(character) or (character.isspace() and character != " ") for character in line)
    assert "  " not in line
    assert not line.endswith(" ")
    assert not line.startswith(" ") or not is_character_border(line, 1), "only a mark keeps its space"
    line.encode()


@given(_texts)
def test_a_line_is_one_line_already(text: str) -> None:
    line = one_line(text).text
    assert one_line(line).text == line


@given(st.lists(_blanks | _letters, max_size=20).map("".join))
def test_all_that_is_seen_stays_in_order(text: str) -> None:
    def seen(some: str) -> str:
        return "".join(one for one in some if not (one.isspace() or is_control(one)))

    assert seen(one_line(text).text) == seen(text)


@given(st.lists(_blanks | _letters, max_size=20).map("".join), st.data())
def test_a_place_is_where_the_same_has_come_to_stand(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    line = one_line(text)
    place = line.place(start, end)
    wanted = one_line(text[start:end]).text.strip(" ")
    found = line.text[slice(*place)] if place is not None else ""
    assert found.strip(" ") == wanted
    if place is not None and wanted:
        before = one_line("".join(one for one in text[:start] if not (one.isspace() or is_control(one)))).text
        assert line.text[: place[0]].replace(" ", "") == before.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        (" \n\t", ""),
        ("  a \r\n\r\n b\tc ", "a b c"),
        ("a\x1b[31mb\x00", "a [31mb"),
        ("a\u202eb", "a b"),
        ("\ud83d\ude00", "😀"),
        ("caf\udce9 \ud83d", "caf\ufffd \ufffd"),
        ("\n\u0301a", " \u0301a"),
    ],
)
def test_a_text_becomes_a_line(text: str, line: str) -> None:
    assert one_line(text).text == line


@pytest.mark.parametrize(
    ("start", "end", "place"),
    [
        (2, 3, (0, 1)),
        (0, 3, (0, 1)),
        (3, 7, (1, 2)),
        (4, 8, (2, 3)),
        (3, 6, None),
        (4, 5, None),
        (0, 2, None),
        (7, 99, (2, 4)),
        (-5, 99, (0, 4)),
        (-5, -2, None),
        (10, 11, None),
    ],
)
def test_a_character_that_was_several_is_in_a_place_only_where_all_of_them_are(
    start: int, end: int, place: tuple[int, int] | None
) -> None:
    line = one_line("\n\na \n\n bc\n ")
    assert line.text == "a bc"
    assert line.place(start, end) == place
