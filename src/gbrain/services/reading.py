"""What a caller who may see some sources reads of them. To it, all others are as if they were not there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gbrain.domain.access import Access
from gbrain.domain.linking import Place
from gbrain.domain.paths import parse
from gbrain.domain.source import SourceState, is_source_id
from gbrain.errors import NotFound
from gbrain.services.showing import ShownPage
from gbrain.services.status import Dashboard, read_dashboard
from gbrain.store import pages, reading, sources
from gbrain.store.connection import Connection

Behind = tuple[bytes, bytes]
"""A place in the order of paths, as they are indexed: the beginning of a path, and the SHA-256 of all of it."""

_INDEXED_BYTES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Some pages of a source in order of path, and where it goes on behind them; None where nothing is."""

    places: list[Place]
    behind: Behind | None


async def seen_sources(conn: Connection, access: Access) -> list[SourceState]:
    """The sources that are there for the caller, by id; archived ones are there for nobody."""
    found = await sources.all_sources(conn)
    return [state for state in found if state.source.archived_at is None and access.sees(state.source.id)]


async def seen_dashboard(conn: Connection, access: Access) -> Dashboard:
    """The dashboard of the sources that are there for the caller."""
    found = await read_dashboard(conn)
    return replace(found, sources=[row for row in found.sources if access.sees(row.status.id)])


async def require_sources(conn: Connection, access: Access, source_ids: Iterable[str]) -> None:
    """Raise NotFound for the first that is not there for the caller, in the same words whether or not it exists.

    What the caller may not see is not asked of the database, and what it may see always is.
    """
    for source_id in source_ids:
        state = await sources.one(conn, source_id) if _may_be(access, source_id) else None
        if state is None or state.source.archived_at is not None:
            raise NotFound(f"there is no source {source_id!r}", hint="list_sources tells which there are")


async def read_page(conn: Connection, access: Access, source_id: str, name: str, *, by_path: bool) -> ShownPage:
    """The page of this slug or path, or of this path alone; raises NotFound."""
    await require_sources(conn, access, [source_id])
    slug = "" if by_path else name.encode("utf-8", "replace").decode()
    found = await pages.find(conn, source_id=source_id, slug=slug, path=parse(name))
    if not found:
        hint = "a page is named by slug or path: search and list_pages tell both"
        raise NotFound(f"there is no page {name!r} in {source_id}", hint=hint)
    head = found[0]
    return ShownPage(
        head=head,
        chunks=await pages.chunks(conn, head.id),
        links=await pages.links(conn, head.id),
        pending=await pages.pending(conn, head.id),
    )


async def list_pages(
    conn: Connection,
    access: Access,
    source_id: str,
    *,
    prefix: bytes,
    kind: str | None,
    after: Behind = (b"", b""),
    limit: int,
) -> Pages:
    """The source's pages whose path begins so, in order of path, from a place in it on."""
    await require_sources(conn, access, [source_id])
    within = (prefix, _end_of(prefix))
    found = await reading.pages_after(conn, source_id, after=after, within=within, kind=kind, limit=limit + 1)
    last = found[limit - 1].path if len(found) > limit else None
    behind = None if last is None else (last[:_INDEXED_BYTES], hashlib.sha256(last).digest())
    return Pages(places=found[:limit], behind=behind)


def _may_be(access: Access, source_id: str) -> bool:
    return is_source_id(source_id) and access.sees(source_id)


def _end_of(prefix: bytes) -> bytes | None:
    """The first bytes behind all that begin so; None where nothing is."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
