"""In which order sources start, and which of them may hold up only themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gbrain.domain.outcome import REMOTE_CODES, Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a source from its earlier runs."""

    last_code: str | None = None
    """The error code of the last attempt; None where that went well, or there was none."""
    is_in: bool = False
    """Whether a sync of it was ever completed."""
    wrote: timedelta = timedelta()
    """How long the last run that had something to write took over it."""


def in_order(source_ids: Sequence[str], pasts: Mapping[str, Past]) -> list[str]:
    """The sources in the order in which they start.

    Those whose last fetch worked come first: first syncs, then by how long they write, since what takes longest should
    not begin last. Then those whose last fetch failed, silent remotes at the very end.
    """
    return sorted(source_ids, key=lambda source_id: _rank(source_id, pasts.get(source_id, Past())))


def slow_ones(pasts: Mapping[str, Past]) -> frozenset[str]:
    """The sources whose last fetch was given up."""
    return frozenset(source_id for source_id, past in pasts.items() if past.last_code == Code.FETCH_TIMEOUT)


def slots_for_slow_ones(slots: int) -> int:
    """How many of the fetch slots they may hold together: a quarter, and one at least."""
    return max(1, slots // 4)


def _rank(source_id: str, past: Past) -> tuple[bool, bool, bool, timedelta, str]:
    is_slow = past.last_code == Code.FETCH_TIMEOUT
    return past.last_code in REMOTE_CODES, is_slow, past.is_in, -past.wrote, source_id
