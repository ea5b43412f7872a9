"""Vectors on their way into a model's table, stored with the rows of the backlog that they settle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gbrain.domain.embedding import Stored
from gbrain.store import arrays
from gbrain.store.brief import brief
from gbrain.store.connection import Connection
from gbrain.store.statements import of_model, statements

if TYPE_CHECKING:
    from datetime import timedelta

    import numpy as np
    from numpy.typing import NDArray

SQL = statements("vectors")


async def store(conn: Connection, model_id: int, passages: Sequence[bytes], rows: NDArray[np.float32]) -> Stored:
    """Store the vectors of passages that are in the backlog, take these from it, and count; what it amounted to.

    Of those that are in it no longer nothing is stored: somebody else has, or nobody needs it. A row of zeros is
    stored as NULL: the model finds nothing in the text.
    """
    halfvec, halfvecs = await _types(conn)
    async with brief(conn), conn.cursor(binary=True) as cursor:
        arrays.sends_hashes(cursor.adapters)
        arrays.sends_vectors(cursor.adapters, halfvecs)
        sent = arrays.hashes(passages)
        await cursor.execute(SQL["take"], {"model": model_id, "passages": sent})
        taken = {row[0] for row in await cursor.fetchall()}
        if len(taken) < len(passages):
            chosen = [number for number, passage in enumerate(passages) if passage in taken]
            sent, rows = arrays.hashes([passages[number] for number in chosen]), rows[chosen]
        if not taken:
            return Stored(passages=0, places={})
        values = {"model": model_id, "passages": sent, "vectors": arrays.vectors(rows, halfvec)}
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
