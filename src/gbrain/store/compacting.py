"""Merging segments: the words of pages that are gone or changed are left out, the rest become one segment."""

from __future__ import annotations

import struct
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gbrain.domain.columns import Columns, columns_of, merged, note_lengths
from gbrain.domain.lexing import LEXEME_RULE
from gbrain.domain.postings import total_length
from gbrain.store import leases
from gbrain.store.batch import bound
from gbrain.store.connection import Connection
from gbrain.store.posting_rows import copy_postings
from gbrain.store.rows import Writer
from gbrain.store.segments import Head, drop, insert, numbers, seal
from gbrain.store.statements import statements

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SQL = statements("compacting")
_STRETCH_TEXTS = 2000
_FIRST, _LAST = -(1 << 63), (1 << 63) - 1


class Segment(NamedTuple):
    """A segment, its words apart."""

    id: int
    texts: int
    editions: array[int]
    starts: tuple[int, ...]


async def segments_of(conn: Connection, source_id: str) -> tuple[list[Segment], int]:
    """The segments of a source by today's rule, in order of their editions, and how many texts the source has."""
    values = {"source": source_id, "rule": LEXEME_RULE}
    rows = await (await conn.execute(SQL["whole"], values, binary=True)).fetchall()
    found = [
        Segment(segment, texts, numbers(editions), struct.unpack(f"<{len(starts) // 4}I", starts))
        for segment, texts, editions, starts, _ in rows
    ]
    return sorted(found, key=lambda one: one.editions[:1]), rows[0][4] if rows else 0


async def drop_outdated(conn: Connection, writer: Writer) -> int:
    """Take away the segments that were made by another rule; how many they were."""
    values = {"source": writer.source_id, "rule": LEXEME_RULE}
    found = [row[0] for row in await (await conn.execute(SQL["outdated"], values)).fetchall()]
    for segment in found:
        async with conn.transaction():
            await bound(conn, writer.limit)
            await leases.prove(conn, writer.lease)
            await drop(conn, writer.source_id, segment)
    return len(found)


async def merge(conn: Connection, writer: Writer, segments: Sequence[Segment]) -> None:
    """Write the segments anew as one, in a transaction that holds nothing another writer wants until its end."""
    import numpy as np

    editions, starts, renumbered, texts = await _renumbered(conn, segments)
    async with conn.transaction():
        if editions:
            head = Head(texts=texts, lexemes=0, checksum=0, editions=editions, starts=starts)
            segment = await insert(conn, writer.source_id, head)
            total, lengths = 0, np.zeros(texts, np.uint8)
            async for words in _stretches(conn, segments, [np.array(one, np.int64) for one in renumbered]):
                await copy_postings(conn, segment, words)
                total += words.checksum()
                note_lengths(words, lengths)
            await seal(conn, segment, checksum=total, lexemes=total_length(lengths.tolist()))
        await bound(conn, writer.limit)
        await leases.prove(conn, writer.lease)
        for one in segments:
            await drop(conn, writer.source_id, one.id)


async def _renumbered(
    conn: Connection, segments: Sequence[Segment]
) -> tuple[list[int], list[int], list[list[int]], int]:
    """The live editions, where each begins from now on, what each segment's texts become, and how many there are."""
    editions, starts, each, texts = list[int](), list[int](), list[list[int]](), 0
    for segment in segments:
        values = {"editions": list(segment.editions)}
        live = {row[0] for row in await (await conn.execute(SQL["live_editions"], values)).fetchall()}
        numbers_of: list[int] = []
        for edition, first, end in zip(
            segment.editions, segment.starts, (*segment.starts[1:], segment.texts), strict=True
        ):
            if edition in live:
                editions.append(edition)
                starts.append(texts)
                numbers_of += range(texts, texts + end - first)
                texts += end - first
            else:
                numbers_of += [-1] * (end - first)
        each.append(numbers_of)
    return editions, starts, each, texts


async def _stretches(
    conn: Connection, segments: Sequence[Segment], renumbered: Sequence[NDArray[np.int64]]
) -> AsyncIterator[Columns]:
    """The words of all, in order of term, in stretches of bounded size: terms are hashes, and lie evenly."""
    number = 1 + sum(one.texts for one in segments) // _STRETCH_TEXTS
    step = (_LAST - _FIRST) // number + 1
    for first in range(_FIRST, _LAST + 1, step):
        parts = []
        for segment, mapping in zip(segments, renumbered, strict=True):
            values = {"segment": segment.id, "first": first, "last": min(first + step - 1, _LAST)}
            rows = await (await conn.execute(SQL["postings_between"], values, binary=True)).fetchall()
            if rows:
                parts.append((columns_of(rows), mapping))
        if parts:
            yield merged(parts)
