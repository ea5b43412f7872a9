"""What a search reads: segments, postings, places, and the vectors nearest to one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from operator import attrgetter
from typing import Any, NamedTuple

from psycopg import Error
from psycopg.errors import QueryCanceled

from gbrain.domain.lexing import LEXEME_RULE
from gbrain.store.connection import Connection
from gbrain.store.segments import firsts, numbers
from gbrain.store.statements import of_model, statements

SQL = statements("search")
MOST_NAMED = 100
"""So many pages of one name are looked at in a source: of `index` and `readme` there may be thousands."""

_PIECE = 5000
_WIDTH = 64
"""So many vectors an index is asked for at a time, as `begin_near` has it."""


class SegmentHead(NamedTuple):
    """A segment: how many texts it holds, how many lexemes they have, and what tells it from one of another brain."""

    id: int
    texts: int
    lexemes: int
    checksum: bytes


class SegmentPages(NamedTuple):
    """The pages of a segment by edition, rising, and the number of each one's first text."""

    editions: Sequence[int]
    starts: Sequence[int]


class PageRow(NamedTuple):
    """A page, as filters look at it. The front matter is None where nobody asked for it."""

    page_id: int
    source_id: str
    edition: int
    path: bytes
    kind: str
    front_matter: dict[str, Any] | None


class PlaceRow(NamedTuple):
    """A place that was found, with its page."""

    number: int
    page_id: int
    source_id: str
    slug: str
    path: bytes
    title: str
    ordinal: int
    headings: list[str]
    first_line: int
    last_line: int
    text: str


class Near(NamedTuple):
    """A place near a vector: the cosine of the two, the page's source and edition, and which of its texts."""

    cosine: float
    source_id: str
    edition: int
    ordinal: int


class Scope(NamedTuple):
    """A source that is not archived: whether it is federated, and its segments by today's rule, by id.

    `model_id` is the brain's active model, None where it has none; `places` counts the source's texts, `pending` those
    that lack its vector; `named` are the editions of pages. `is_outdated`: it has segments by another rule.
    """

    federated: bool
    model_id: int | None
    places: int
    pending: int
    named: list[int]
    segments: list[SegmentHead]
    is_outdated: bool = False


@asynccontextmanager
async def moment(
    conn: Connection, slug: str | None = None, visible: Iterable[str] | None = None, *, near: bool = False
) -> AsyncIterator[dict[str, Scope]]:
    """The sources that may be searched, by id; in each, or each that is visible, the pages with this slug, in whatever
    folder.

    All that is read in the block is as of one moment: segments that are merged meanwhile stay as they were. `near`: the
    nearest vectors are asked for in it.
    """
    try:
        await conn.execute(SQL["begin_near" if near else "begin"])
        found = await conn.execute(SQL["scope"], _named(slug, visible), binary=True, prepare=True)
        yield _scopes(await found.fetchall())
    except BaseException:
        with suppress(Error):  # what went wrong before says more
            await conn.rollback()
        raise
    await conn.commit()


def _named(slug: str | None, visible: Iterable[str] | None) -> dict[str, Any]:
    return {
        "name": slug,
        "last": slug and slug.rpartition("/")[2],
        "most": MOST_NAMED,
        "visible": list(visible) if visible is not None else None,
    }


def _scopes(rows: Iterable[tuple[Any, ...]]) -> dict[str, Scope]:
    found: dict[str, Scope] = {}
    for source, federated, model, places, pending, named, segment, texts, lexemes, checksum, rule in rows:
        one = found.get(source) or found.setdefault(source, Scope(federated, model, places, pending, named, []))
        if segment is not None and rule == LEXEME_RULE:
            one.segments.append(SegmentHead(segment, texts, lexemes, checksum))
        elif segment is not None:
            found[source] = one._replace(is_outdated=True)
    return found


async def postings(
    conn: Connection, segment_ids: Sequence[int], terms: Sequence[int]
) -> Mapping[int, list[tuple[int, bytes]]]:
    """Where terms stand: for each the segments it is in, with its entries."""
    found: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
    values = {"segments": list(segment_ids), "terms": list(terms)}
    for term, segment, entries in await (
        await conn.execute(SQL["postings"], values, binary=True, prepare=True)
    ).fetchall():
        found[term].append((segment, entries))
    return found


async def pages_of(conn: Connection, segment_ids: Iterable[int]) -> dict[int, SegmentPages]:
    """The pages of some segments."""
    values = {"segments": list(segment_ids)}
    rows = await (await conn.execute(SQL["editions"], values, binary=True)).fetchall()
    return {segment: SegmentPages(numbers(editions), firsts(starts)) for segment, editions, starts in rows}


async def pages_of_sources(conn: Connection, sources: Sequence[str], *, matter: bool) -> AsyncIterator[list[PageRow]]:
    """All pages of the sources that are in the index, piece by piece; with their front matter if it is wanted."""
    after = 0
    while True:
        values = {"sources": list(sources), "after": after, "matter": matter, "limit": _PIECE}
        rows = await (await conn.execute(SQL["pages"], values, binary=True)).fetchall()
        yield [PageRow(*row) for row in rows]
        if len(rows) < _PIECE:
            return
        after = rows[-1][2]


async def places(
    conn: Connection, sources: Sequence[str], wanted: Sequence[tuple[int, int, int]]
) -> dict[int, PlaceRow]:
    """The places at (number, edition, ordinal) that are still there, by number."""
    values = {
        "numbers": [number for number, _, _ in wanted],
        "editions": [edition for _, edition, _ in wanted],
        "ordinals": [ordinal for _, _, ordinal in wanted],
        "sources": list(sources),
    }
    rows = await (await conn.execute(SQL["places"], values, binary=True, prepare=True)).fetchall()
    return {row[0]: PlaceRow(*row) for row in rows}


async def said(conn: Connection, editions: Sequence[int]) -> list[tuple[int, list[str]]]:
    """What pages say, text by text: each one's edition, and its title, its headings and itself."""
    rows = await (await conn.execute(SQL["said"], {"editions": list(editions)}, binary=True)).fetchall()
    return [(edition, [title, *headings, text]) for edition, title, headings, text in rows]


async def nearest(
    conn: Connection,
    model_id: int,
    sources: Sequence[str],
    vector: Sequence[float],
    limit: int,
    *,
    pages: Sequence[int] | None,
    few: bool,
    within_s: float,
) -> list[Near]:
    """The places of these sources that are nearest to a vector of length one, nearest first; of some `pages` or of any.
    In a moment that began for that; QueryCanceled where it takes longer than `within_s`.

    Where they have but `few` texts, each of them is looked at: an index over all sources would find few of theirs.
    """
    values = {"sources": list(sources), "vector": literal(vector), "limit": limit}
    name = "nearest_of_few" if few or pages is not None else "nearest"
    if name == "nearest_of_few":
        values |= {"pages": list(pages) if pages is not None else None}
    elif limit > _WIDTH:
        await conn.execute(SQL["widen"], {"width": str(min(limit, 1000))})
    try:
        async with asyncio.timeout(within_s) as limit_s:
            rows = await (await conn.execute(of_model(SQL[name], model_id), values, binary=True)).fetchall()
    except TimeoutError:
        if limit_s.expired():
            raise QueryCanceled(f"the nearest vectors were not found within {within_s:g} s") from None
        raise
    return sorted((Near(*row) for row in rows), key=attrgetter("cosine"), reverse=True)


def literal(vector: Sequence[float]) -> str:
    """A vector as pgvector reads it, in more digits than it keeps."""
    return f"[{','.join(map('%.6g'.__mod__, vector))}]"
