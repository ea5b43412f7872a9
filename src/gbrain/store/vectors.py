"""Vectors on their way into a model's table: sent in binary, stored with the rows of the backlog that they settle.

The binary form of a `halfvec` is that of pgvector's `halfvec_send`: its number of dimensions and a zero as 16-bit
integers, then as many IEEE 754 half-precision floats, all in network order. That of an array is that of `array_send`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from psycopg import errors
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from gbrain.domain.embedding import Stored
from gbrain.store.brief import brief
from gbrain.store.connection import Connection
from gbrain.store.statements import of_model, statements

if TYPE_CHECKING:
    from datetime import timedelta

    import numpy as np
    from numpy.typing import NDArray

SQL = statements("vectors")

_ARRAY = struct.Struct("!iiIii")
_VECTOR = struct.Struct("!iHH")
_LENGTH = struct.Struct("!i")
_TRIES = 3
_NULL = _LENGTH.pack(-1)
_BYTEA, _BYTEAS = 17, 1001
"""The oids of `bytea` and of arrays of it, which are the same everywhere."""


@dataclass(frozen=True, slots=True)
class _Hashes:
    """Hashes as an array of `bytea` is sent."""

    data: bytes


@dataclass(frozen=True, slots=True)
class _Vectors:
    """Vectors as an array of `halfvec` is sent."""

    data: bytes


class _HashesDumper(Dumper):
    """Sends what is encoded already."""

    format, oid = Format.BINARY, _BYTEAS

    def dump(self, obj: _Hashes) -> Buffer:
        return obj.data


@cache
def _vectors_dumper(array_oid: int) -> type[Dumper]:
    """The same for vectors, whose type has another oid in each database."""

    class VectorsDumper(Dumper):
        format, oid = Format.BINARY, array_oid

        def dump(self, obj: _Vectors) -> Buffer:
            return obj.data

    return VectorsDumper


async def store(conn: Connection, model_id: int, passages: Sequence[bytes], rows: NDArray[np.float32]) -> Stored:
    """Store the vectors of passages that are in the backlog, take these from it, and count; what it amounted to.

    Of those that are in it no longer nothing is stored: somebody else has, or nobody needs it. A row of zeros is
    stored as NULL: the model finds nothing in the text.
    """
    halfvec, halfvecs = await _types(conn)
    async with brief(conn), conn.cursor(binary=True) as cursor:
        cursor.adapters.register_dumper(_Hashes, _HashesDumper)
        cursor.adapters.register_dumper(_Vectors, _vectors_dumper(halfvecs))
        sent = _encoded(passages)
        await cursor.execute(SQL["take"], {"model": model_id, "passages": sent})
        taken = {row[0] for row in await cursor.fetchall()}
        if len(taken) < len(passages):
            chosen = [number for number, passage in enumerate(passages) if passage in taken]
            sent, rows = _encoded([passages[number] for number in chosen]), rows[chosen]
        if not taken:
            return Stored(passages=0, places={})
        values = {"model": model_id, "passages": sent, "vectors": _Vectors(encoded(rows, halfvec))}
        await cursor.execute(of_model(SQL["store"], model_id), values)
        found: dict[str | None, int] = dict(await cursor.fetchall())
    count, nowhere = found.pop(None), found.pop("")
    if nowhere:
        await conn.execute(SQL["loosen"], {"passages": list(passages)})
    return Stored(passages=count, places={source: number for source, number in found.items() if source is not None})


async def drop_needless(conn: Connection, model_id: int, passages: Sequence[bytes]) -> None:
    """Take from the backlog those that have a vector or stand nowhere; a place that is being written keeps its row."""
    values = {"model": model_id, "passages": list(passages)}
    async with brief(conn):
        await conn.execute(SQL["lock"], values)
        await conn.execute(of_model(SQL["drop_needless"], model_id), values)


async def nearest(conn: Connection, vector: Sequence[float], limit: int) -> list[tuple[bytes, float]]:
    """The passages of the active model that are nearest to a vector of length one, with their negative inner products.

    A model that was replaced may be dropped between the question which is active and this one: both are asked again.
    Nothing where no model is active.
    """
    values = {"vector": f"[{','.join(map(repr, map(float, vector)))}]", "limit": limit}
    for _ in range(_TRIES):
        row = await (await conn.execute(SQL["active"])).fetchone()
        if row is None:
            return []
        try:
            cursor = await conn.execute(of_model(SQL["nearest"], row[0]), values, binary=True)
        except errors.UndefinedTable:
            continue
        return [(passage, distance) for passage, distance in await cursor.fetchall()]
    raise RuntimeError("each model that was active was dropped")


async def sweep(conn: Connection, model_ids: Sequence[int], *, keep: timedelta, limit: int) -> int:
    """Drop vectors, of all models, of passages that have stood nowhere for so long; how many were looked at."""
    async with brief(conn):
        rows = await (await conn.execute(SQL["long_loose"], {"keep": keep, "limit": limit}, binary=True)).fetchall()
        found = {"passages": [row[0] for row in rows]}
        if rows:
            gone = await (await conn.execute(SQL["still_loose"], found, binary=True)).fetchall()
            for model_id in model_ids:
                await conn.execute(of_model(SQL["drop_vectors"], model_id), {"passages": [row[0] for row in gone]})
            await conn.execute(SQL["fasten"], found)
    return len(rows)


def encoded(rows: NDArray[np.float32], element: int) -> bytes:
    """The rows as a one-dimensional array of the type with this oid; a row of zeros is NULL."""
    count, dimensions = rows.shape
    some = [bool(row.any()) for row in rows]
    head = _VECTOR.pack(4 + 2 * dimensions, dimensions, 0)
    halves = rows.astype(">f2")
    parts = [head + row.tobytes() if has_some else _NULL for row, has_some in zip(halves, some, strict=True)]
    return _ARRAY.pack(1, int(not all(some)), element, count, 1) + b"".join(parts)


def _encoded(hashes: Sequence[bytes]) -> _Hashes:
    parts = [_LENGTH.pack(len(one)) + one for one in hashes]
    return _Hashes(_ARRAY.pack(1, 0, _BYTEA, len(hashes), 1) + b"".join(parts))


_known: dict[str, tuple[int, int]] = {}


async def _types(conn: Connection) -> tuple[int, int]:
    """The oids of `halfvec` and of arrays of it, which each database gives anew."""
    place = f"{conn.info.host} {conn.info.port} {conn.info.dbname}"
    if place not in _known:
        row = await (await conn.execute(SQL["types"])).fetchone()
        if row is None:
            raise RuntimeError("the database has no type halfvec")
        _known[place] = (row[0], row[1])
    return _known[place]
