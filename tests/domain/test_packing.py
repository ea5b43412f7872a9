"""Texts packed into requests."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.packing import fitting, packed

_tokens = st.lists(st.integers(0, 500), max_size=60)


@pytest.mark.parametrize(
    ("tokens", "max_items", "max_tokens", "count"),
    [
        ([], 3, 10, 0),
        ([1, 1, 1, 1], 3, 10, 3),
        ([5, 5, 1], 3, 10, 2),
        ([5, 5], 3, 10, 2),
        ([11, 1], 3, 10, 1),
        ([1, 11], 3, 10, 1),
        ([11], 3, 0, 1),
        ([0, 0, 1], 3, 0, 2),
    ],
)
def test_as_many_as_fit_go_into_a_request(tokens: list[int], max_items: int, max_tokens: int, count: int) -> None:
    assert fitting(tokens, max_items=max_items, max_tokens=max_tokens) == count


def test_no_more_texts_are_looked_at_than_a_request_takes() -> None:
    looked_at = iter(range(10))
    assert fitting(looked_at, max_items=4, max_tokens=1000) == 4
    assert next(looked_at) == 4


@given(_tokens, st.integers(1, 20), st.integers(0, 1000))
def test_all_texts_are_packed_once_in_order_within_the_limits(
    tokens: list[int], max_items: int, max_tokens: int
) -> None:
    slices = list(packed(tokens, max_items=max_items, max_tokens=max_tokens))
    requests = [tokens[one] for one in slices]
    assert [size for request in requests for size in request] == tokens
    assert all(0 < len(request) <= max_items for request in requests)
    assert all(sum(request) <= max_tokens or len(request) == 1 for request in requests)


@given(_tokens, st.integers(1, 20), st.integers(0, 1000))
def test_a_request_ends_only_where_the_next_text_does_not_fit(
    tokens: list[int], max_items: int, max_tokens: int
) -> None:
    slices = list(packed(tokens, max_items=max_items, max_tokens=max_tokens))
    for one, following in pairwise(slices):
        is_full = one.stop - one.start == max_items
        assert is_full or sum(tokens[one]) + tokens[following.start] > max_tokens
