"""What verification reads: one source as it is stored, at one moment, in pieces of bounded size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from gbrain.domain.verification import FullEntry, FullPage, Place, StoredLink
from gbrain.store.connection import ANSWER_SECONDS, Connection, Pool
from gbrain.store.statements import statements

SQL = statements("verify")
PIECE = 500
_STRAY = ("chunks", "links", "pages", "texts", "ledger", "coverage")


class KeptCounts(NamedTuple):
    """The counts that the writers keep."""

    pages: int
    chunks: int
    failures_open: int
    failures_acknowledged: int


class TextCheck(NamedTuple):
    """A text by its hash, and whether hash and use are as they should be."""

    hash: bytes
    is_intact: bool
    is_used: bool


@asynccontextmanager
async def snapshot(pool: Pool, *, times: int = 1) -> AsyncIterator[Connection]:
    """A connection on which everything is read as of one moment, and nothing can be written.

    Each statement may take `times` ANSWER_SECONDS.
    """
    async with pool.connection() as conn, conn.transaction():
        await conn.execute(SQL["begin"])
        await conn.execute(SQL["bound"], {"limit": f"{times * ANSWER_SECONDS:.0f}s"})
        yield conn


async def kept_counts(conn: Connection, source_id: str) -> KeptCounts:
    """What status shows."""
    row = await (await conn.execute(SQL["counts"], {"source": source_id})).fetchone()
    return KeptCounts(*(row or (0, 0, 0, 0)))


async def pages(conn: Connection, source_id: str) -> AsyncGenerator[list[FullPage], None]:
    """All pages in byte order of path."""
    after: bytes | None = b""
    while after is not None:
        values = {"source": source_id, "after": after, "limit": PIECE}
        rows = await (await conn.execute(SQL["pages_after"], values)).fetchall()
        if rows:
            yield [FullPage(*row) for row in rows]
        after = rows[-1][0] if len(rows) == PIECE else None


async def entries(conn: Connection, source_id: str) -> AsyncGenerator[list[FullEntry], None]:
    """The ledger in byte order of path."""
    after: bytes | None = b""
    while after is not None:
        values = {"source": source_id, "after": after, "limit": PIECE}
        rows = await (await conn.execute(SQL["entries_after"], values)).fetchall()
        if rows:
            yield [FullEntry(*row) for row in rows]
        after = rows[-1][0] if len(rows) == PIECE else None


async def places_of(conn: Connection, source_id: str, page_ids: Sequence[int]) -> dict[int, list[Place]]:
    """The chunks' places of some pages, in order."""
    found: dict[int, list[Place]] = defaultdict(list)
    values = {"source": source_id, "pages": list(page_ids)}
    for page_id, *place in await (await conn.execute(SQL["chunks_of"], values)).fetchall():
        found[page_id].append(Place(*place))
    return found


async def count_places(conn: Connection, page_ids: Sequence[int]) -> int:
    """How many places some pages have together."""
    row = await (await conn.execute(SQL["count_places"], {"pages": list(page_ids)})).fetchone()
    return row[0] if row is not None else 0


async def links_of(conn: Connection, page_ids: Sequence[int]) -> dict[int, list[StoredLink]]:
    """The links of some pages, in order."""
    found: dict[int, list[StoredLink]] = defaultdict(list)
    for page_id, *link in await (await conn.execute(SQL["links_of"], {"pages": list(page_ids)})).fetchall():
        found[page_id].append(StoredLink(*link))
    return found


async def texts(conn: Connection, source_id: str) -> AsyncIterator[list[TextCheck]]:
    """All texts of the source, checked by the server."""
    after: bytes | None = b""
    while after is not None:
        values = {"source": source_id, "after": after, "limit": PIECE}
        rows = await (await conn.execute(SQL["texts_after"], values)).fetchall()
        if rows:
            yield [TextCheck(*row) for row in rows]
        after = rows[-1][0] if len(rows) == PIECE else None


async def stray_rows(conn: Connection) -> dict[str, int]:
    """Rows that belong to nothing, by table: whatever source they came from."""
    row = await (await conn.execute(SQL["stray"])).fetchone()
    return dict(zip(_STRAY, row or (0,) * len(_STRAY), strict=True))
