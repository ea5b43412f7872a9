"""What the dashboard reads: one row a source, no counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gbrain.domain.lease import Holder
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A run under way, on whatever host."""

    host: str
    pid: int
    started_at: datetime
    phase: str
    done: int
    total: int | None
    rate_per_s: float | None
    """Items a second in the last half minute, as the run itself said; None until it has."""
    phase_at: datetime | None
    """Since when it is busy with its phase."""
    holder: Holder
    """Of the lease the run is under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """All that is kept about one source. `now` is the database's clock as it was read."""

    id: str
    name: str
    host_id: str | None
    host_name: str | None
    path: bytes | None
    url: str | None
    federated: bool
    enabled: bool
    max_age: timedelta | None
    last_sync_at: datetime | None
    last_attempt_at: datetime | None
    last_attempt_status: str | None
    last_attempt_code: str | None
    bookmark_commit: str | None
    committed_at: datetime | None
    pages: int
    chunks: int
    failures_open: int
    failures_acknowledged: int
    settled: bool
    """False while some of a run is in that did not come to its end."""
    now: datetime
    running: Running | None


async def statuses(conn: Connection) -> list[SourceStatus]:
    """Every source's status, by id."""
    names = [name for name in SourceStatus.__dataclass_fields__ if name != "running"]
    found = []
    for row in await (await conn.execute(SQL["status"])).fetchall():
        kept, run = row[: len(names)], row[len(names) :]
        running = _running(run) if run[0] is not None else None
        found.append(SourceStatus(**dict(zip(names, kept, strict=True)), running=running))
    return found


def _running(row: Sequence[Any]) -> Running:
    fields = dict(zip(Running.__dataclass_fields__, row[:8], strict=False))
    host, boot, pids, pid, started = row[8:]
    return Running(**fields, holder=Holder(host=host, boot=boot, pids=pids, pid=pid, started=started))
