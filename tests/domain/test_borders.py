"""Where a text may be cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.borders import is_character_border, is_word_border

CHARACTERS = {
    "a letter with two marks": "e\u0301\u0323",
    "a space with a mark": " \u0301",
    "a family": "👩‍👩‍👧‍👦",
    "a skin tone": "👍🏽",
    "a heart in colour": "❤\ufe0f",
    "a key": "1\ufe0f\u20e3",
    "a flag": "🇩🇪",
    "a flag of tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "a conjunct of Devanagari": "क्ष",
    "a conjunct of Khmer": "ស្ត្រី",
    "a vowel of Thai": "กำ",
    "jamo": "\u1112\u1161\u11ab",
    "jamo behind a syllable": "가\u11a8",
    "jamo before a syllable": "\u1100가",
    "voiced halfwidth kana": "ｶﾞ",
    "a sign before a number": "\u06001",
    "a soft hyphen": "a\u00ad",
}
_characters = st.sampled_from([*CHARACTERS.values(), "a", "é", "日", "😀", ".", " "])


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS)
def test_what_a_reader_takes_for_one_character_is_whole(character: str) -> None:
    text = f"x {character} x"
    inside = range(3, 2 + len(character))
    assert [at for at in inside if is_character_border(text, at)] == []
    assert [at for at in inside if is_word_border(text, at)] == []
    assert is_character_border(text, 2 + len(character))
    assert is_character_border(text, 2)


@given(st.lists(_characters, min_size=1, max_size=12))
def test_characters_can_be_cut_apart(characters: list[str]) -> None:
    text = "".join(characters)
    at = 0
    for one, other in zip(characters, [*characters[1:], ""], strict=True):
        at += len(one)
        assert is_character_border(text, at), (one, other)


@given(st.integers(1, 9))
def test_flags_are_counted_in_pairs(count: int) -> None:
    text = "🇩🇪" * count
    assert [at for at in range(len(text) + 1) if is_character_border(text, at)] == list(range(0, len(text) + 1, 2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("see foo_bar(x2)", "see| |foo_bar|(|x2|)"),
        ("don't, it’s 3.14", "don't|,| |it’s| |3.14"),
        ("a.b:c d.", "a.b:c| |d|."),
        ("well-known/path", "well|-|known|/|path"),
        ("Größe cafe\u0301s", "Größe| |cafe\u0301s"),
        ("дома, ἄνθρωπος", "дома|,| |ἄνθρωπος"),
        ("שלום ערב", "שלום| |ערב"),
        ("नमस्ते दुनिया", "नमस्ते| |दुनिया"),
        ("한국어 문서", "한국어| |문서"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("日本語のabc文", "日|本|語|の|abc|文"),
        ("ข้าวกำ", "ข้|า|ว|กำ"),
        ("👩‍👩‍👧‍👦ok", "👩‍👩‍👧‍👦|ok"),
        ("Զմիւռնիա՞ն", "Զմիւռնիա՞ն"),
        ("_a__b", "_a__b"),
        ("...", ".|.|."),
    ],
)
def test_words_are_whole_in_every_script_and_without_spaces_each_character_may_be_one(text: str, words: str) -> None:
    borders = [at for at in range(len(text) + 1) if is_word_border(text, at)]
    assert "|".join(text[one:other] for one, other in pairwise(borders)) == words


@given(st.text(max_size=20), st.integers(-2, 22))
def test_a_border_between_words_is_one_between_characters(text: str, at: int) -> None:
    if is_word_border(text, at):
        assert is_character_border(text, at)


def test_both_ends_are_borders() -> None:
    for text in ("", "a", "\u0301", "\u200d"):
        assert is_word_border(text, 0)
        assert is_word_border(text, len(text))
