"""The registry of sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from gbrain.domain.lease import lease_name
from gbrain.domain.source import Bookmark, Source, SourceState, Strategy, ends_run, reads_the_same
from gbrain.errors import UsageError
from gbrain.store import leases
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("sources")
_PARTS = (
    *("last_places", "links", "chunks", "texts", "postings", "segments", "pages"),
    *("ledger", "runs", "coverage", "grants", "state", "source"),
)
"""What is removed of a source, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What removing a source takes with it."""

    pages: int
    chunks: int
    failures: int
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A path that could not be taken in. `state` is open, acknowledged or skipped; `blob` is lower-case hex."""

    source_id: str
    path: bytes
    reason: str
    detail: str
    state: str
    blob: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A failure that somebody has acknowledged, whole."""

    source_id: str
    path: bytes
    blob: bytes
    mode: int
    fingerprint: bytes
    slug: str | None
    reason: str
    detail: str
    first_seen_at: datetime


async def add(conn: Connection, source: Source) -> bool:
    """Register a source; False where its id is taken."""
    async with conn.transaction():
        row = await (await conn.execute(SQL["create"], _values(source))).fetchone()
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


async def change(
    conn: Connection, source_id: str, fields: Mapping[str, Any], *, seen_version: int | None = None
) -> SourceState | None:
    """Set some of the source's settings; where it stands then, or None where there is no such source.

    None too where its settings are of another version than the one seen, if one is given. Where a run in progress must
    not go on it ends as `lease_lost`.
    """
    async with conn.transaction():
        await conn.execute(SQL["bound_change"])
        await conn.execute(SQL["lock"], {"id": source_id})
        state = await one(conn, source_id)
        if state is None or seen_version not in (None, state.source.settings_version):
            return None
        before, after = state.source, replace(state.source, **fields)
        if not reads_the_same(before, after):
            after = replace(after, settings_version=before.settings_version + 1)
        if ends_run(before, after):
            await leases.raise_token(conn, lease_name(source_id))
        if after.is_default and not before.is_default:
            await conn.execute(SQL["clear_default"])
        await conn.execute(SQL["change"], _values(after))
        return await one(conn, source_id)


async def now(conn: Connection) -> datetime:
    """The server's clock."""
    row = await (await conn.execute(SQL["now"])).fetchone()
    if row is None:
        raise RuntimeError("the server told no time")
    moment: datetime = row[0]
    return moment


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
        for part in _PARTS:
            await conn.execute(SQL[f"remove_{part}"], {"id": source_id})


async def _end_run(conn: Connection, source_id: str) -> None:
    async with conn.transaction():
        await conn.execute(SQL["bound_removal"])
        await leases.raise_token(conn, lease_name(source_id))


async def failures(conn: Connection, source_id: str | None, *, with_skipped: bool) -> list[Failure]:
    """What could not be taken in, of one source or of all, by source, open ones first, what was skipped last."""
    rows = await (await conn.execute(SQL["failures"], {"id": source_id, "skipped": with_skipped})).fetchall()
    return [Failure(**dict(zip(Failure.__dataclass_fields__, row, strict=True))) for row in rows]


async def acknowledged(conn: Connection) -> list[Acknowledged]:
    """Every acknowledged failure of the brain, by source and path."""
    rows = await (await conn.execute(SQL["acknowledged"])).fetchall()
    return [Acknowledged(**dict(zip(Acknowledged.__dataclass_fields__, row, strict=True))) for row in rows]


async def bring_in(conn: Connection, brought: Sequence[Source], failures: Sequence[Acknowledged]) -> None:
    """Register sources as they were elsewhere, with what was acknowledged of them; all or none."""
    async with conn.transaction():
        for source in brought:
            if not await add(conn, source):
                raise UsageError(f"there is a source {source.id} already", hint="run the command again")
            kept = {"archived_at": source.archived_at, "is_default": source.is_default}
            await change(conn, source.id, kept)
            of_source = [failure for failure in failures if failure.source_id == source.id]
            for failure in of_source:
                await conn.execute(SQL["acknowledge_again"], asdict(failure))
            await conn.execute(SQL["count_acknowledged"], {"source_id": source.id, "count": len(of_source)})


def _values(source: Source) -> dict[str, Any]:
    values = {name: getattr(source, name) for name in Source.__dataclass_fields__}
    lists = {"include": list(source.include), "exclude": list(source.exclude)}
    return values | lists | {"strategy": source.strategy.value}


def _state(row: Sequence[Any]) -> SourceState:
    fields = dict(zip(Source.__dataclass_fields__, row, strict=False))
    lists = {"include": tuple(fields["include"]), "exclude": tuple(fields["exclude"])}
    source = Source(**fields | lists | {"strategy": Strategy(fields["strategy"])})
    commit, tree, fingerprint, committed_at, settled = row[len(fields) :]
    bookmark = Bookmark(commit=commit, tree=tree, fingerprint=fingerprint) if commit else None
    return SourceState(source=source, bookmark=bookmark, settled=settled, committed_at=committed_at)
