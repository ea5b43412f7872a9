"""`gbrain models use`, wired: another model is filled while the one before it serves, and then takes its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gbrain.app.brain import Brain
from gbrain.app.embedders import embedder_named
from gbrain.app.embedding import telling
from gbrain.app.filled_up import Embedded, Wanted, fill_up, untouched
from gbrain.app.finishing import taking_long
from gbrain.app.settings import Settings
from gbrain.app.specs import maker_of, spec_of
from gbrain.domain.events import Event
from gbrain.domain.models import Model
from gbrain.domain.steps import Phase
from gbrain.errors import EmbedderUnusable
from gbrain.services import models


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What came of the wish to use a model. `before` is what search used until then; None where it used none."""

    before: Model | None
    was_active: bool
    embedded: Embedded


async def run_use(
    brain: Brain, name: str, *, parallel: int | None, despite_refused: bool, emit: Callable[[Event], None]
) -> Used:
    """Fill the model that is named, by its embedder or in full, and let it serve when nothing lacks its vector.

    `despite_refused`: texts that the provider will not take may lack it.

    Where it serves already nothing is filled, and another that was to take its place gives way. Raises UsageError where
    there is no such embedder, EmbedderUnusable where it cannot be used.
    """
    embedder = embedder_named(brain.settings, name)
    before = (await brain.ask(models.in_use)).active
    if before is not None and _makes(brain.settings, embedder, before):
        await models.keep_active(brain.pool)
        return Used(before=before, was_active=True, embedded=await untouched(brain, before, Wanted(), None))
    async with telling(brain, emit) as board:
        async with taking_long(board, Phase.PLAN):
            model = await models.register(brain.pool, await spec_of(brain.settings, embedder))
        embedded = await fill_up(brain, model, board, Wanted(parallel=parallel, despite_refused=despite_refused))
    return Used(before=before, was_active=False, embedded=embedded)


def _makes(settings: Settings, embedder: str, model: Model) -> bool:
    try:
        return model.embedder == embedder and maker_of(settings, model) is settings.embedders.get(embedder)
    except EmbedderUnusable:
        return False
