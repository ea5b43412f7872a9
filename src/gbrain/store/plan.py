"""What the planner needs to know of a source's rows, in pieces of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from gbrain.domain.plan import StoredEntry, StoredPage
from gbrain.store.connection import Pool
from gbrain.store.statements import statements

SQL = statements("plan")
PIECE = 5000


class Member(NamedTuple):
    """A path of a slug group as it is stored; `page_id` is None for a path of the ledger."""

    path: bytes
    page_id: int | None
    slug: str


async def stored_pages(pool: Pool, source_id: str) -> AsyncIterator[list[StoredPage]]:
    """All pages of a source in byte order of path. No connection is held between pieces."""
    after: bytes | None = b""
    while after is not None:
        async with pool.connection() as conn:
            values = {"source": source_id, "after": after, "limit": PIECE}
            rows = await (await conn.execute(SQL["pages_after"], values, binary=True)).fetchall()
        if rows:
            yield [StoredPage(*row) for row in rows]
        after = rows[-1][0] if len(rows) == PIECE else None


async def stored_entries(pool: Pool, source_id: str) -> AsyncIterator[list[StoredEntry]]:
    """All ledger rows of a source in byte order of path."""
    after: bytes | None = b""
    while after is not None:
        async with pool.connection() as conn:
            values = {"source": source_id, "after": after, "limit": PIECE}
            rows = await (await conn.execute(SQL["entries_after"], values, binary=True)).fetchall()
        if rows:
            yield [StoredEntry(*row) for row in rows]
        after = rows[-1][0] if len(rows) == PIECE else None


async def stored_at(pool: Pool, source_id: str, paths: Sequence[bytes]) -> tuple[list[StoredPage], list[StoredEntry]]:
    """The pages and ledger rows of the given paths."""
    values = {"source": source_id, "paths": list(paths)}
    async with pool.connection() as conn:
        pages = await (await conn.execute(SQL["pages_at"], values, binary=True)).fetchall()
        entries = await (await conn.execute(SQL["entries_at"], values, binary=True)).fetchall()
    return [StoredPage(*row) for row in pages], [StoredEntry(*row) for row in entries]


async def group_members(pool: Pool, source_id: str, bases: Sequence[str]) -> list[Member]:
    """Every stored path whose slug belongs to one of the groups."""
    async with pool.connection() as conn:
        values = {"source": source_id, "bases": list(bases)}
        rows = await (await conn.execute(SQL["group_members"], values)).fetchall()
    return [Member(*row) for row in rows]


async def draw_page_ids(pool: Pool, count: int) -> list[int]:
    """Fresh ids for pages that are new."""
    async with pool.connection() as conn:
        return [row[0] for row in await (await conn.execute(SQL["new_page_ids"], {"count": count})).fetchall()]
