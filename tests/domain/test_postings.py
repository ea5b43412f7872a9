"""Entries of the index: inverted, merged and summed up, however many there are."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain import columns
from gbrain.domain.bm25 import CODES, MOST_TIMES, TIMES_BITS, length_code, length_of, times_code, times_of
from gbrain.domain.columns import Columns, columns_of, merged, note_lengths
from gbrain.domain.lexing import term
from gbrain.domain.postings import (
    MASK,
    NO_WORDS,
    NUMBER_SHIFT,
    Words,
    checksum,
    inverted,
    packed,
    total_length,
    unpacked,
    words_of,
)

TERMS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-3, 3)
WORDS = st.dictionaries(TERMS, st.integers(0, 15), max_size=5).map(
    lambda found: Words(array("q", found).tobytes(), bytes(found.values()), length_code(len(found)))
)
TEXTS = st.lists(WORDS | st.just(NO_WORDS), max_size=8)


def read(found: list[tuple[int, bytes]]) -> dict[int, list[tuple[int, int, int]]]:
    times, lengths = (1 << TIMES_BITS) - 1, CODES - 1
    return {
        one: [(entry >> NUMBER_SHIFT, entry & times, (entry & lengths) >> TIMES_BITS) for entry in unpacked(data)]
        for one, data in found
    }


def expected(texts: list[Words], kept: list[int] | None = None) -> dict[int, list[tuple[int, int, int]]]:
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    numbers = kept if kept is not None else range(len(texts))
    for number, words in zip(numbers, texts, strict=True):
        for one, times in zip(array("q", words.terms), words.times, strict=True):
            if number >= 0:
                found[one].append((number, times, words.length))
    return dict(found)


def words_in(found: Columns) -> list[tuple[int, bytes]]:
    ends = np.cumsum(found.sizes)
    pieces = [found.entries[end - size : end].tobytes() for size, end in zip(found.sizes, ends, strict=True)]
    return list(zip(found.terms.tolist(), pieces, strict=True))


@pytest.mark.parametrize("inverted", [inverted, lambda texts: words_in(columns.inverted(texts))])
@given(texts=TEXTS)
def test_each_term_has_the_texts_it_stands_in_with_or_without_numpy(
    inverted: Callable[[list[Words]], Iterable[tuple[int, bytes]]], texts: list[Words]
) -> None:
    found = list(inverted(texts))
    assert [one for one, _ in found] == sorted({one for one, _ in found})
    assert read(found) == expected(texts)


@given(parts=st.lists(st.tuples(TEXTS, st.randoms(use_true_random=False)), min_size=1, max_size=4))
def test_segments_are_merged_without_what_is_gone(parts: list[tuple[list[Words], object]]) -> None:
    given_parts, all_texts, numbers, number = [], [], [], 0
    for texts, random in parts:
        renumbered = []
        for _ in texts:
            is_live = random.random() < 0.7  # type: ignore[attr-defined]
            renumbered.append(number if is_live else -1)
            number += is_live
        given_parts.append((columns.inverted(texts), np.array(renumbered, np.int64)))
        all_texts += texts
        numbers += renumbered
    assert read(words_in(merged(given_parts))) == expected(all_texts, numbers)


@given(texts=TEXTS, other=TEXTS)
def test_checksums_differ_where_the_words_do(texts: list[Words], other: list[Words]) -> None:
    one, another = list(inverted(texts)), list(inverted(other))
    assert (checksum(one) == checksum(another)) == (one == another)


@given(texts=TEXTS, cut=st.integers(0, 20))
def test_a_checksum_is_that_of_the_parts_by_whichever_way_of_adding_up(texts: list[Words], cut: int) -> None:
    words = list(inverted(texts))
    parts = checksum(words[:cut]) + checksum(words[cut:])
    assert checksum(words) == parts & MASK
    assert columns_of(words).checksum() == columns.inverted(texts).checksum() == checksum(words)


@given(words=st.dictionaries(TERMS, st.lists(st.binary(min_size=4, max_size=4), max_size=3).map(b"".join)))
def test_damaged_words_add_up_to_the_same_by_whichever_way(words: dict[int, bytes]) -> None:
    found = sorted(words.items())
    assert columns_of(found).checksum() == checksum(found)


def test_the_words_of_a_text_are_counted() -> None:
    words = words_of("gas gas price, and the gas")
    assert dict(zip(array("q", words.terms), words.times, strict=True)) == {
        term("gas"): times_code(3),
        term("price"): times_code(1),
    }
    assert words.length == length_code(4)


def test_a_word_that_stands_very_often_counts_as_often_as_an_entry_can_say() -> None:
    words = words_of("word " * 1000)
    assert words.times == bytes([times_code(MOST_TIMES)])
    assert words.length == length_code(1000)


def test_entries_are_the_same_bytes_on_every_machine() -> None:
    assert packed(array("I", [0x01020304])) == bytes([4, 3, 2, 1])


@given(length=st.integers(0, 4300))
def test_a_length_is_kept_to_five_percent_of_eight_more(length: int) -> None:
    assert abs(length_of(length_code(length)) - length) <= 0.052 * (length + 8)


@given(times=st.integers(1, MOST_TIMES))
def test_how_often_a_word_stands_in_a_text_is_kept_to_a_third_and_exactly_where_it_is_seldom(times: int) -> None:
    kept = times_of(times_code(times))
    assert kept == times if times <= 8 else abs(kept - times) <= times / 3


def test_the_longest_text_and_the_most_frequent_word_have_codes_too() -> None:
    assert length_code(10**9) == length_code(5000)
    assert times_code(255) == times_code(MOST_TIMES)


@given(texts=TEXTS)
def test_the_length_of_all_texts_is_the_same_however_it_is_added_up(texts: list[Words]) -> None:
    codes = np.zeros(len(texts), np.uint8)
    note_lengths(columns.inverted(texts), codes)
    assert total_length(codes.tolist()) == total_length(words.length for words in texts if words.terms)
