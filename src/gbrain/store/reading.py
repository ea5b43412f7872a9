"""Pages as somebody who goes through a source reads them: listed, and by what links call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gbrain.domain.linking import Place
from gbrain.store.connection import Connection
from gbrain.store.pages import StoredLink
from gbrain.store.statements import statements

SQL = statements("reading")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFrom:
    """A link and the page it stands on."""

    page: Place
    link: StoredLink


async def pages_after(
    conn: Connection,
    source_id: str,
    *,
    after: tuple[bytes, bytes],
    within: tuple[bytes, bytes | None],
    kind: str | None,
    limit: int,
) -> list[Place]:
    """A source's pages in order of path, behind the one whose path begins so and has this SHA-256,
    from one prefix up to another."""
    values = {"source": source_id, "after": after[0], "after_hash": after[1], "kind": kind, "limit": limit}
    return await _places(conn, "pages_after", values | {"prefix": within[0], "end": within[1]})


async def pages_at(conn: Connection, source_id: str, paths: Sequence[bytes]) -> list[Place]:
    """A source's pages at these paths."""
    return await _places(conn, "pages_at", {"source": source_id, "paths": list(paths)})


async def pages_named(
    conn: Connection, source_id: str, *, words: Sequence[str], titles: Sequence[str], limit: int
) -> list[Place]:
    """A source's pages whose slug ends in one of the words, or which have one of the titles, in lower case."""
    values = {"source": source_id, "words": list(words), "titles": list(titles), "limit": limit}
    return await _places(conn, "pages_named", values)


async def links_like(
    conn: Connection, source_id: str, page_id: int, *, words: Sequence[str], of_folder: bool, limit: int
) -> list[LinkFrom]:
    """The links of a source's other pages in which one of the words stands, by slug and in their order."""
    values = {"source": source_id, "page": page_id, "words": list(words), "of_folder": of_folder, "limit": limit}
    rows = await (await conn.execute(SQL["links_like"], values)).fetchall()
    return [LinkFrom(page=_place(row[:5]), link=StoredLink(kind=row[5], target=row[6], line=row[7])) for row in rows]


async def _places(conn: Connection, name: str, values: dict[str, Any]) -> list[Place]:
    return [_place(row) for row in await (await conn.execute(SQL[name], values)).fetchall()]


def _place(row: Sequence[Any]) -> Place:
    return Place(**dict(zip(Place.__dataclass_fields__, row, strict=True)))
