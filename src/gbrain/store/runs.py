"""The record of a source's runs, and what other processes see of one that is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gbrain.domain.fleet import Past
from gbrain.domain.lease import Holder, Lease
from gbrain.domain.outcome import Counts, Result
from gbrain.domain.steps import Phase
from gbrain.errors import LeaseLost
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("runs")

KEPT_FOR = timedelta(days=90)
"""A run is on record for so long."""
KEPT_ALWAYS = 50
"""So many of a source's last runs are, however old they are."""
_FORGOTTEN_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run under way."""

    id: int
    source_id: str
    lease: Lease
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProgress:
    """How far a run under way is with its phase, and how many items a second it does."""

    run_id: int
    phase: Phase
    done: int
    total: int | None
    rate_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run as it is on record; `finished_at` is None while it is under way, or where it was cut off."""

    id: int
    source_id: str
    host: str
    pid: int
    started_at: datetime
    finished_at: datetime | None
    phase: str
    done: int
    total: int | None
    status: str | None
    sync_status: str | None
    error_code: str | None
    error: str | None
    hint: str | None
    from_revision: str | None
    to_revision: str | None
    counts: dict[str, int]


async def past(conn: Connection, source_id: str | None, limit: int) -> list[PastRun]:
    """The last runs of one source or of all, the newest first."""
    rows = await (await conn.execute(SQL["past"], {"id": source_id, "limit": limit})).fetchall()
    names = [name for name in PastRun.__dataclass_fields__ if name != "counts"]
    counted = list(Counts.__dataclass_fields__)
    return [
        PastRun(**dict(zip(names, row, strict=False)), counts=dict(zip(counted, row[len(names) :], strict=True)))
        for row in rows
    ]


async def pasts(conn: Connection) -> dict[str, Past]:
    """What is known of each source from its earlier runs, by id."""
    rows = await (await conn.execute(SQL["pasts"])).fetchall()
    return {
        source_id: Past(last_code=code, is_in=is_in, wrote=wrote or timedelta())
        for source_id, code, is_in, wrote in rows
    }


async def begin(conn: Connection, source_id: str, lease: Lease, me: Holder, *, from_revision: str | None) -> Run:
    """Record that a run begins; earlier runs that were cut off are closed. Raises LeaseLost without the lease."""
    values = {"source": source_id, "name": lease.name, "token": lease.token, "host": me.host, "pid": me.pid}
    row = await (await conn.execute(SQL["begin"], values | {"from_revision": from_revision})).fetchone()
    if row is None:
        raise LeaseLost(f"the lease {lease.name} was lost before the run began", hint="run the sync again")
    return Run(id=row[0], source_id=source_id, lease=lease, started_at=row[1])


async def enter(conn: Connection, run: Run, phase: Phase, *, total: int | None) -> None:
    """Say what the run is busy with from now on."""
    await conn.execute(SQL["enter"], {"run": run.id, "phase": phase.value, "total": total})


async def keep_progress(conn: Connection, news: Sequence[RowProgress]) -> list[int]:
    """Say how far these runs are; the ids of those whose rows were free."""
    values = {
        "runs": [row.run_id for row in news],
        "phases": [row.phase.value for row in news],
        "done": [row.done for row in news],
        "totals": [row.total for row in news],
        "rates": [row.rate_per_s for row in news],
    }
    return [row[0] for row in await (await conn.execute(SQL["keep_progress"], values)).fetchall()]


async def finish(conn: Connection, run: Run, result: Result, *, fresh: bool, wrote: timedelta | None) -> int:
    """Record how the run ended; how many failures of the source are open.

    `fresh`: the source was really compared with all it follows. `wrote`: how long it took over what there was to write;
    None where there was nothing.
    """
    trouble = result.trouble
    values = {
        "run": run.id,
        "source": result.source_id,
        "name": run.lease.name,
        "token": run.lease.token,
        "started_at": run.started_at,
        "status": result.status.value,
        "sync_status": result.sync_status.value if result.sync_status else None,
        "error_code": trouble.code.value if trouble else None,
        "error": trouble.message if trouble else None,
        "hint": trouble.hint if trouble else None,
        "to_revision": result.to_revision,
        "fresh": fresh,
        "wrote": wrote,
        "keep": KEPT_FOR,
        "always": KEPT_ALWAYS,
        "limit": _FORGOTTEN_AT_ONCE,
    }
    row = await (await conn.execute(SQL["finish"], values)).fetchone()
    return row[0] if row is not None else 0


async def interrupt(conn: Connection, run: Run) -> None:
    """Record that the run was told to end. The source's last attempt stays what it was: nothing is wrong with it."""
    await conn.execute(SQL["interrupt"], {"run": run.id})


async def failures_open(conn: Connection, source_id: str) -> int:
    """How many failures of the source are open; 0 where there is no such source."""
    row = await (await conn.execute(SQL["failures_open"], {"source": source_id})).fetchone()
    return row[0] if row is not None else 0
