"""When a source under watch is synced, and when its remote is asked whether it moved."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from gbrain.domain.outcome import Result, Status

POLLS_APART = timedelta(seconds=0.25)
"""Over many sources polls are spread so that no more than one begins in this time."""

EARLIEST = 0.9
"""Jitter makes each time come earlier by up to a tenth: many sources never stay in step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """How often: `interval` is the longest time between two syncs, `poll` between two questions to the remote."""

    interval: timedelta
    poll: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is known of a source under watch. Times are seconds of a steady clock.

    `is_busy`: it is being synced or asked. `at` is the revision its last sync ended at, None where it did not come so
    far. `bad_ends` counts the syncs in a row that did not go well: then its remote is not asked, only what is here.
    """

    sync_at_s: float
    poll_at_s: float | None = None
    is_busy: bool = False
    at: str | None = None
    bad_ends: int = 0

    @property
    def next_s(self) -> float | None:
        """When there is something to do for it; None while something is being done."""
        if self.is_busy:
            return None
        return self.sync_at_s if self.poll_at_s is None else min(self.sync_at_s, self.poll_at_s)


def is_due(watched: Watched, now_s: float) -> bool:
    """Whether the source is to be synced."""
    return not watched.is_busy and watched.sync_at_s <= now_s


def is_to_poll(watched: Watched, now_s: float) -> bool:
    """Whether its remote is to be asked."""
    is_time = watched.poll_at_s is not None and watched.poll_at_s <= now_s
    return is_time and not watched.is_busy and not is_due(watched, now_s)


def synced(watched: Watched, result: Result, now_s: float, paces: Paces, jitter: float) -> Watched:
    """After a sync: what went well is asked at the pace of polls, what did not is tried again, ever more rarely.

    `jitter` is between 0 and 1.
    """
    if result.status in (Status.OK, Status.SKIPPED):
        sync_at_s = now_s + _sooner(paces.interval, jitter)
        poll_at_s = now_s + _sooner(paces.poll, jitter) if result.status is Status.OK else None
        return Watched(sync_at_s=sync_at_s, poll_at_s=poll_at_s, at=result.to_revision)
    bad_ends = 0 if result.status is Status.BUSY else watched.bad_ends + 1
    pause = min(paces.interval, paces.poll * 2 ** min(bad_ends, 20))
    is_half_well = result.status is Status.PARTIAL and result.to_revision is not None
    return Watched(
        sync_at_s=now_s + _sooner(pause, jitter),
        poll_at_s=now_s + _sooner(paces.poll, jitter) if is_half_well else None,
        at=result.to_revision if is_half_well else None,
        bad_ends=bad_ends,
    )


def polled(watched: Watched, *, has_moved: bool, now_s: float, paces: Paces, jitter: float) -> Watched:
    """After its remote was asked: due where it moved."""
    if has_moved:
        return replace(watched, is_busy=False, sync_at_s=now_s, poll_at_s=None)
    return replace(watched, is_busy=False, poll_at_s=now_s + _sooner(paces.poll, jitter))


def polls_of(base: timedelta, sources: int) -> timedelta:
    """How often each of so many sources is asked: as often as wanted, and all of them together not too often."""
    return max(base, sources * POLLS_APART)


def pause_until_next(watched: Collection[Watched], now_s: float, at_most: timedelta) -> float:
    """How many seconds there is nothing to do."""
    nexts = [at_s for one in watched if (at_s := one.next_s) is not None]
    return max(0.0, min([at_s - now_s for at_s in nexts] + [at_most.total_seconds()]))


def _sooner(span: timedelta, jitter: float) -> float:
    return span.total_seconds() * (1 - (1 - EARLIEST) * jitter)
