"""Which segments of a source are to be merged: few large ones are quicker to ask than many small ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gbrain.domain.postings import MOST_TEXTS

TOGETHER = 8
"""So many segments of one size become one."""

_SMALLEST = 256
_FORGIVEN_TEXTS, _FORGIVEN_SHARE = 1000, 0.25


def to_merge(texts: Sequence[int], live: int) -> list[slice]:
    """The segments to merge next, those of each slice into one; none where they are well as they are.

    `texts` are how many each segment holds, the oldest first; `live` how many there are of the source. Merging the
    newest of about one size, again and again, writes each text as often as the logarithm of their number. Where a
    quarter of what all hold is of pages that are gone or changed, all are merged. None becomes larger than one can be.
    """
    dead = sum(texts) - live
    if dead > max(_FORGIVEN_TEXTS, _FORGIVEN_SHARE * sum(texts)):
        return list(_runs(texts, 0))
    start = len(texts)
    for level in range(min(_level(max(texts, default=0)), _LAST_LEVEL) + 1):
        while start > 0 and _level(texts[start - 1]) <= level:
            start -= 1
        if len(texts) - start >= TOGETHER:
            return [run for run in _runs(texts, start) if run.stop - run.start > 1]
    return []


def _runs(texts: Sequence[int], start: int) -> Iterator[slice]:
    """The segments from `start` on in runs that one segment can hold."""
    held = 0
    for place in range(start, len(texts)):
        if place > start and held + texts[place] > MOST_TEXTS:
            yield slice(start, place)
            start, held = place, 0
        held += texts[place]
    if start < len(texts):
        yield slice(start, len(texts))


def _level(texts: int) -> int:
    level, size = 0, _SMALLEST
    while texts > size:
        level, size = level + 1, size * TOGETHER
    return level


_LAST_LEVEL = _level(MOST_TEXTS) - 1
"""Segments of a higher one are left as they are: few would fit into one, and with what is small each would be written
anew for little."""
