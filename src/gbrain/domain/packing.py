"""How texts are packed into requests: in their order, as many as the endpoint takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice


def fitting(tokens: Iterable[int], *, max_items: int, max_tokens: int) -> int:
    """How many texts from the front go into the next request; 0 only where there is no text.

    `tokens` says how many each text has. One that has more than `max_tokens` by itself goes alone.
    """
    total = count = 0
    for size in islice(tokens, max_items):
        total += size
        if count and total > max_tokens:
            break
        count += 1
    return count


def packed(tokens: Sequence[int], *, max_items: int, max_tokens: int) -> Iterator[slice]:
    """The requests that all the texts make, as slices that follow on each other."""
    start = 0
    while start < len(tokens):
        end = start + fitting(islice(tokens, start, None), max_items=max_items, max_tokens=max_tokens)
        yield slice(start, end)
        start = end
