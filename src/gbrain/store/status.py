"""What the dashboard reads: one row a source and one a worker, no counting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
    pending: int | None
    """In how many places a vector of the active model is missing; None where there is no active model."""
    now: datetime
    running: Running | None


@asynccontextmanager
async def one_moment(conn: Connection) -> AsyncIterator[None]:
    """All that is read within the block is as of one moment."""
    async with conn.transaction():
        await conn.execute(SQL["begin"])
        yield


async def statuses(conn: Connection) -> list[SourceStatus]:
    """Every source's status, by id."""
    names = [name for name in SourceStatus.__dataclass_fields__ if name != "running"]
    found = []
    for row in await (await conn.execute(SQL["status"])).fetchall():
        kept, run = row[: len(names)], row[len(names) :]
        running = _running(run) if run[0] is not None else None
        found.append(SourceStatus(**dict(zip(names, kept, strict=True)), running=running))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A worker that fills a model's backlog, on whatever host, as it said itself."""

    host: str
    pid: int
    started_at: datetime
    done: int
    total: int | None
    """Texts that it has embedded, and all that it knows of; others may take some of them."""
    rate_per_s: float | None
    waits_until: datetime | None
    """Until when its provider is to be left alone."""
    trouble: str | None
    """What the provider last said that was no answer."""
    holder: Holder


async def fills(conn: Connection, model_id: int) -> list[Fill]:
    """Who fills the model's backlog."""
    found = []
    for row in await (await conn.execute(SQL["fills"], {"model": model_id})).fetchall():
        fields = dict(zip(Fill.__dataclass_fields__, row[:8], strict=False))
        host, boot, pids, pid, started = row[8:]
        found.append(Fill(**fields, holder=Holder(host=host, boot=boot, pids=pids, pid=pid, started=started)))
    return found


async def pending_places(conn: Connection, model_id: int) -> dict[str, int]:
    """In how many places of each source a vector of the model is missing."""
    rows = await (await conn.execute(SQL["pending_places"], {"model": model_id})).fetchall()
    return {source: max(0, pending) for source, pending in rows}


def _running(row: Sequence[Any]) -> Running:
    fields = dict(zip(Running.__dataclass_fields__, row[:8], strict=False))
    host, boot, pids, pid, started = row[8:]
    return Running(**fields, holder=Holder(host=host, boot=boot, pids=pids, pid=pid, started=started))
