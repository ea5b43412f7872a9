"""Pages as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("pages")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageHead:
    """A page without its text."""

    id: int
    source_id: str
    path: bytes
    slug: str
    kind: str
    title: str
    front_matter: dict[str, Any] | None
    body_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Why a path has no page. `state` is open, acknowledged or skipped."""

    source_id: str
    reason: str
    detail: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """A chunk where it stands. Lines are counted from 1 over the file."""

    ordinal: int
    text: str
    headings: list[str]
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLink:
    """A link as written."""

    kind: str
    target: str
    line: int


async def find(conn: Connection, *, source_id: str | None, slug: str, path: bytes) -> list[PageHead]:
    """Pages whose slug or path this is, in one source or in all; at most 10."""
    values = {"source": source_id, "slug": slug, "path": path}
    rows = await (await conn.execute(SQL["find"], values)).fetchall()
    return [PageHead(**dict(zip(PageHead.__dataclass_fields__, row, strict=True))) for row in rows]


async def noted(conn: Connection, *, source_id: str | None, path: bytes) -> Noted | None:
    """Why the path has no page, in one source or in any; None where nothing is known of it."""
    row = await (await conn.execute(SQL["noted"], {"source": source_id, "path": path})).fetchone()
    return Noted(**dict(zip(Noted.__dataclass_fields__, row, strict=True))) if row is not None else None


async def chunks(conn: Connection, page_id: int) -> list[StoredChunk]:
    """A page's chunks in order; their texts put together are its body."""
    rows = await (await conn.execute(SQL["chunks"], {"page": page_id})).fetchall()
    return [StoredChunk(**dict(zip(StoredChunk.__dataclass_fields__, row, strict=True))) for row in rows]


async def links(conn: Connection, page_id: int) -> list[StoredLink]:
    """A page's links in order."""
    rows = await (await conn.execute(SQL["links"], {"page": page_id})).fetchall()
    return [StoredLink(kind=kind, target=target, line=line) for kind, target, line in rows]


async def pending(conn: Connection, page_id: int) -> set[int]:
    """Which of a page's chunks wait for a vector of the active model, by ordinal."""
    return {row[0] for row in await (await conn.execute(SQL["pending"], {"page": page_id})).fetchall()}


async def there(conn: Connection, names: Sequence[str]) -> set[str]:
    """Those of the pages, each written `source:slug`, that there are."""
    parts = [name.partition(":") for name in names]
    values = {"sources": [source for source, _, _ in parts], "slugs": [slug for _, _, slug in parts]}
    return {f"{source}:{slug}" for source, slug in await (await conn.execute(SQL["there"], values)).fetchall()}


async def slugs_like(conn: Connection, source_id: str | None, slug: str, limit: int) -> list[tuple[str, str]]:
    """Sources and slugs that may be near to one, in one source or in all."""
    values = {"source": source_id, "slug": slug, "limit": limit}
    return await (await conn.execute(SQL["slugs_like"], values)).fetchall()
