"""What the planner needs to know of a source's rows, in pieces of bounded size."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from gbrain.domain.plan import StoredEntry, StoredPage
from gbrain.store.connection import Pool, answering
from gbrain.store.statements import statements

SQL = statements("plan")
PIECE = 5000


class Kept(NamedTuple):
    """The counts that a source's writers keep."""

    pages: int
    failures: int
    """Open and acknowledged ones."""


class Member(NamedTuple):
    """A path of a slug group as it is stored; `page_id` is None for a path of the ledger."""

    path: bytes
    page_id: int | None
    slug: str


async def stored_pages(pool: Pool, source_id: str) -> AsyncGenerator[list[StoredPage], None]:
    """All pages of a source in byte order of path. No connection is held between pieces."""
    after: bytes | None = b""
    while after is not None:
        async with answering(pool) as conn:
            values = {"source": source_id, "after": after, "limit": PIECE}
            rows = await (await conn.execute(SQL["pages_after"], values, binary=True)).fetchall()
        if rows:
            yield [StoredPage(*row) for row in rows]
        after = rows[-1][0] if len(rows) == PIECE else None


async def stored_entries(pool: Pool, source_id: str) -> AsyncGenerator[list[StoredEntry], None]:
    """All ledger rows of a source in byte order of path."""
    after: bytes | None = b""
    while after is not None:
        async with answering(pool) as conn:
            values = {"source": source_id, "after": after, "limit": PIECE}
            rows = await (await conn.execute(SQL["entries_after"], values, binary=True)).fetchall()
        if rows:
            yield [StoredEntry(*row) for row in rows]
        after = rows[-1][0] if len(rows) == PIECE else None


async def stored_at(pool: Pool, source_id: str, paths: Sequence[bytes]) -> tuple[list[StoredPage], list[StoredEntry]]:
    """The pages and ledger rows of the given paths."""
    values = {"source": source_id, "paths": list(paths)}
    async with answering(pool) as conn:
        pages = await (await conn.execute(SQL["pages_at"], values, binary=True)).fetchall()
        entries = await (await conn.execute(SQL["entries_at"], values, binary=True)).fetchall()
    return [StoredPage(*row) for row in pages], [StoredEntry(*row) for row in entries]


async def group_members(pool: Pool, source_id: str, bases: Sequence[str]) -> list[Member]:
    """Every stored path whose slug belongs to one of the groups."""
    async with answering(pool) as conn:
        values = {"source": source_id, "bases": list(bases)}
        rows = await (await conn.execute(SQL["group_members"], values)).fetchall()
    return [Member(*row) for row in rows]


async def stored_rows(pool: Pool, page_ids: Sequence[int]) -> dict[int, int]:
    """How many chunks and links some pages have together, by page."""
    if not page_ids:
        return {}
    async with answering(pool) as conn:
        rows = await (await conn.execute(SQL["stored_rows"], {"pages": list(page_ids)})).fetchall()
    return {page_id: int(count) for page_id, count in rows}


async def kept(pool: Pool, source_id: str) -> Kept:
    """How many pages and failures a source has."""
    async with answering(pool) as conn:
        row = await (await conn.execute(SQL["kept"], {"source": source_id})).fetchone()
    return Kept(*(row or (0, 0)))


async def draw_page_ids(pool: Pool, count: int) -> list[int]:
    """Fresh ids for pages that are new."""
    async with answering(pool) as conn:
        return [row[0] for row in await (await conn.execute(SQL["new_page_ids"], {"count": count})).fetchall()]
