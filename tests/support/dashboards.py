"""The state of sources as values, for tables of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gbrain.domain.health import Signs, assess, staleness_of
from gbrain.domain.lease import Holder
from gbrain.services.coverage import Coverage, ModelFills
from gbrain.services.status import Assessed, Dashboard
from gbrain.store.status import Fill, Running, SourceStatus

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
_NOBODY = Holder(host="", boot="", pids="", pid=1, started="")


def source(
    source_id: str, *, age: timedelta | None = timedelta(0), elsewhere: str | None = None, **kept: Any
) -> Assessed:
    """A source whose last check was so long ago, judged; `kept` are fields of its status."""
    last = None if age is None else NOW - age
    fields = _FIELDS | {"id": source_id, "name": source_id, "last_sync_at": last} | kept
    status = SourceStatus(**fields)
    signs = Signs(
        last_sync_at=last,
        last_attempt_status=status.last_attempt_status,
        last_attempt_code=status.last_attempt_code,
        failures_open=status.failures_open,
        max_age=status.max_age,
        is_half_in=not status.settled,
        lacks_vectors=bool(status.pending),
    )
    health, reasons = assess(signs, NOW)
    staleness = staleness_of(last, NOW, status.max_age)
    return Assessed(status=status, staleness=staleness, health=health, reasons=reasons, elsewhere=elsewhere)


def dashboard(sources: Sequence[Assessed], coverage: Coverage | None = None) -> Dashboard:
    """The sources, and what is told of embeddings."""
    return Dashboard(sources=list(sources), coverage=coverage)


def run(phase: str, done: int = 0, total: int | None = None, *, host: str = "build-01", seconds: int = 100) -> Running:
    """A run that has been under way for so long."""
    started_at = NOW - timedelta(seconds=seconds)
    return Running(
        host=host,
        pid=4711,
        started_at=started_at,
        phase=phase,
        done=done,
        total=total,
        rate_per_s=done / seconds if done and seconds >= 3 else None,
        phase_at=started_at,
        holder=_NOBODY,
    )


def model(name: str, *fills: Fill, pct: float = 100.0) -> ModelFills:
    """A model in use, and who is at work on it."""
    return ModelFills(name=name, coverage_pct=pct, fills=list(fills))


def coverage(active: ModelFills, filling: ModelFills | None = None) -> Coverage:
    """What is told of embeddings."""
    return Coverage(active=active, filling=filling)


def fill(done: int, total: int | None, rate: float | None = None, **known: Any) -> Fill:
    """A worker; `known` are other fields of it."""
    fields: dict[str, Any] = {"host": "build-01", "pid": 4711, "started_at": NOW, "waits_until": None, "trouble": None}
    return Fill(**fields | known, done=done, total=total, rate_per_s=rate, holder=_NOBODY)


_FIELDS: dict[str, Any] = {
    "host_id": None,
    "host_name": None,
    "path": None,
    "url": "https://example.org/a.git",
    "federated": True,
    "enabled": True,
    "max_age": None,
    "last_attempt_at": NOW,
    "last_attempt_status": "ok",
    "last_attempt_code": None,
    "bookmark_commit": "0123456789abcdef0123456789abcdef01234567",
    "committed_at": NOW,
    "pages": 12,
    "chunks": 34,
    "failures_open": 0,
    "failures_acknowledged": 0,
    "settled": True,
    "pending": None,
    "now": NOW,
    "running": None,
}
