"""The backlog of a model: workers claim from it, and what is claimed by one that dies is free again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gbrain.domain.embedding import Claimed, Standing
from gbrain.domain.lease import Holder
from gbrain.domain.passages import passage_of
from gbrain.store import arrays, vectors
from gbrain.store.brief import brief
from gbrain.store.connection import Connection
from gbrain.store.statements import of_model, statements

SQL = statements("backlog")
_PIECE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProgress:
    """How far a worker is, for whoever looks. `waits` is how long it waits from now on for its provider."""

    done: int = 0
    total: int | None = None
    rate_per_s: float | None = None
    waits: timedelta | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A passage that the provider will not take, by one of its places."""

    source_id: str
    path: bytes
    first_line: int
    last_line: int
    reason: str
    refused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """How many passages there are, and how much they are together."""

    number: int = 0
    characters: int = 0
    size_bytes: int = 0


async def enlist(conn: Connection, model_id: int, me: Holder, term: timedelta) -> int:
    """A worker's id, from now on and for a term."""
    values = {"host": me.host, "boot": me.boot, "pids": me.pids, "pid": me.pid, "started": me.started}
    row = await (await conn.execute(SQL["enlist"], values | {"model": model_id, "term": term})).fetchone()
    if row is None:
        raise RuntimeError("the server enlisted no worker")
    worker: int = row[0]
    return worker


async def renew(conn: Connection, worker: int, term: timedelta, progress: WorkerProgress) -> bool:
    """Say that the worker works on; False where it was taken for dead, and its claims are others'."""
    values = {
        "worker": worker,
        "term": term,
        "done": progress.done,
        "total": progress.total,
        "rate": progress.rate_per_s,
        "waits": progress.waits,
        "trouble": progress.trouble,
    }
    return await (await conn.execute(SQL["renew"], values)).fetchone() is not None


async def dismiss(conn: Connection, worker: int, *, whatever: bool = False) -> bool:
    """Free what a worker has claimed, where its term is over or `whatever` it says; False where it works on."""
    async with brief(conn):
        values = {"worker": worker, "whatever": whatever}
        if await (await conn.execute(SQL["dismiss"], values)).fetchone() is None:
            return False
        await _lower(conn, await (await conn.execute(SQL["free"], {"worker": worker})).fetchall())
    return True


async def dismiss_the_dead(conn: Connection, is_dead: Callable[[Holder], bool]) -> int:
    """Free what was claimed by workers whose term is over, or that are seen to be dead; how many those were."""
    dismissed = 0
    for worker, _, host, boot, pids, pid, started, is_over in await (await conn.execute(SQL["workers"])).fetchall():
        dead = is_dead(Holder(host=host, boot=boot, pids=pids, pid=pid, started=started))
        if is_over or dead:
            dismissed += await dismiss(conn, worker, whatever=dead)
    return dismissed


async def claim(
    conn: Connection, model_id: int, worker: int, *, position: int, limit: int, source: str | None
) -> tuple[list[bytes], int]:
    """Up to `limit` passages from a position on, claimed, and the position behind them."""
    values = {"model": model_id, "worker": worker, "position": position, "limit": limit, "source": source}
    name = "claim" if source is None else "claim_of_source"
    rows = sorted(await (await conn.execute(SQL[name], values, binary=True)).fetchall())
    return [row[1] for row in rows], rows[-1][0] + 1 if rows else position


async def read(conn: Connection, model_id: int, worker: int, passages: Sequence[bytes]) -> list[Claimed]:
    """What claimed passages say, in their order.

    Those that need nothing any more are left out, and gone from the backlog; where one of them has come back meanwhile,
    it is anybody's.
    """
    statement = of_model(SQL["passages"], model_id)
    async with conn.cursor(binary=True) as cursor:
        arrays.sends_hashes(cursor.adapters)
        await cursor.execute(statement, {"passages": arrays.hashes(passages)})
        rows = await cursor.fetchall()
    said = {
        passage: passage_of(title, headings, text)
        for passage, has_vector, title, headings, text in rows
        if not has_vector and text is not None
    }
    if needless := [passage for passage in passages if passage not in said]:
        await vectors.drop_needless(conn, model_id, needless)
        await give_back(conn, model_id, worker, needless)
    return [Claimed(passage=passage, text=said[passage]) for passage in passages if passage in said]


async def give_back(conn: Connection, model_id: int, worker: int, passages: Sequence[bytes]) -> None:
    """Let others have what was claimed."""
    values = {"model": model_id, "worker": worker, "passages": list(passages)}
    async with brief(conn):
        await _lower(conn, await (await conn.execute(SQL["give_back"], values)).fetchall())


async def refuse(conn: Connection, model_id: int, passage: bytes, reason: str) -> None:
    """Put a passage aside that the provider will not take."""
    await conn.execute(SQL["refuse"], {"model": model_id, "passage": passage, "reason": reason})


async def forget_needless_refusals(conn: Connection, model_id: int) -> None:
    """Nobody need know of what was refused and stands nowhere any more."""
    while True:
        values = {"model": model_id, "limit": _PIECE}
        rows = await (await conn.execute(SQL["needless_refusals"], values, binary=True)).fetchall()
        if rows:
            await vectors.drop_needless(conn, model_id, [row[0] for row in rows])
        if len(rows) < _PIECE:
            return


async def retry(conn: Connection, model_id: int, source: str | None) -> int:
    """Let passages that were refused be tried again; how many."""
    async with brief(conn):
        rows = await (await conn.execute(SQL["retry"], {"model": model_id, "source": source})).fetchall()
        await _lower(conn, rows)
    return len(rows)


async def refusals(conn: Connection, model_id: int, limit: int) -> list[Refusal]:
    """What was refused, the newest first."""
    rows = await (await conn.execute(SQL["refusals"], {"model": model_id, "limit": limit})).fetchall()
    return [Refusal(**dict(zip(Refusal.__dataclass_fields__, row, strict=True))) for row in rows]


async def standing(conn: Connection, model_id: int, source: str | None = None) -> Standing:
    """How the backlog stands, of one source or whole, counted."""
    name = "standing" if source is None else "standing_of_source"
    row = await (await conn.execute(SQL[name], {"model": model_id, "source": source})).fetchone()
    free, claimed, refused = row or (0, 0, 0)
    return Standing(free=free, claimed=claimed, refused=refused)


async def any_left(conn: Connection, model_id: int) -> bool:
    """Whether anything is left that was not refused."""
    row = await (await conn.execute(SQL["any_left"], {"model": model_id})).fetchone()
    return bool(row and row[0])


async def weigh(conn: Connection, model_id: int, source: str | None, *, refused: bool) -> Texts:
    """What is left, of one source or in all; with what was refused, or without."""
    values = {"model": model_id, "source": source, "refused": refused}
    return _texts(await (await conn.execute(SQL["weigh"], values)).fetchone())


async def weigh_lacking(conn: Connection, model_id: int, source: str | None) -> Texts:
    """What lacks the model's vector, where its backlog does not have all of that yet."""
    return _texts(await (await conn.execute(of_model(SQL["weigh_lacking"], model_id), {"source": source})).fetchone())


async def weigh_all(conn: Connection, source: str | None) -> Texts:
    """Everything there is to embed: what a new model would lack."""
    return _texts(await (await conn.execute(SQL["weigh_all"], {"source": source})).fetchone())


async def claims_from(conn: Connection, model_id: int) -> int:
    """A position below which nothing is free, most likely."""
    row = await (await conn.execute(SQL["claims_from"], {"model": model_id})).fetchone()
    return row[0] if row is not None else 0


async def note_claims_from(conn: Connection, model_id: int, position: int) -> None:
    """The same, for those who come later."""
    await conn.execute(SQL["note_claims_from"], {"model": model_id, "position": position})


def _texts(row: tuple[Any, ...] | None) -> Texts:
    number, characters, size_bytes = row or (0, 0, 0)
    return Texts(number=number, characters=characters, size_bytes=size_bytes)


async def _lower(conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows that are free again lie from there on."""
    lowest: dict[int, int] = {}
    for model_id, position in rows:
        lowest[model_id] = min(position, lowest.get(model_id, position))
    for model_id, position in sorted(lowest.items()):
        await conn.execute(SQL["lower_claims_from"], {"model": model_id, "position": position})
