"""How many sources write at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DEFAULT_WRITERS = 4

RENEWALS_AND_REST = 2
"""The connections a sync has beside its writers': one for renewing leases, one for everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Something that bounds how many connections there may be, and how many others have of them."""

    of: str
    most: int
    taken: int

    @property
    def left(self) -> int:
        """How many this process may have."""
        return max(0, self.most - self.taken)

    def __str__(self) -> str:
        """The sum, for a message."""
        return f"{self.of} grants {self.left} ({self.most}, {self.taken or 'none'} taken)"


def resolve_parallel(*, sources: int, workers: int | None, parallel: int | None) -> int:
    """The number of write slots: what was asked for, clamped to the number of sources, or the default; at least 1.

    Both numbers were checked to be positive. The default is `min(sources, workers or 4, 4)`.
    """
    asked = parallel if parallel is not None else min(workers or DEFAULT_WRITERS, DEFAULT_WRITERS)
    return max(1, min(sources, asked))


def tightest(limits: Iterable[Limit]) -> Limit | None:
    """The limit that leaves the fewest connections; None where there is none."""
    return min(limits, key=lambda limit: limit.left, default=None)


def lowered(width: int, limit: Limit | None) -> int:
    """How many write slots fit under the limit, `width` at most."""
    return width if limit is None else min(width, limit.left - RENEWALS_AND_REST)
