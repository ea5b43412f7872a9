"""Lexemes: what is stored of a text is found by what is asked, in every script."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.lexing import LONGEST, asked, counted, folded, located, term

WRITTEN = st.text(alphabet="abcXYZ019_ -.éßİ日本語ひカー한국ไทيع́🙂\udcff", max_size=40)


@pytest.mark.parametrize(
    ("text", "lexemes"),
    [
        ("The runners were running", ["runner", "run"]),
        ("snake_case camelCase", ["snake", "case", "snakecas", "camel", "camelcas"]),
        ("HTTPServer", ["http", "server", "httpserver"]),
        ("utf8 v2.0 0xDEAD", ["utf", "8", "utf8", "v", "2", "v2", "0", "x", "dead", "0xdead"]),
        ("__init__ _x", ["init", "x"]),
        ("naïve Café ÉTÉ", ["naiv", "cafe", "ete"]),
        ("Straße", ["strass"]),
        ("ﬁne ＷＩＤＥ", ["fine", "wide"]),
        ("don't o'clock", ["clock", "o"]),
        ("Привет, мир", ["привет", "мир"]),
        ("日本語", ["日本", "本語"]),
        ("猫", ["猫"]),
        ("日本語API", ["日本", "本語", "api"]),
        ("한국어 문장", ["한국", "국어", "문장"]),
        ("책", ["책"]),
        ("the and of", []),
        ("", []),
        ("!!! ... 🙂", []),
        ("x" * 100, ["x" * LONGEST]),
    ],
)
def test_what_is_asked_for_is_looked_up_by(text: str, lexemes: list[str]) -> None:
    assert sorted(asked(text)) == sorted(lexemes)


@given(WRITTEN)
def test_whatever_is_asked_for_is_found_in_a_text_that_holds_it(text: str) -> None:
    stored = counted(f"before {text} behind")
    assert {term(lexeme) for lexeme in asked(text)} <= stored.keys()
    assert all(times > 0 for times in stored.values())


@given(st.text(max_size=60))
def test_any_text_has_lexemes_of_bounded_length_that_are_never_empty(text: str) -> None:
    found = asked(text)
    assert all(0 < len(lexeme) <= LONGEST for lexeme in found)
    assert sum(found.values()) <= sum(counted(text).values())


@given(st.text(max_size=60))
def test_each_lexeme_that_is_stored_has_its_place_in_the_text(text: str) -> None:
    places = list(located(text))
    assert {term(lexeme) for _, _, lexeme in places} == counted(text).keys()
    assert all(0 <= start < end <= len(text) for start, end, _ in places)


@given(WRITTEN, WRITTEN)
def test_a_text_has_the_lexemes_of_its_parts(one: str, other: str) -> None:
    whole, parts = counted(f"{one}\n{other}"), [counted(one), counted(other)]
    assert whole == {key: sum(part.get(key, 0) for part in parts) for key in parts[0].keys() | parts[1].keys()}


@given(text=st.text(alphabet=st.characters(max_codepoint=127)))
def test_a_text_in_ascii_is_split_between_all_that_is_no_letter_digit_or_underscore(text: str) -> None:
    assert folded(text) == " ".join(re.findall("[A-Za-z0-9_]+", text)).lower()


def test_an_identifier_is_found_however_it_is_written() -> None:
    forms = ["readFile", "read_file", "ReadFile", "READ_FILE"]
    assert len({tuple(sorted(asked(form))) for form in forms}) == 1
    assert set(asked("file")) < set(asked("read_file"))


def test_a_lexeme_in_a_script_without_spaces_is_placed_to_the_character() -> None:
    text = "これは天文学です"
    assert [(text[start:end], lexeme) for start, end, lexeme in located(text) if lexeme == "文学"] == [("文学", "文学")]


def test_how_often_a_word_is_asked_for_counts() -> None:
    assert asked("run, runs and running: cats") == {"run": 3, "cat": 1}
    assert asked("readFile") == {"read": 0.5, "file": 0.5, "readfil": 1}


@given(st.text(max_size=60))
def test_folding_again_changes_nothing(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert re.search(r"\s\s", once) is None


def test_terms_are_signed_numbers_of_64_bits_that_do_not_change() -> None:
    assert term("gbrain") == term("gbrain") != term("brain")
    assert all(-(1 << 63) <= term(str(number)) < 1 << 63 for number in range(1000))
    assert term("run") == -7673071330638607365
