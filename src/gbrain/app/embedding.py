"""`gbrain embed`, wired: the backlogs of the models in use, filled up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gbrain.app.brain import Brain
from gbrain.app.embedders import embedder_named
from gbrain.app.filled_up import Embedded, Wanted, fill_up, untouched
from gbrain.app.finishing import taking_long
from gbrain.app.in_use import model_in_use
from gbrain.app.settings import Settings
from gbrain.app.wiring import chosen
from gbrain.domain.embedding import Cause, Shortfall
from gbrain.domain.events import Event
from gbrain.domain.models import LOCAL, NONE, ModelState
from gbrain.domain.steps import Phase
from gbrain.errors import EmbedderUnusable, UsageError
from gbrain.services.beside import beside
from gbrain.services.progress import Board

CONNECTIONS = 8
"""What a fill may have: four that store, and one each for claims, their renewal, budgets, and whoever looks."""


async def run_embed(
    brain: Brain,
    *,
    named: str | None,
    here: Path,
    retry_failed: bool,
    parallel: int | None,
    emit: Callable[[Event], None],
) -> list[Embedded]:
    """Fill the backlogs of all models in use, of one source where it is named; what each came to.

    Raises NotFound where there is no such source, EmbedderUnusable where no model can be filled here at all.
    """
    wanted = Wanted(source=await source_named(brain, named, here), retry_failed=retry_failed, parallel=parallel)
    done: list[Embedded] = []
    unusable: list[EmbedderUnusable] = []
    async with telling(brain, emit) as board:
        async with taking_long(board, Phase.PLAN):
            found = (await model_in_use(brain, probing=True)).each
        for model in found:
            try:
                done.append(await fill_up(brain, model, board, wanted))
            except EmbedderUnusable as error:
                unusable.append(error)
                done.append(await untouched(brain, model, wanted, _no_embedder(error)))
    if unusable and len(unusable) == len(done):
        raise unusable[0]
    return _of_account(done)


def check_embedder(settings: Settings) -> None:
    """Raise UsageError where embedding is switched off, or left to an embedder that there is not."""
    if settings.embedder == NONE:
        raise UsageError("embedding is switched off: the embedder is set to none", hint=f"set GBRAIN_EMBEDDER={LOCAL}")
    embedder_named(settings, settings.embedder or LOCAL)


async def source_named(brain: Brain, named: str | None, here: Path) -> str | None:
    """The source of this name, None where none is named; raises NotFound where there is none."""
    if named is None:
        return None
    return (await chosen(brain, named=named, here=here, all_sources=False))[0].id


@asynccontextmanager
async def telling(brain: Brain, emit: Callable[[Event], None]) -> AsyncIterator[Board]:
    """What fills are busy with, told for as long as the block runs."""
    board = Board(emit)
    async with beside(board.keep_telling(), board.keep_rows(brain.pool)):
        yield board


def _of_account(done: list[Embedded]) -> list[Embedded]:
    """Without what is left of a model whose place another has just taken."""
    is_replaced = any(one.serves and one.was is ModelState.FILLING for one in done)
    return [one for one in done if one.is_whole or not (is_replaced and one.was is ModelState.ACTIVE)]


def _no_embedder(error: EmbedderUnusable) -> Shortfall:
    hint = error.hint or "gbrain models list shows what there is"
    return Shortfall(cause=Cause.NO_EMBEDDER, message=error.message, hint=hint)
