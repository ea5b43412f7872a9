"""The models of a brain: which is active, which is being filled, and what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass

from gbrain.domain.models import Model, ModelState, Spec, is_meant
from gbrain.errors import NotFound, UsageError
from gbrain.store import backlog, models
from gbrain.store.backlog import Refusal as Refusal
from gbrain.store.connection import Connection, Pool
from gbrain.store.models import Covered as Covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A model as `gbrain models` shows it. `covered` is None of one that nobody fills any more.

    `refusals` are texts that its provider will not take, the newest first; None where nobody asked for them.
    """

    model: Model
    covered: Covered | None
    size_bytes: int
    is_indexed: bool
    refusals: list[Refusal] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """The models that get vectors of what comes in."""

    active: Model | None
    filling: Model | None

    @property
    def each(self) -> list[Model]:
        """Both, the active one first."""
        return [model for model in (self.active, self.filling) if model is not None]


async def every(conn: Connection) -> list[Model]:
    """Every model, the active one first."""
    return await models.all_models(conn)


async def in_use(conn: Connection) -> InUse:
    """The models that are not retired."""
    by_state = {model.state: model for model in await models.all_models(conn)}
    return InUse(active=by_state.get(ModelState.ACTIVE), filling=by_state.get(ModelState.FILLING))


async def register(pool: Pool, spec: Spec) -> Model:
    """The model of this description, with all that lacks its vector in its backlog.

    Active where the brain has no other; else to be filled until it can take the other's place.
    """
    async with pool.connection() as conn:
        model = await models.register(conn, spec)
    await seed(pool, model)
    return model


async def keep_active(pool: Pool) -> None:
    """Give up the model that was to take the place of the active one; its vectors stay until it is dropped."""
    async with pool.connection() as conn:
        await models.keep_active(conn)


async def seed(pool: Pool, model: Model) -> None:
    """See to it that all that lacks the model's vector is in its backlog. It may take long in a large brain."""
    if not model.seeded:
        async with pool.connection() as conn:
            await models.seed(conn, model.id)


async def shown(conn: Connection, *, most_refusals: int | None = None) -> list[Shown]:
    """Every model, with how far it is and the room it takes; where asked for, with so many of its refusals at most."""
    found = []
    for model in await models.all_models(conn):
        weight = await models.weigh(conn, model.id)
        covered = None if model.state is ModelState.RETIRED else await models.covered(conn, model.id)
        refusals = await backlog.refusals(conn, model.id, most_refusals) if most_refusals is not None else None
        found.append(
            Shown(
                model=model,
                covered=covered,
                size_bytes=weight.size_bytes,
                is_indexed=weight.is_indexed,
                refusals=refusals,
            )
        )
    return found


async def drop(conn: Connection, name: str) -> list[Shown]:
    """Delete the models of this name that are not active, vectors and all; what they were. Raises what `idle` does."""
    found = await idle(conn, name)
    return [one for one in found if await models.drop(conn, one.model.id)]


async def idle(conn: Connection, name: str) -> list[Shown]:
    """The models of this name that are not active.

    Raises NotFound where there is none of the name, UsageError where the only one is active.
    """
    named = [one for one in await shown(conn) if is_meant(one.model, name)]
    if not named:
        raise NotFound(f"there is no model {name}", hint="gbrain models list shows what there is")
    found = [one for one in named if one.model.state is not ModelState.ACTIVE]
    if not found:
        raise UsageError(
            f"{named[0].model.name} is the active model: search uses it",
            hint="use another first: gbrain models use NAME",
        )
    return found
