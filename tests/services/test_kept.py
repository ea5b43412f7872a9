"""What a process that searches keeps of segments: never more than it may, and never another segment's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.services import words
from gbrain.services.words import Kept, Segment
from gbrain.store.search import SegmentHead, SegmentPages

BOUND = 4000


def segment(number: int, checksum: bytes = b"12345678") -> Segment:
    return number, checksum


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "KEPT_ENTRIES_BYTES", BOUND)


@given(asked=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 60)), max_size=80))
def test_what_is_kept_is_what_was_read_and_stays_within_its_bound(asked: list[tuple[int, int, int]]) -> None:
    kept, read = Kept(), dict[tuple[int, int], bytes]()
    for number, term, entries in asked:
        data = read.setdefault((number, term), bytes([term]) * 8 * entries)
        assert kept.entries(term).get(segment(number)) in (None, data)
        kept.keep_entries(term, {segment(number): data})
        held = [kept.entries(other).get(segment(one)) for one, other in read]
        assert sum(len(data) for data in held if data is not None) <= BOUND


def test_what_was_asked_for_last_stays_longest() -> None:
    kept = Kept()
    for term in (1, 2):
        kept.keep_entries(term, {segment(1): b"x" * 900})
    assert kept.entries(1) == {segment(1): b"x" * 900}
    kept.keep_entries(3, {segment(1): b"y" * 900})
    assert [term for term in (1, 2, 3) if kept.entries(term)] == [1, 3]


def test_a_word_that_stands_nowhere_is_not_asked_for_again() -> None:
    kept = Kept()
    assert kept.entries(1) == {}
    kept.keep_entries(1, {segment(1): b""})
    assert kept.entries(1) == {segment(1): b""}


def test_a_segment_of_a_restored_brain_is_another_one() -> None:
    kept = Kept()
    kept.keep_entries(1, {segment(1): b"x" * 8})
    assert segment(1, b"87654321") not in kept.entries(1)


def test_what_one_search_reads_is_there_for_it_whatever_others_push_out() -> None:
    kept = Kept()
    kept.keep_entries(1, {segment(1): b"x" * 900})
    mine = kept.entries(1)
    kept.keep_entries(2, {segment(1): b"y" * (BOUND - 700)})
    assert (mine, kept.entries(1)) == ({segment(1): b"x" * 900}, {})


def test_what_is_known_of_segments_that_were_merged_goes() -> None:
    kept = Kept()
    kept.keep_entries(1, {segment(1): b"x", segment(2): b"y"})
    kept.keep_only({segment(2), segment(3)})
    kept.keep_entries(1, {segment(3): b"z"})
    assert kept.entries(1) == {segment(2): b"y", segment(3): b"z"}


def test_a_search_of_an_earlier_moment_keeps_what_it_had() -> None:
    kept = Kept()
    kept.keep_entries(1, {segment(1): b"x"})
    mine = kept.entries(1)
    kept.keep_only({segment(2)})
    kept.keep_entries(1, {segment(2): b"y"})
    assert mine == {segment(1): b"x"}


def test_pages_of_segments_that_were_merged_go_too() -> None:
    kept, heads = Kept(), [SegmentHead(number, 1, 1, b"12345678") for number in (1, 2)]
    kept.keep_pages(heads[0], SegmentPages([1], [0]))
    kept.keep_only({segment(2)})
    kept.keep_pages(heads[1], SegmentPages([2], [0]))
    assert [kept.pages(head) for head in heads] == [None, SegmentPages([2], [0])]
