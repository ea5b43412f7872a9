"""The registry of models, the tables of their vectors, and the index over each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import errors
from psycopg.types.json import Jsonb

from gbrain.domain.models import Model, ModelState, Spec
from gbrain.store.connection import Connection
from gbrain.store.statements import of_model, statements

SQL = statements("models")

_MOST_MEMORY_BYTES = 2_000_000_000
_LEAST_MEMORY_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How far a model is, counted in places; `refused` counts passages that the provider will not take."""

    places: int
    pending: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What is kept of a source for a model, beside what is there."""

    kept: int
    """In how many places a vector is missing, as the writers have counted."""
    lacking: int
    """In how many one is."""
    unlisted: int
    """Passages that lack one and are not in the backlog: nobody would ever embed them."""

    @property
    def is_right(self) -> bool:
        """Whether it is as it should be."""
        return self.kept == self.lacking and not self.unlisted


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """The bytes of a model's vectors alone, and of all that it takes; whether it has an index."""

    vectors_bytes: int
    size_bytes: int
    is_indexed: bool


async def all_models(conn: Connection) -> list[Model]:
    """Every model, the active one first, then the one that is being filled."""
    return [_model(row) for row in await (await conn.execute(SQL["all"])).fetchall()]


async def register(conn: Connection, spec: Spec) -> Model:
    """The model of this description; one that was retired is to be filled again, and where there is none it is made.

    It is active where none is, or where it was; else it is being filled, and another that was gives way. Raises
    LockNotAvailable where batches are in the way for too long.
    """
    async with conn.transaction():
        await conn.execute(SQL["bound"])
        await conn.execute(SQL["lock"])
        models = await all_models(conn)
        same = next((model for model in models if _is_same(model, spec)), None)
        if same is not None and same.state is not ModelState.RETIRED:
            return same
        has_active = any(model.state is ModelState.ACTIVE for model in models)
        for model in models:
            if model.state is ModelState.FILLING:
                await _retire(conn, model.id)
        state = ModelState.FILLING if has_active else ModelState.ACTIVE
        model_id = await _create(conn, spec, state) if same is None else await _revive(conn, same.id, state)
    return next(model for model in await all_models(conn) if model.id == model_id)


async def activate(conn: Connection, model_id: int, *, despite_refused: bool = False) -> bool:
    """Let the filled model serve from now on, and the one before it be retired; False where something lacks a vector.

    `despite_refused`: what the provider will not take may lack it. Nothing comes in while this is decided.
    """
    async with conn.transaction():
        await conn.execute(SQL["bound"])
        await conn.execute(SQL["lock"])
        models = await all_models(conn)
        this = next((model for model in models if model.id == model_id), None)
        if this is None or this.state is not ModelState.FILLING:
            return this is not None and this.state is ModelState.ACTIVE
        if not this.seeded or not await _is_full(conn, model_id, despite_refused=despite_refused):
            return False
        for model in models:
            if model.state is ModelState.ACTIVE:
                await _retire(conn, model.id)
        await _set_state(conn, model_id, ModelState.ACTIVE)
    return True


async def keep_active(conn: Connection) -> None:
    """Retire the model that was to take the active one's place, if there is one."""
    async with conn.transaction():
        await conn.execute(SQL["bound"])
        await conn.execute(SQL["lock"])
        for model in await all_models(conn):
            if model.state is ModelState.FILLING:
                await _retire(conn, model.id)


async def drop(conn: Connection, model_id: int) -> bool:
    """Delete a model and its vectors; False, with nothing deleted, where it is the active one by now."""
    async with conn.transaction():
        await conn.execute(SQL["bound"])
        await conn.execute(SQL["lock"])
        if any(model.id == model_id and model.state is ModelState.ACTIVE for model in await all_models(conn)):
            return False
        await _forget(conn, model_id)
        await conn.execute(SQL["drop"], {"model": model_id})
        await conn.execute(of_model(SQL["drop_vectors"], model_id))
    return True


async def seed(conn: Connection, model_id: int) -> None:
    """Put all that lacks the model's vector into its backlog, source by source, and count it; may be done again."""
    for (source,) in await (await conn.execute(SQL["sources"])).fetchall():
        await recount(conn, model_id, source)
    await conn.execute(SQL["seeded"], {"model": model_id})


async def recount(conn: Connection, model_id: int, source_id: str) -> None:
    """The same for one source.

    The row that is counted into must be there for all to see before anything can be stored: who stores a vector while
    it is counted waits for it then. The backlog is filled before the row is held: batches take the two in that order.
    """
    values = {"model": model_id, "source": source_id}
    for statement in (SQL["ensure_coverage"], of_model(SQL["seed"], model_id)):
        async with conn.transaction():
            await conn.execute(statement, values)
    async with conn.transaction():
        await conn.execute(SQL["hold_coverage"], values)
        await conn.execute(of_model(SQL["count_pending"], model_id), values)


async def counted(conn: Connection) -> list[Model]:
    """The models of which it is kept what lacks a vector: those in use that all sources have been counted for."""
    return [model for model in await all_models(conn) if model.seeded and model.state is not ModelState.RETIRED]


async def audit(conn: Connection, model_id: int, source_id: str) -> Audit:
    """What is kept of a source for a model beside what is there, as of one moment."""
    values = {"model": model_id, "source": source_id}
    row = await (await conn.execute(of_model(SQL["audit"], model_id), values)).fetchone()
    kept, lacking, unlisted = row or (0, 0, 0)
    return Audit(kept=kept, lacking=lacking, unlisted=unlisted)


async def covered(conn: Connection, model_id: int) -> Covered:
    """How far the model is, by the counts that the writers keep."""
    row = await (await conn.execute(SQL["coverage"], {"model": model_id})).fetchone()
    places, pending, refused = row or (0, 0, 0)
    return Covered(places=places, pending=pending, refused=refused)


async def weigh(conn: Connection, model_id: int) -> Weight:
    """What its vectors and their index take."""
    names = {"table": f"gbrain.embedding_{model_id}", "index": f"gbrain.embedding_{model_id}_nearest"}
    row = await (await conn.execute(SQL["weigh"], names)).fetchone()
    vectors, whole, is_indexed = row or (None, None, False)
    return Weight(vectors_bytes=vectors or 0, size_bytes=whole or 0, is_indexed=is_indexed)


async def build_index(conn: Connection, model: Model, *, helpers: int = 2) -> None:
    """Build the index over all vectors where there is none: by one process where shared memory is too small for more.

    Nothing can be stored meanwhile; search goes on, over the table itself.
    """
    values = {"dimensions": model.dimensions}
    row = await (await conn.execute(of_model(SQL["graph_size"], model.id), values)).fetchone()
    size_bytes = min(max(int(row[0]) if row else 0, _LEAST_MEMORY_BYTES), _MOST_MEMORY_BYTES)
    try:
        await _build(conn, model.id, size_bytes, helpers)
    except (errors.DiskFull, errors.OutOfMemory, errors.InsufficientResources):
        if not helpers:
            raise
        await _build(conn, model.id, size_bytes, 0)
    await conn.execute(of_model(SQL["analyze"], model.id))


async def _build(conn: Connection, model_id: int, size_bytes: int, helpers: int) -> None:
    async with conn.transaction():
        await conn.execute(SQL["bound_build"], {"memory": f"{size_bytes // 1024}kB", "helpers": str(helpers)})
        await conn.execute(SQL["lock_build"], {"model": model_id})
        await conn.execute(of_model(SQL["build_index"], model_id))


async def _is_full(conn: Connection, model_id: int, *, despite_refused: bool) -> bool:
    found = await covered(conn, model_id)
    if not found.pending:
        return True
    row = await (await conn.execute(SQL["any_to_embed"], {"model": model_id})).fetchone()
    return despite_refused and found.refused > 0 and row is not None and not row[0]


async def _create(conn: Connection, spec: Spec, state: ModelState) -> int:
    values = {
        "name": spec.name,
        "embedder": spec.embedder,
        "dimensions": spec.dimensions,
        "fingerprint": spec.fingerprint,
        "limits": Jsonb(spec.limits),
        "state": state.value,
    }
    row = await (await conn.execute(SQL["create"], values)).fetchone()
    if row is None:
        raise RuntimeError("the server made no model")
    model_id: int = row[0]
    await conn.execute(of_model(SQL["create_vectors"], model_id, dimensions=spec.dimensions))
    return model_id


async def _revive(conn: Connection, model_id: int, state: ModelState) -> int:
    await conn.execute(SQL["unseed"], {"model": model_id})
    await _set_state(conn, model_id, state)
    return model_id


async def _retire(conn: Connection, model_id: int) -> None:
    await _set_state(conn, model_id, ModelState.RETIRED)
    await _forget(conn, model_id)


async def _set_state(conn: Connection, model_id: int, state: ModelState) -> None:
    await conn.execute(SQL["set_state"], {"model": model_id, "state": state.value})


async def _forget(conn: Connection, model_id: int) -> None:
    await conn.execute(SQL["forget_backlog"], {"model": model_id})
    await conn.execute(SQL["forget_coverage"], {"model": model_id})


def _is_same(model: Model, spec: Spec) -> bool:
    return (model.name, model.fingerprint) == (spec.name, spec.fingerprint)


def _model(row: Sequence[Any]) -> Model:
    fields = dict(zip(Model.__dataclass_fields__, row, strict=True))
    return Model(**fields | {"state": ModelState(fields["state"])})
