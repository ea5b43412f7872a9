"""Gathering a batch in temporary tables, before its lease is proved: nothing here holds a lock another writer wants.

Places, links, texts and ledger rows that are there already are left out: they are neither sent nor rewritten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from gbrain.store import segments
from gbrain.store.binary_copy import Encoder, boolean, bytea, int4, int8, jsonb, row, stream, text
from gbrain.store.connection import Connection
from gbrain.store.encoded import Place, encode_link, encode_place, place_row
from gbrain.store.rows import Batch, LedgerRow, PageRow, Writer
from gbrain.store.segments import Indexed
from gbrain.store.statements import statements

SQL = statements("batch")

_COLUMNS: dict[str, tuple[Encoder, ...]] = {
    "copy_pages": (int8, boolean, boolean, bytea, bytea, bytea, text, text, text, jsonb, int4, int4, int4, int8),
    "copy_removed": (int8, boolean),
    "copy_slugs": (int8, bytea, text, boolean),
    "copy_ledger": (bytea, bytea, int4, bytea, text, text, text, text),
}

Values = tuple[Any, ...]

Row = TypeVar("Row", bytes, Place)

Stored = Mapping[int, Mapping[int, Row]]
"""The places or links that pages have now, as if they were to be sent, by page and ordinal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What was found out on the way: pages whose places or links differ, how many places more there will be, and which
    rows of the ledger differ.
    """

    touched: set[int]
    more_places: int
    ledger: Sequence[LedgerRow] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A batch's pages held against what is stored: the rows that differ, by page, and the pages that are touched."""

    stored_places: Stored[Place]
    places: Mapping[int, Sequence[Place]]
    links: Mapping[int, Sequence[bytes]]
    touched: set[int]
    reworded: set[int]
    """The pages of which a place differs: its words may."""


async def compare(conn: Connection, source_id: str, batch: Batch) -> Compared:
    """What of the batch's places and links is not there as it is to be."""
    places = await _stored(conn, "places_of", encode_place, source_id, batch)
    links = await _stored(conn, "links_of", encode_link, source_id, batch)
    new_places = {page.page_id: _new(page.content.places, places[page.page_id]) for page in batch.pages}
    new_links = {page.page_id: _new(page.content.links, links[page.page_id]) for page in batch.pages}
    reworded = {
        page.page_id
        for page in batch.pages
        if new_places[page.page_id] or not places[page.page_id].keys() <= set(range(len(page.content.places)))
    }
    relinked = {
        page.page_id
        for page in batch.pages
        if new_links[page.page_id] or not links[page.page_id].keys() <= set(range(len(page.content.links)))
    }
    return Compared(
        stored_places=places, places=new_places, links=new_links, touched=reworded | relinked, reworded=reworded
    )


async def stage(conn: Connection, writer: Writer, batch: Batch) -> Staged:
    """Fill the transaction's temporary tables with what the batch changes."""
    await conn.execute(SQL["create_stage"])
    if not batch.only_adds:
        await conn.execute(SQL["create_change_stage"])
    compared = await compare(conn, writer.source_id, batch)
    places = compared.stored_places
    editions = await segments.put(conn, writer.source_id, await _to_index(conn, writer.source_id, batch, compared))
    ledger = await new_entries(conn, writer.source_id, writer.fingerprint, batch)
    await _copy_values(conn, "copy_pages", (_page(page, writer.fingerprint, editions) for page in batch.pages))
    await _copy(conn, "copy_texts", await _missing_texts(conn, writer.source_id, batch, places))
    await _copy(conn, "copy_chunks", map(place_row, chain.from_iterable(compared.places.values())))
    await _copy(conn, "copy_links", chain.from_iterable(compared.links.values()))
    await _copy_values(conn, "copy_removed", batch.removed)
    await _copy_values(conn, "copy_slugs", ((row.page_id, row.path, row.slug, row.release) for row in batch.slugs))
    await _copy_values(conn, "copy_ledger", (_entry(row, writer.fingerprint) for row in ledger))
    return Staged(
        touched=compared.touched,
        more_places=sum(len(page.content.places) - len(places[page.page_id]) for page in batch.pages),
        ledger=ledger,
    )


async def _stored(conn: Connection, name: str, encode: Callable[..., Row], source_id: str, batch: Batch) -> Stored[Row]:
    found: dict[int, dict[int, Row]] = defaultdict(dict)
    ids = [page.page_id for page in batch.pages if not page.is_new]
    if ids:
        cursor = await conn.execute(SQL[name], {"source": source_id, "pages": ids}, binary=True)
        for page_id, ordinal, *row in await cursor.fetchall():
            values = (tuple(value) if isinstance(value, list) else value for value in row)
            found[page_id][ordinal] = encode(page_id, ordinal, *values)
    return found


def _new(rows: list[Row], stored: Mapping[int, Row]) -> list[Row]:
    return [row for ordinal, row in enumerate(rows) if stored.get(ordinal) != row] if stored else rows


async def _missing_texts(conn: Connection, source_id: str, batch: Batch, places: Stored[Place]) -> list[bytes]:
    """The texts of new places that the source may not have yet, in order of hash."""
    texts = {
        text_hash: text
        for page in batch.pages
        for ordinal, (text_hash, text) in enumerate(zip(page.content.hashes, page.content.texts, strict=True))
        if places[page.page_id].get(ordinal) != page.content.places[ordinal]
    }
    if texts and not batch.only_adds:
        values = {"source": source_id, "hashes": list(texts)}
        for (text_hash,) in await (await conn.execute(SQL["known_texts"], values)).fetchall():
            del texts[text_hash]
    return sorted(texts.values())


async def new_entries(conn: Connection, source_id: str, fingerprint: bytes, batch: Batch) -> list[LedgerRow]:
    """The rows the ledger does not have as they are. What it has keeps its time and its acknowledgement."""
    paths = [row.path for row in batch.ledger if row.reason is not None]
    known: set[Values] = set()
    if paths:
        values = {"source": source_id, "paths": paths}
        known = set(await (await conn.execute(SQL["ledger_of"], values, binary=True)).fetchall())
    return [row for row in batch.ledger if _entry(row, fingerprint) not in known]


async def _copy_values(conn: Connection, name: str, rows: Iterable[Sequence[Any]]) -> None:
    await _copy(conn, name, (row(values, _COLUMNS[name]) for values in rows))


async def _copy(conn: Connection, name: str, rows: Iterable[bytes]) -> None:
    first = next(rows := iter(rows), None)
    if first is None:
        return
    async with conn.cursor() as cursor, cursor.copy(SQL[name]) as copy:
        for piece in stream(chain([first], rows)):
            await copy.write(piece)


async def _to_index(conn: Connection, source_id: str, batch: Batch, compared: Compared) -> list[Indexed]:
    """The pages whose words the index does not have as they are to be."""
    old = [page.page_id for page in batch.pages if not page.is_new and page.page_id not in compared.reworded]
    missing = await segments.unindexed(conn, source_id, old)
    return [
        Indexed(page_id=page.page_id, words=page.content.words)
        for page in batch.pages
        if page.is_new or page.page_id in compared.reworded or page.page_id in missing
    ]


def _page(page: PageRow, fingerprint: bytes, editions: Mapping[int, int]) -> Values:
    """Its edition is 0 where the index has its words already."""
    content = page.content
    return (
        *(page.page_id, page.is_new, page.renamed, page.path, page.blob, fingerprint, page.slug),
        *(content.kind, content.title, content.front_matter, content.body_line),
        *(len(content.places), len(content.links), editions.get(page.page_id, 0)),
    )


def _entry(row: LedgerRow, fingerprint: bytes) -> Values:
    reason = row.reason
    state = None if reason is None else "skipped" if reason.skips else "open"
    values = (row.path, row.blob, row.mode, fingerprint, row.slug)
    return (*values, reason.value if reason else None, row.detail, state)
