"""The registry of sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gbrain.domain.lease import lease_name
from gbrain.domain.source import Bookmark, Source, SourceState, Strategy
from gbrain.store import leases
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What removing a source takes with it."""

    pages: int
    chunks: int
    failures: int
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A path that could not be taken in. `state` is open or acknowledged; `blob` is lower-case hex."""

    source_id: str
    path: bytes
    reason: str
    detail: str
    state: str
    blob: str
    first_seen_at: datetime


async def add(conn: Connection, source: Source) -> bool:
    """Register a source; False where its id is taken."""
    values = {name: getattr(source, name) for name in Source.__dataclass_fields__ if name != "settings_version"}
    async with conn.transaction():
        row = await (await conn.execute(SQL["create"], values | {"strategy": source.strategy.value})).fetchone()
        if row is None:
            return False
        await conn.execute(SQL["create_state"], {"id": source.id})
        await leases.create(conn, lease_name(source.id))
    return True


async def all_sources(conn: Connection) -> list[SourceState]:
    """Every source with where it stands, by id."""
    return [_state(row) for row in await (await conn.execute(SQL["all"])).fetchall()]


async def one(conn: Connection, source_id: str) -> SourceState | None:
    """One source with where it stands; None where there is none of that id."""
    row = await (await conn.execute(SQL["one"], {"id": source_id})).fetchone()
    return _state(row) if row is not None else None


async def weigh(conn: Connection, source_id: str) -> Weight:
    """What removing the source would take."""
    row = await (await conn.execute(SQL["weigh"], {"id": source_id})).fetchone()
    pages, chunks, failures, runs = row or (0, 0, 0, 0)
    return Weight(pages=pages, chunks=chunks, failures=failures, runs=runs)


async def remove(conn: Connection, source_id: str) -> None:
    """Delete the source and all that was derived from it; a run in progress ends as `lease_lost`.

    That run is told first, in a transaction of its own; then the lease is ended once more and kept from others until
    all is deleted.
    """
    await _end_run(conn, source_id)
    async with conn.transaction():
        await conn.execute(SQL["bound_removal"])
        await leases.raise_token(conn, lease_name(source_id))
        for name in ("links", "chunks", "texts", "pages", "ledger", "runs", "state", "source"):
            await conn.execute(SQL[f"remove_{name}"], {"id": source_id})


async def _end_run(conn: Connection, source_id: str) -> None:
    async with conn.transaction():
        await conn.execute(SQL["bound_removal"])
        await leases.raise_token(conn, lease_name(source_id))


async def failures(conn: Connection, source_id: str | None) -> list[Failure]:
    """What could not be taken in, of one source or of all, by source, open ones first."""
    rows = await (await conn.execute(SQL["failures"], {"id": source_id})).fetchall()
    return [Failure(**dict(zip(Failure.__dataclass_fields__, row, strict=True))) for row in rows]


def _state(row: Sequence[Any]) -> SourceState:
    source = Source(**dict(zip(Source.__dataclass_fields__, [*row[:7], Strategy(row[7]), *row[8:12]], strict=True)))
    commit, tree, fingerprint, committed_at, settled = row[12:]
    bookmark = Bookmark(commit=commit, tree=tree, fingerprint=fingerprint) if commit else None
    return SourceState(source=source, bookmark=bookmark, settled=settled, committed_at=committed_at)
