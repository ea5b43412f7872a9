"""Rows of COPY made of columns are those made word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.columns import columns_of
from gbrain.store import posting_rows

ENTRIES = st.integers(1, 5).flatmap(lambda count: st.binary(min_size=4 * count, max_size=4 * count))
POSTINGS = st.dictionaries(st.integers(-(1 << 63), (1 << 63) - 1), ENTRIES, max_size=12)


@pytest.mark.parametrize("at_once", [1, 5, 8192])
@given(postings=POSTINGS, segment=st.integers(1, (1 << 63) - 1))
def test_columns_are_sent_as_the_rows_of_their_words(at_once: int, postings: dict[int, bytes], segment: int) -> None:
    words = sorted(postings.items())
    before, posting_rows._TERMS_AT_ONCE = posting_rows._TERMS_AT_ONCE, at_once
    try:
        sent = b"".join(posting_rows._pieces(segment, columns_of(words)))
    finally:
        posting_rows._TERMS_AT_ONCE = before
    assert sent == b"".join(posting_rows._pieces(segment, words))
