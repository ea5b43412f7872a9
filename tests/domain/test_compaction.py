"""Which segments are merged: there are never many, and nothing is written too often."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.compaction import TOGETHER, to_merge
from gbrain.domain.postings import MOST_TEXTS


def merged(texts: list[int], live: int) -> tuple[list[int], int]:
    """The segments once nothing is to be merged any more, and how many texts were written for that."""
    written = 0
    while chosen := to_merge(texts, live):
        [run] = chosen
        new = min(sum(texts[run]), live) if run == slice(0, len(texts)) else sum(texts[run])
        written += new
        texts = [*texts[: run.start], *([new] if new else []), *texts[run.stop :]]
    return texts, written


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=300))
def test_segments_stay_few_and_each_text_is_written_a_few_times(added: list[int]) -> None:
    texts: list[int] = []
    written = total = 0
    for number in added:
        total += number
        texts, more = merged([*texts, number], total)
        written += more
        assert sum(texts) == total
        assert len(texts) < TOGETHER * (2 + math.log(max(total, 1), TOGETHER))
    assert written <= total * (2 + math.log(max(total, 1), TOGETHER))


def test_nothing_is_merged_that_is_well_as_it_is() -> None:
    assert to_merge([], 0) == []
    assert to_merge([5000], 5000) == []
    assert to_merge([100_000, 2000, 2000, 10], 104_010) == []


def test_eight_of_a_size_become_one() -> None:
    assert to_merge([100_000] + [10] * 8, 100_080) == [slice(1, 9)]


def test_all_are_written_anew_where_a_quarter_of_them_is_of_pages_that_are_gone() -> None:
    assert to_merge([10_000, 10], 7000) == [slice(0, 2)]
    assert to_merge([10_000, 10], 8000) == []
    assert to_merge([2000], 0) == [slice(0, 1)]


def test_no_segment_becomes_larger_than_one_can_be() -> None:
    third = MOST_TEXTS // 3
    assert to_merge([third] * 8, 0) == [slice(0, 3), slice(3, 6), slice(6, 8)]
    assert to_merge([MOST_TEXTS], 0) == [slice(0, 1)]
    assert to_merge([MOST_TEXTS // 4] * 8, 2 * MOST_TEXTS) == [slice(0, 4), slice(4, 8)]


def test_segments_that_are_full_are_left_as_they_are() -> None:
    full = [MOST_TEXTS // 2] * 8
    assert to_merge([*full, 10], sum(full) + 10) == []


@given(st.lists(st.integers(1, MOST_TEXTS), max_size=40), st.floats(0, 1))
def test_runs_lie_side_by_side_and_each_fits(texts: list[int], share: float) -> None:
    found = to_merge(texts, int(sum(texts) * share))
    for one, after in itertools.pairwise(found):
        assert one.stop <= after.start
    assert all(sum(texts[run]) <= MOST_TEXTS for run in found)
