"""Which segments of a source are to be merged: few large ones are quicker to ask than many small ones."""

from __future__ import annotations

from collections.abc import Sequence

TOGETHER = 8
"""So many segments of one size become one."""

_SMALLEST = 256
_FORGIVEN_TEXTS, _FORGIVEN_SHARE = 1000, 0.25


def to_merge(texts: Sequence[int], live: int) -> slice | None:
    """The segments to merge next, which stand side by side; None where they are well as they are.

    `texts` are how many each segment holds, the oldest first; `live` how many there are of the source. Merging the
    newest of about one size, again and again, writes each text as often as the logarithm of their number. Where a
    quarter of what all hold is of pages that are gone or changed, all are merged.
    """
    dead = sum(texts) - live
    if dead > max(_FORGIVEN_TEXTS, _FORGIVEN_SHARE * sum(texts)):
        return slice(0, len(texts))
    start = len(texts)
    for level in range(_level(max(texts, default=0)) + 1):
        while start > 0 and _level(texts[start - 1]) <= level:
            start -= 1
        if len(texts) - start >= TOGETHER:
            return slice(start, len(texts))
    return None


def _level(texts: int) -> int:
    level, size = 0, _SMALLEST
    while texts > size:
        level, size = level + 1, size * TOGETHER
    return level
