"""Segments: the parts in which the index of words is written and kept."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b

from gbrain.domain import columns
from gbrain.domain.columns import Columns, columns_of
from gbrain.domain.lexing import LEXEME_RULE
from gbrain.domain.postings import ENTRY_BYTES, MASK, Words, checksum, inverted, total_length
from gbrain.store.connection import Connection
from gbrain.store.posting_rows import Postings, copy_postings
from gbrain.store.statements import statements

SQL = statements("segments")
_PIECE = 2000
_BEFORE_ALL = -(1 << 63)
_FEW = 50_000
"""So many entries are sorted without numpy, which takes 0.1 s to import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """A page whose words go into the index: those of each of its places, in order."""

    page_id: int
    words: Sequence[Words]


async def unindexed(conn: Connection, source_id: str, page_ids: Sequence[int]) -> set[int]:
    """The pages whose words are not in the index by today's rule."""
    values = {"source": source_id, "pages": list(page_ids), "rule": LEXEME_RULE}
    return {row[0] for row in await (await conn.execute(SQL["unindexed"], values)).fetchall()} if page_ids else set()


async def put(conn: Connection, source_id: str, pages: Sequence[Indexed]) -> dict[int, int]:
    """Write the words of some pages as a segment; the edition of each page that has any, by page.

    Nobody sees it before the transaction ends, and it holds nothing that another writer wants.
    """
    if not pages:
        return {}
    rows = await (await conn.execute(SQL["new_editions"], {"count": len(pages)})).fetchall()
    editions = sorted(row[0] for row in rows)
    texts = [words for page in pages for words in page.words]
    postings = _inverted(texts)
    starts, start = [], 0
    for page in pages:
        starts.append(start)
        start += len(page.words)
    segment = await insert(
        conn,
        source_id,
        Head(
            texts=len(texts),
            lexemes=total_length(words.length for words in texts),
            checksum=postings.checksum() if isinstance(postings, Columns) else checksum(postings),
            editions=editions,
            starts=starts,
        ),
    )
    await copy_postings(conn, segment, postings)
    return {page.page_id: edition for page, edition in zip(pages, editions, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Segments that are not as they were written, and the editions that stand in sound ones."""

    segments: list[int]
    sound: set[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a segment is, its words apart."""

    texts: int
    lexemes: int
    checksum: int
    editions: Sequence[int]
    starts: Sequence[int]


async def damaged(conn: Connection, source_id: str) -> Damage:
    """The segments of a source whose words are not those that were written, and the editions of the others.

    Those by another rule are taken as they are: nobody reads them, and the next sync makes them anew.
    """
    wrong, sound = [], set[int]()
    rows = await (await conn.execute(SQL["sums"], {"source": source_id}, binary=True)).fetchall()
    for segment, rule, kept, *said in rows:
        if rule == LEXEME_RULE and not await _is_as_written(conn, segment, head_sum(*said), kept):
            wrong.append(segment)
        else:
            editions = said[2]
            sound.update(numbers(editions))
    return Damage(segments=wrong, sound=sound)


async def doubted(conn: Connection, source_id: str, sound: Set[int]) -> AsyncIterator[list[int]]:
    """The editions of pages that none of the sound ones is, piece by piece; none that is 0, which says so itself."""
    after = 0
    while True:
        values = {"source": source_id, "after": after, "limit": _PIECE}
        rows = await (await conn.execute(SQL["editions_after"], values)).fetchall()
        if found := [edition for _, edition in rows if edition and edition not in sound]:
            yield found
        if len(rows) < _PIECE:
            return
        after = rows[-1][0]


async def doubt(conn: Connection, source_id: str, editions: Sequence[int]) -> None:
    """Have the words of these pages indexed anew by the batch that comes to them."""
    await conn.execute(SQL["doubt"], {"source": source_id, "editions": list(editions)})


async def drop(conn: Connection, source_id: str, segment: int) -> None:
    """Take a segment away."""
    await conn.execute(SQL["drop_postings"], {"segment": segment})
    await conn.execute(SQL["drop"], {"segment": segment, "source": source_id})


async def postings(conn: Connection, segment: int) -> AsyncIterator[list[tuple[int, bytes]]]:
    """The words of a segment in order of term, piece by piece."""
    after = _BEFORE_ALL
    while True:
        values = {"segment": segment, "after": after, "limit": _PIECE}
        rows = await (await conn.execute(SQL["postings_after"], values, binary=True)).fetchall()
        yield [(term, entries) for term, entries in rows]
        if len(rows) < _PIECE:
            return
        after = rows[-1][0]


def numbers(editions: bytes) -> array[int]:
    """The editions of a segment."""
    found = array("q", editions)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def firsts(starts: bytes) -> array[int]:
    """The number of the first text of each page of a segment."""
    found = array("I", starts)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def _inverted(texts: Sequence[Words]) -> Postings:
    if sum(len(words.times) for words in texts) <= _FEW:
        return list(inverted(texts))
    return columns.inverted(texts)


async def _is_as_written(conn: Connection, segment: int, of_head: int, kept: bytes) -> bool:
    of_words = await _sum(conn, segment)
    return of_words is not None and _bytes_of(of_words + of_head) == kept


async def _sum(conn: Connection, segment: int) -> int | None:
    """What its words come to; None where there is something among them that is no entries."""
    found = 0
    async for piece in postings(conn, segment):
        if any(len(data) % ENTRY_BYTES for _, data in piece):
            return None
        found += checksum(piece) if len(piece) < _PIECE else columns_of(piece).checksum()
    return found & MASK


async def insert(conn: Connection, source_id: str, head: Head) -> int:
    """A new segment's id."""
    editions = struct.pack(f"<{len(head.editions)}q", *head.editions)
    starts = struct.pack(f"<{len(head.starts)}I", *head.starts)
    values = {
        "source": source_id,
        "rule": LEXEME_RULE,
        "texts": head.texts,
        "lexemes": head.lexemes,
        "checksum": _bytes_of(head.checksum + head_sum(head.texts, head.lexemes, editions, starts)),
        "editions": editions,
        "starts": starts,
    }
    row = await (await conn.execute(SQL["insert"], values)).fetchone()
    if row is None:
        raise RuntimeError("the server made no segment")
    segment: int = row[0]
    return segment


async def seal(conn: Connection, segment: int, *, checksum: int, lexemes: int) -> None:
    """Say of a segment what its words come to, where that was not known before."""
    row = await (await conn.execute(SQL["head"], {"segment": segment}, binary=True)).fetchone()
    if row is None:
        raise RuntimeError("the segment that is written is not there")
    texts, editions, starts = row
    whole = checksum + head_sum(texts, lexemes, editions, starts)
    await conn.execute(SQL["seal"], {"segment": segment, "lexemes": lexemes, "checksum": _bytes_of(whole)})


def head_sum(texts: int, lexemes: int, editions: bytes, starts: bytes) -> int:
    """64 bits that change with what a segment says of its pages."""
    said = struct.pack("<qq", texts, lexemes) + editions + starts
    return int.from_bytes(blake2b(said, digest_size=8).digest(), "little")


def _bytes_of(checksum: int) -> bytes:
    return (checksum & MASK).to_bytes(8, "little")
