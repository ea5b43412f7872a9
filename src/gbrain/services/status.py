"""The state of every source as a person and a script are told it: one place for all surfaces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gbrain.domain.health import Health, Signs, Staleness, assess, staleness_of
from gbrain.domain.lease import Holder, Life
from gbrain.domain.models import coverage_pct
from gbrain.domain.pace import ETA_AFTER_S, remaining
from gbrain.machine.process import machine_id, this_process
from gbrain.services.coverage import Coverage, read_coverage
from gbrain.services.leasing import life_of
from gbrain.store.connection import Connection
from gbrain.store.status import Running, SourceStatus, one_moment, statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """A source's status with the judgement on it."""

    status: SourceStatus
    staleness: Staleness
    health: Health
    reasons: list[str]
    elsewhere: str | None
    """The host that its path belongs to, where that is another one."""

    @property
    def staleness_hours(self) -> float | None:
        """Hours since the last successful check, to one decimal; None if there was none."""
        since = self.status.last_sync_at
        return None if since is None else round(max(0.0, (self.status.now - since).total_seconds() / 3600), 1)

    @property
    def coverage_pct(self) -> float | None:
        """The share of its chunks that have a vector; None where there is no active model."""
        pending = self.status.pending
        return None if pending is None else coverage_pct(self.status.chunks, pending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The sources, by id, and what is told of embeddings; None where there is no active model."""

    sources: list[Assessed]
    coverage: Coverage | None

    @property
    def without_embeddings(self) -> Dashboard:
        """The same for somebody who has embedding switched off."""
        sources = [assessed(replace(row.status, pending=None), None) for row in self.sources]
        return Dashboard(sources=sources, coverage=None)


async def read_dashboard(conn: Connection) -> Dashboard:
    """Every source that is not archived, and the models. What is seen to be dead is not under way."""
    me = this_process()
    async with one_moment(conn):
        coverage = await read_coverage(conn, me)
        found = await statuses(conn)
    sources = [assessed(_without_the_dead(status, me), coverage) for status in found]
    return Dashboard(sources=sources, coverage=coverage)


def assessed(status: SourceStatus, coverage: Coverage | None) -> Assessed:
    """The source, judged."""
    is_at_work = status.running is not None or bool(coverage and coverage.active.fills)
    signs = Signs(
        last_sync_at=status.last_sync_at,
        last_attempt_status=status.last_attempt_status,
        last_attempt_code=status.last_attempt_code,
        failures_open=status.failures_open,
        max_age=status.max_age,
        is_half_in=not status.settled
        and status.running is None
        and (status.pages > 0 or status.bookmark_commit is not None),
        lacks_vectors=bool(status.pending and status.pending > 0) and not is_at_work,
    )
    health, reasons = assess(signs, status.now)
    staleness = staleness_of(status.last_sync_at, status.now, status.max_age)
    elsewhere = status.host_name if status.host_id not in (None, machine_id()) else None
    return Assessed(
        status=status,
        staleness=staleness,
        health=health,
        reasons=reasons,
        elsewhere=elsewhere,
    )


def rate_and_eta(run: Running, now: datetime) -> tuple[float | None, int | None]:
    """Items a second in the last 30 s, and the seconds left at that rate; None where they cannot be told yet."""
    rate = None if run.rate_per_s is None else round(run.rate_per_s, 1)
    seconds = (now - (run.phase_at or run.started_at)).total_seconds()
    if not run.rate_per_s or run.total is None or run.done >= run.total or seconds < ETA_AFTER_S:
        return rate, None
    return rate, round(remaining(run.done, run.total, run.rate_per_s).total_seconds())


def _without_the_dead(status: SourceStatus, me: Holder) -> SourceStatus:
    if status.running is None or life_of(status.running.holder, me) is not Life.DEAD:
        return status
    return replace(status, running=None)
