"""Snippets: what is shown of a passage, and what is marked in it."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gbrain.domain.one_line import one_line
from gbrain.domain.snippets import Snippet, snippet
from gbrain.domain.windows import ELLIPSIS, Span

_CLUSTERS = [
    "a",
    "Ω",
    "日",
    "ｶﾞ",
    "e\u0301\u0323",
    "क्ष",
    "กำ",
    "가",
    "😀",
    "👩‍👩‍👧‍👦",
    "👍🏽",
    "🇩🇪",
    "1\ufe0f\u20e3",
    ".",
    " ",
    "\n",
]
_WORDS = ["to", "дома", "Größe", "cafe\u0301s", "don't", "3.14", "foo_bar", "नमस्ते", "한국어", "x"]
_texts = st.text(max_size=120) | st.lists(st.sampled_from(_CLUSTERS), max_size=80).map("".join)
_widths = st.integers(1, 60)


@st.composite
def _searched(draw: st.DrawFn, texts: st.SearchStrategy[str] = _texts) -> tuple[str, list[Span]]:
    text = draw(texts)
    places = st.tuples(
        st.integers(0, len(text)), st.integers(0, 12), st.sampled_from([0.5, 1, 3]), st.sampled_from("abc")
    )
    found = draw(st.lists(places, max_size=8))
    return text, sorted(
        Span(start, min(start + length, len(text)), weight, term) for start, length, weight, term in found
    )


@given(_searched(), _widths)
def test_a_snippet_is_never_wider_than_asked_and_can_be_shown_anywhere(
    searched: tuple[str, list[Span]], width: int
) -> None:
    shown = snippet(*searched, width=width).text
    assert len(shown) <= width
    assert one_line(shown).text == shown
    assert one_line(shown.strip(ELLIPSIS)).text == shown.strip(ELLIPSIS)
    shown.encode()


@given(_searched(), _widths)
def test_what_is_shown_stands_so_in_the_text_with_an_ellipsis_where_something_is_left_out(
    searched: tuple[str, list[Span]], width: int
) -> None:
    text = searched[0].replace(ELLIPSIS, "")
    line = one_line(text).text
    shown = snippet(text, searched[1], width=width).text
    before, after = shown.startswith(ELLIPSIS), len(shown) > 1 and shown.endswith(ELLIPSIS)
    middle = shown[before : len(shown) - after]
    assert middle in line
    if shown != ELLIPSIS:
        assert before or line.startswith(middle)
        assert after or line.endswith(middle)
    if len(line) <= width:
        assert shown == line


@given(_searched(), _widths)
def test_marks_are_in_order_apart_from_each_other_and_change_nothing(
    searched: tuple[str, list[Span]], width: int
) -> None:
    found = snippet(*searched, width=width)
    ends = [-1, *(at for mark in found.marks for at in mark)]
    assert all(one < other for one, other in pairwise(ends))
    assert ends[-1] <= len(found.text)
    assert found.marked("", "") == found.text
    assert re.sub("[\ue000\ue001]", "", found.marked("\ue000", "\ue001")) == re.sub("[\ue000\ue001]", "", found.text)


_APART = "".join(map(chr, range(0x4E00, 0x4E30))) + "abcdefghijABCDEFGHIJжзийклмн"


@given(
    _searched(st.permutations(_APART).map(lambda all_: re.sub("([aeж\u4e03])", "\\1 \n\t", "".join(all_)))),
    st.integers(1, 40),
)
def test_just_what_matched_is_marked(searched: tuple[str, list[Span]], width: int) -> None:
    text, spans = searched
    matched = {text[at] for span in spans for at in range(span.start, span.end)}
    found = snippet(text, spans, width=width)
    marked = {at for start, end in found.marks for at in range(start, end)}
    for at, character in enumerate(found.text):
        if character not in f" {ELLIPSIS}":
            assert (at in marked) is (character in matched)


@given(_searched(st.lists(st.sampled_from(_WORDS), max_size=60).map(" \n".join)), st.integers(24, 60))
def test_no_word_that_fits_is_cut(searched: tuple[str, list[Span]], width: int) -> None:
    shown = snippet(*searched, width=width).text
    assert set(shown.strip(ELLIPSIS).split()) <= set(_WORDS)


@given(_searched(st.lists(st.sampled_from(_CLUSTERS), max_size=80).map("".join)), _widths)
def test_no_character_is_cut(searched: tuple[str, list[Span]], width: int) -> None:
    shown = snippet(*searched, width=width).text.strip(ELLIPSIS)
    whole = re.compile("|".join(map(re.escape, sorted(_CLUSTERS, key=len, reverse=True))))
    assert whole.sub("", shown) == ""


@given(
    _searched(st.lists(st.sampled_from(["a", "to", "see", "page", "words"]), max_size=40).map(" ".join)),
    st.integers(16, 60),
)
@example(("a to see page words a to see", [Span(0, 1, 1, "a"), Span(21, 22, 1, "b"), Span(23, 25, 1, "c")]), 16)
def test_no_other_window_shows_more_weight_of_distinct_terms_or_as_much_of_it_and_more_matches(
    searched: tuple[str, list[Span]], width: int
) -> None:
    text, spans = searched
    # A span that no window holds whole is shown in part; what windows hold whole is compared here.
    stretches = ((span, text[span.start : span.end]) for span in spans if span.end - span.start <= 6)
    spans = [span for span, stretch in stretches if stretch == stretch.strip() != ""]
    found = snippet(text, spans, width=width)
    at = text.find(found.text.strip(ELLIPSIS))
    places = [at]
    while (at := text.find(found.text.strip(ELLIPSIS), at + 1)) >= 0:
        places.append(at)
    shown = len(found.text.strip(ELLIPSIS))
    best = max(_worth(spans, start, end) for start, end in _windows(text, width))
    assert best in [_worth(spans, place, place + shown) for place in places]


def _windows(text: str, width: int) -> list[tuple[int, int]]:
    starts = [0, *(space.end() for space in re.finditer(" ", text))]
    ends = [*(space.start() for space in re.finditer(" ", text)), len(text)]
    return [
        (start, end)
        for start in starts
        for end in ends
        if end - start + (start > 0) + (end < len(text)) <= width or (start, end) == (0, 0)
    ] or [(0, 0)]


def _worth(spans: list[Span], start: int, end: int) -> tuple[float, int]:
    held = [span for span in spans if start <= span.start and span.end <= end]
    terms = {span.term: max(one.weight for one in held if one.term == span.term) for span in held}
    return sum(terms.values()), len(held)


def _spans(text: str, **weights: float) -> list[Span]:
    return sorted(
        Span(found.start(), found.end(), weight, term)
        for term, weight in weights.items()
        for found in re.finditer(term, text)
    )


_FILLED = "apple " + "x " * 100 + "berry cherry " + "x " * 100 + "apple berry cherry " + "x " * 100


@pytest.mark.parametrize(
    ("weights", "marked"),
    [
        ({"apple": 5, "berry": 1}, "**apple** **berry** cherry"),
        ({"berry": 1, "cherry": 1}, "x **berry** **cherry** x"),
        ({"apple": 1}, "**apple** x x"),
        ({"cherry": 1, "x": 0.1}, "…**cherry** **x** **x** **x** "),
    ],
)
def test_the_window_is_that_of_most_weight_then_of_most_matches_then_the_first(
    weights: dict[str, float], marked: str
) -> None:
    found = snippet(_FILLED, _spans(_FILLED, **weights), width=40)
    assert marked in found.marked("**", "**")


def test_a_term_that_stands_often_does_not_outweigh_two_terms() -> None:
    text = "apple " * 30 + "x " * 100 + "apple pear"
    shown = snippet(text, _spans(text, apple=2, pear=1), width=30).text
    assert shown.endswith("apple pear")
    assert shown.startswith(ELLIPSIS)


def test_there_is_as_much_before_what_matched_as_behind() -> None:
    text = "before " * 50 + "here " + "behind " * 50
    assert snippet(text, _spans(text, here=1), width=40).text == "…before before here behind behind…"
    assert snippet(text, _spans(text, here=1), width=20).text == "…before here behind…"


def test_of_a_term_its_greatest_weight_counts() -> None:
    text = "once " + "x " * 50 + "much little"
    spans = [Span(0, 4, 2, "a"), Span(105, 109, 3, "a"), Span(110, 116, 1, "a")]
    assert snippet(text, spans, width=20).text.endswith("much little")


def test_without_spans_it_is_the_beginning() -> None:
    text = "# Title\n\nOne two\n\tthree  four\x1b five."
    assert snippet(text, [], width=100) == Snippet(text="# Title One two three four five.", marks=())
    assert snippet(text, [], width=20).text == "# Title One two…"
    assert snippet(text, [], width=3).text == "#…"
    assert snippet("", [], width=20) == Snippet(text="", marks=())


def test_at_the_end_of_the_text_there_is_no_ellipsis() -> None:
    text = "word " * 50 + "end"
    shown = snippet(text, _spans(text, end=1), width=20)
    assert shown.marked("<", ">") == "…word word word <end>"


def test_a_word_that_is_too_long_is_cut_between_characters_where_it_matched() -> None:
    text = "go " + "ab" * 300 + "here" + "cd" * 300
    found = snippet(text, _spans(text, here=1), width=30)
    assert "<here>" in found.marked("<", ">")
    assert found.text.startswith(ELLIPSIS)
    assert found.text.endswith(ELLIPSIS)
    assert len(found.text) == 30


@pytest.mark.parametrize("width", range(8, 40))
def test_a_word_that_is_too_long_is_cut_between_a_letter_with_its_marks_and_the_next(width: int) -> None:
    text = "e\u0301" * 100 + "here" + "e\u0301" * 100
    shown = snippet(text, _spans(text, here=1), width=width).text
    assert re.fullmatch("…(e\u0301)*here(e\u0301)*…", shown)


def test_a_span_that_is_too_long_is_shown_from_where_it_begins() -> None:
    text = "lead " * 20 + "match " * 60
    found = snippet(text, [Span(100, 459, 1.0, "phrase")], width=30)
    assert found.marked("<", ">") == "…<match match match match>…"


def test_a_character_that_is_too_long_is_left_out() -> None:
    assert snippet("a" + "\u0301" * 100, [Span(0, 1, 1, "a")], width=10).text == ELLIPSIS
    assert snippet("to be" + "\u0301" * 100, [], width=10).text == "to…"


def test_marks_that_overlap_or_touch_are_one_and_folded_space_is_within() -> None:
    spans = [Span(0, 3, 1, "a"), Span(2, 6, 1, "b"), Span(6, 9, 1, "c"), Span(10, 11, 1, "d")]
    assert snippet("one \n two three", spans).marked("[", "]") == "[one two] [t]hree"


def test_in_a_script_without_spaces_any_character_may_be_the_last() -> None:
    text = "吾輩は猫である。名前はまだ無い。" * 20
    found = snippet(text, _spans(text, 名前=1), width=20)
    assert len(found.text) == 20
    assert "<名前>" in found.marked("<", ">")


@pytest.mark.parametrize(
    "unit", ["a \n", "word ", "QUJD", "e\u0301", "\u0301", "👩‍👩‍👧‍👦", "🇩🇪", "\ud83d", "\x00", "क्ष", "日"], ids=ascii
)
def test_no_text_takes_long(unit: str) -> None:
    text = (unit * 4096)[:4096]
    spans = [Span(at, at + 5, 1.0, str(at % 7)) for at in range(0, 4000, 80)]
    began = time.process_time()
    for width in (2, 240, 4000):
        snippet(text, spans, width=width)
    # Looking at each place for each of the others would take far longer: this is no measure of speed.
    assert time.process_time() - began < 5
