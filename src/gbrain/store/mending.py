"""What a source has that no batch would touch: found first, taken away or put right under the lease.

What is found stays so until the lease is proved: nobody else writes this source's rows while it is ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

from gbrain.domain.outcome import Counts
from gbrain.domain.steps import Step
from gbrain.store import leases, models, pending, segments
from gbrain.store.batch import bound, record_counts
from gbrain.store.connection import Connection, Pool, answering
from gbrain.store.rows import Writer
from gbrain.store.statements import statements

SQL = statements("mending")
PIECE = 2000
_TIMES = 10
"""How much longer than others these questions may take: each looks at all that a source has."""

Key = tuple[int, int]
"""The page and ordinal of a place or a link."""


class RightCounts(NamedTuple):
    """The counts that status should show."""

    pages: int
    chunks: int
    open: int
    acknowledged: int


async def stray_places(pool: Pool, source_id: str) -> list[Key]:
    """The first places that stand on no page; those of another source's texts are left to that one."""
    async with answering(pool, times=_TIMES) as conn:
        values = {"source": source_id, "limit": PIECE}
        return [(row[0], row[1]) for row in await (await conn.execute(SQL["stray_places"], values)).fetchall()]


async def stray_links(pool: Pool) -> list[Key]:
    """The first links that stand on no page, whoever wrote them."""
    async with answering(pool, times=_TIMES) as conn:
        return [(row[0], row[1]) for row in await (await conn.execute(SQL["stray_links"], {"limit": PIECE})).fetchall()]


async def wrong_texts(pool: Pool, source_id: str) -> AsyncIterator[list[int]]:
    """The texts that must go, by id, a list for each piece of the source's texts that has any."""
    after: bytes | None = b""
    while after is not None:
        async with answering(pool, times=_TIMES) as conn:
            values = {"source": source_id, "after": after, "limit": PIECE}
            rows = await (await conn.execute(SQL["texts_after"], values, binary=True)).fetchall()
        if wrong := [row[0] for row in rows if row[2]]:
            yield wrong
        after = rows[-1][1] if len(rows) == PIECE else None


async def wrong_words(pool: Pool, source_id: str) -> segments.Damage:
    """The parts of the index of words that are not as they were written."""
    async with pool.connection() as conn:
        return await segments.damaged(conn, source_id)


async def lost_words(pool: Pool, source_id: str, sound: Set[int]) -> AsyncIterator[list[int]]:
    """The editions of pages that stand in no sound part of the index, piece by piece."""
    async with pool.connection() as conn:
        found = [editions async for editions in segments.doubted(conn, source_id, sound)]
    for editions in found:
        yield editions


async def doubt_words(conn: Connection, writer: Writer, editions: Sequence[int]) -> None:
    """Have these pages indexed anew, by this run or, should it be cut off, by any later one."""
    async with _fenced(conn, writer):
        await segments.doubt(conn, writer.source_id, editions)
        await conn.execute(SQL["unsettle"], {"source": writer.source_id})


async def drop_words(conn: Connection, writer: Writer, segment: int) -> None:
    """Take a part of the index away."""
    async with _fenced(conn, writer):
        await segments.drop(conn, writer.source_id, segment)


async def wrong_counts(pool: Pool, source_id: str) -> RightCounts | None:
    """What status should show instead of what it shows; None where that is right."""
    async with answering(pool, times=_TIMES) as conn:
        row = await (await conn.execute(SQL["count"], {"source": source_id})).fetchone()
    return RightCounts(*row) if row is not None else None


async def wrong_models(pool: Pool, source_id: str) -> list[int]:
    """The models of which it is not kept rightly what the source lacks."""
    async with answering(pool, times=_TIMES) as conn:
        found = await models.counted(conn)
        return [model.id for model in found if not (await models.audit(conn, model.id, source_id)).is_right]


async def drop_places(conn: Connection, writer: Writer, keys: Sequence[Key]) -> None:
    """Take these places away."""
    async with _fenced(conn, writer):
        await conn.execute(SQL["loosen_places"], _columns(keys))
        await conn.execute(SQL["drop_places"], _columns(keys))


async def drop_links(conn: Connection, writer: Writer, keys: Sequence[Key]) -> None:
    """Take these links away."""
    async with _fenced(conn, writer):
        await conn.execute(SQL["drop_links"], _columns(keys))


async def drop_texts(conn: Connection, writer: Writer, texts: Sequence[int]) -> Counts:
    """Take these texts away, and see to it that the pages they stood on are derived again; what was committed."""
    values = {"source": writer.source_id, "texts": list(texts)}
    async with _fenced(conn, writer):
        await conn.execute(SQL["doubt_pages"], values)
        counts = Counts(chunks_deleted=(await conn.execute(SQL["drop_texts"], values)).rowcount)
        await conn.execute(SQL["unsettle"], values)
        await record_counts(conn, writer, counts, items=0)
    return counts


async def recount(conn: Connection, writer: Writer, counts: RightCounts) -> None:
    """Have status show these counts; the batches that follow keep them in step."""
    async with _fenced(conn, writer):
        await conn.execute(SQL["recount"], counts._asdict() | {"source": writer.source_id})


async def recount_pending(conn: Connection, writer: Writer, model_id: int) -> None:
    """Put all that lacks a vector of the model into its backlog, and count it; fills may go on meanwhile.

    No lease is proved: it makes the same of the rows whoever does it and whenever, and a take-over would have to wait
    for a proof as long as the rows of a large source are read. Nobody waits for it once its client has stopped.
    """
    async with conn.transaction():
        await conn.execute(SQL["bound_recount"], _milliseconds(limit=writer.limit, longest=writer.limit * _TIMES))
        if model_id in await pending.live_models(conn):
            await models.recount(conn, model_id, writer.source_id)


@asynccontextmanager
async def _fenced(conn: Connection, writer: Writer) -> AsyncIterator[None]:
    """One transaction that holds up nobody for longer than a batch may, and commits only while the lease is ours."""
    async with conn.transaction():
        await bound(conn, writer.limit)
        await leases.prove(conn, writer.lease)
        writer.probe(Step.PROVED)
        yield
        writer.probe(Step.MERGED)
    writer.probe(Step.COMMITTED)


def _milliseconds(**limits: timedelta) -> dict[str, str]:
    return {name: f"{int(limit.total_seconds() * 1000)}ms" for name, limit in limits.items()}


def _columns(keys: Sequence[Key]) -> dict[str, list[int]]:
    return {"pages": [page for page, _ in keys], "ordinals": [ordinal for _, ordinal in keys]}
