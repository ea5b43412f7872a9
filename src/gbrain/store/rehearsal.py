"""What writing a batch would do, found out by reading alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from gbrain.domain.content import Reason
from gbrain.store.connection import Connection
from gbrain.store.encoded import Place, hash_of
from gbrain.store.rows import Batch, PageRow
from gbrain.store.staging import Compared, compare, new_entries
from gbrain.store.statements import statements

SQL = statements("batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """The pages that would come out differently, and the ledger rows that would be written, by path.

    `came` and `went` are the texts of places that would be written and taken away, by hash.
    """

    touched: set[int]
    entries: dict[bytes, Reason]
    came: Counter[bytes]
    went: Counter[bytes]


async def rehearse(conn: Connection, source_id: str, fingerprint: bytes, batch: Batch) -> Rehearsed:
    """Hold the batch against what is stored, as writing it would."""
    compared = await compare(conn, source_id, batch)
    touched = compared.touched | await _other_heads(conn, source_id, [page for page in batch.pages if not page.is_new])
    touched |= {row.page_id for row in batch.slugs if not row.release and row.page_id is not None}
    entries = await new_entries(conn, source_id, fingerprint, batch)
    went = await _texts_of(conn, source_id, [page_id for page_id, _ in batch.removed])
    return Rehearsed(
        touched=touched,
        entries={row.path: row.reason for row in entries if row.reason is not None},
        came=Counter(hash_of(place) for places in compared.places.values() for place in places),
        went=went + Counter(hash_of(place) for page in batch.pages for place in _replaced(page, compared)),
    )


async def places_of_texts(conn: Connection, source_id: str, hashes: Sequence[bytes]) -> dict[bytes, int]:
    """In how many places some texts of the source stand; those that it does not have are left out."""
    cursor = await conn.execute(SQL["places_of_texts"], {"source": source_id, "hashes": hashes}, binary=True)
    return dict(await cursor.fetchall())


def _replaced(page: PageRow, compared: Compared) -> Iterator[Place]:
    """The page's stored places that would be written over or lie beyond its new end."""
    new = page.content.places
    for ordinal, place in compared.stored_places.get(page.page_id, {}).items():
        if not 0 <= ordinal < len(new) or new[ordinal] != place:
            yield place


async def _texts_of(conn: Connection, source_id: str, page_ids: list[int]) -> Counter[bytes]:
    if not page_ids:
        return Counter()
    cursor = await conn.execute(SQL["texts_of"], {"source": source_id, "pages": page_ids}, binary=True)
    return Counter(text_hash for (text_hash,) in await cursor.fetchall())


async def _other_heads(conn: Connection, source_id: str, pages: list[PageRow]) -> set[int]:
    """The pages that are stored under another path, slug, title or the like."""
    if not pages:
        return set()
    cursor = await conn.execute(SQL["heads_of"], {"pages": [page.page_id for page in pages], "source": source_id})
    stored = {row[0]: tuple(row[1:]) for row in await cursor.fetchall()}
    return {page.page_id for page in pages if stored.get(page.page_id) != _head(page)}


def _head(page: PageRow) -> tuple[object, ...]:
    content = page.content
    front_matter = None if content.front_matter is None else orjson.loads(content.front_matter)
    return page.path, page.blob, page.slug, content.kind, content.title, front_matter, content.body_line
