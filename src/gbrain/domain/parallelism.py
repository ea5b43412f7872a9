"""How many sources write at once."""

from __future__ import annotations

DEFAULT_WRITERS = 4


def resolve_parallel(*, sources: int, workers: int | None, parallel: int | None) -> int:
    """The number of write slots: what was asked for, clamped to the number of sources, or the default; at least 1.

    Both numbers were checked to be positive. The default is `min(sources, workers or 4, 4)`.
    """
    asked = parallel if parallel is not None else min(workers or DEFAULT_WRITERS, DEFAULT_WRITERS)
    return max(1, min(sources, asked))
