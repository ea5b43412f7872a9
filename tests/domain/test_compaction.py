"""Which segments are merged: there are never many, and nothing is written too often."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.compaction import TOGETHER, to_merge


def merged(texts: list[int], live: int) -> tuple[list[int], int]:
    """The segments once nothing is to be merged any more, and how many texts were written for that."""
    written = 0
    while (chosen := to_merge(texts, live)) is not None:
        new = min(sum(texts[chosen]), live) if chosen == slice(0, len(texts)) else sum(texts[chosen])
        written += new
        texts = [*texts[: chosen.start], *([new] if new else []), *texts[chosen.stop :]]
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
    assert to_merge([], 0) is None
    assert to_merge([5000], 5000) is None
    assert to_merge([100_000, 2000, 2000, 10], 104_010) is None


def test_eight_of_a_size_become_one() -> None:
    assert to_merge([100_000] + [10] * 8, 100_080) == slice(1, 9)


def test_all_are_written_anew_where_a_quarter_of_them_is_of_pages_that_are_gone() -> None:
    assert to_merge([10_000, 10], 7000) == slice(0, 2)
    assert to_merge([10_000, 10], 8000) is None
    assert to_merge([2000], 0) == slice(0, 1)
