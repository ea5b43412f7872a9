"""Vectors on their way from one brain to another: read as of one moment, and stored whatever runs side by side.

A piece that comes in is stored as an answer of an embedder is: its passages are put into the backlog first, where they
lack a vector, and leave it again with their vectors in the same transaction. So the counts stay exact, and a batch that
brings one of them in meanwhile waits. A retired model has neither backlog nor counts, but the way is the same.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import errors
from psycopg.types.array import ListBinaryDumper
from psycopg.types.json import Jsonb

from gbrain.domain.models import Model, ModelState
from gbrain.errors import CouldNotRun, UsageError
from gbrain.store import vectors
from gbrain.store.connection import Connection, Pool
from gbrain.store.models import all_models
from gbrain.store.statements import of_model, statements

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SQL = statements("vector_transfer")
MODELS = statements("models")

HASH_BYTES = 32
_PIECE = 500
_HEAD_BYTES = 4
"""What stands before the halves where a `halfvec` is sent."""
_MOST_OFF = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A model as another brain knew it."""

    name: str
    embedder: str
    dimensions: int
    fingerprint: bytes
    limits: dict[str, Any]
    state: ModelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Passages, 32 bytes each, and their vectors: halves of IEEE 754, the highest byte first; zeros stand for NULL."""

    passages: bytes
    vectors: bytes

    @property
    def hashes(self) -> list[bytes]:
        """Each passage."""
        return [self.passages[at : at + HASH_BYTES] for at in range(0, len(self.passages), HASH_BYTES)]


@asynccontextmanager
async def at_one_moment(pool: Pool) -> AsyncGenerator[tuple[Connection, list[Model]], None]:
    """A connection on which everything is read as of one moment, and the models of that moment, which stay so long."""
    async with pool.connection() as conn, conn.transaction():
        await conn.execute(SQL["begin"])
        models = await all_models(conn)
        try:
            for model in models:
                await conn.execute(of_model(SQL["keep"], model.id))
        except errors.UndefinedTable as error:
            raise CouldNotRun("a model was dropped in this moment", hint="run the command again") from error
        yield conn, models


async def pieces(conn: Connection, model: Model) -> AsyncGenerator[Piece, None]:
    """All vectors of a model, some hundred at a time, in order of passage."""
    nothing, after = bytes(2 * model.dimensions), b""
    statement = of_model(SQL["after"], model.id)
    while True:
        cursor = await conn.execute(statement, {"after": after, "limit": _PIECE}, binary=True)
        if not (rows := await cursor.fetchall()):
            return
        yield _joined(rows, nothing)
        after = rows[-1][0]


def rows_of(piece: Piece, dimensions: int) -> NDArray[np.float32]:
    """Its vectors; raises ValueError where they are not as many as its passages, or not what a model makes."""
    import numpy as np

    count, rest = divmod(len(piece.passages), HASH_BYTES)
    if not count or rest:
        raise ValueError(f"its passages are {len(piece.passages):,} bytes")
    if len(piece.vectors) != 2 * dimensions * count:
        wanted = f"{count:,} of {dimensions:,} dimensions"
        raise ValueError(f"its vectors are {len(piece.vectors):,} bytes, and not {wanted}")
    rows = np.frombuffer(piece.vectors, ">f2").reshape(count, dimensions).astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if not bool(np.all((lengths == 0) | (np.abs(lengths - 1) < _MOST_OFF))):
        raise ValueError("its vectors are not of length one")
    return rows


async def adopt(conn: Connection, carried: Carried, *, may_serve: bool) -> tuple[Model, bool]:
    """The brain's own model that is the same as one of another brain, made where there is none; whether it was made.

    It is active where it `may_serve` and the brain has no active one; else it stays what it is here, or is retired.
    """
    async with conn.transaction():
        await conn.execute(MODELS["bound"])
        await conn.execute(MODELS["lock"])
        models = await all_models(conn)
        same = next((m for m in models if (m.name, m.fingerprint) == (carried.name, carried.fingerprint)), None)
        serves = may_serve and not any(model.state is ModelState.ACTIVE for model in models)
        if same is None:
            model_id = await _create(conn, carried, ModelState.ACTIVE if serves else ModelState.RETIRED)
        else:
            model_id = same.id
            _check(same, carried)
            if serves:
                await conn.execute(MODELS["unseed"], {"model": model_id})
                await conn.execute(MODELS["set_state"], {"model": model_id, "state": ModelState.ACTIVE.value})
        found = next(model for model in await all_models(conn) if model.id == model_id)
    return found, same is None


async def store(conn: Connection, model: Model, piece: Piece) -> int:
    """Store the vectors of a piece, where their passages have none; how many those were.

    What stands nowhere is kept for a while, as what stands nowhere any more is. Raises ValueError as `rows_of` does,
    and LockNotAvailable or DeadlockDetected where others are in the way.
    """
    rows = rows_of(piece, model.dimensions)
    values = {"model": model.id, "passages": piece.hashes}
    async with conn.transaction(), conn.cursor() as cursor:
        cursor.adapters.register_dumper(list, ListBinaryDumper)  # as text each hash would be escaped, byte by byte
        await cursor.execute(SQL["bound"])
        if await (await cursor.execute(SQL["hold_model"], values)).fetchone() is None:
            raise CouldNotRun(f"the model {model.name} was dropped meanwhile", hint="import again")
        await cursor.execute(SQL["keep_loose"], values)
        await cursor.execute(of_model(SQL["expect"], model.id), values)
        await cursor.execute(SQL["hold_backlog"], values)
        return (await vectors.store(conn, model.id, piece.hashes, rows)).passages


async def _create(conn: Connection, carried: Carried, state: ModelState) -> int:
    values = {name: getattr(carried, name) for name in ("name", "embedder", "dimensions", "fingerprint")}
    values |= {"limits": Jsonb(carried.limits), "state": state.value}
    row = await (await conn.execute(MODELS["create"], values)).fetchone()
    if row is None:
        raise RuntimeError("the server made no model")
    model_id: int = row[0]
    await conn.execute(of_model(MODELS["create_vectors"], model_id, dimensions=carried.dimensions))
    return model_id


def _check(same: Model, carried: Carried) -> None:
    if same.dimensions != carried.dimensions:
        raise UsageError(
            f"{carried.name} has {carried.dimensions:,} dimensions in the export, and {same.dimensions:,} here",
            hint="export again",
        )


def _joined(rows: Sequence[tuple[Any, ...]], nothing: bytes) -> Piece:
    halves = [nothing if vector is None else vector[_HEAD_BYTES:] for _, vector in rows]
    return Piece(passages=b"".join([passage for passage, _ in rows]), vectors=b"".join(halves))
