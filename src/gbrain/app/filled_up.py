"""One model's backlog, filled up to its end or to what keeps it from that, and what it came to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

from gbrain.app.brain import Brain
from gbrain.app.filling import Terms, fill
from gbrain.app.finishing import finish
from gbrain.domain.embedding import Cause, Filled, Shortfall, Standing, refused
from gbrain.domain.models import Model, ModelState
from gbrain.domain.spending import cost_of
from gbrain.services import models
from gbrain.services.progress import Board
from gbrain.store import backlog
from gbrain.store.models import Covered, covered

_FRUITLESS_ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What a fill of one model came to. `left` is what it left of what it was to fill, and `shortfall` says why.

    `model` is as it is now, `was` what it was there for before. `covered` is of the whole brain; None where another
    process gave the model up. `cost` is in the unit of the configured price; None where there is no price.
    """

    model: Model
    was: ModelState
    filled: Filled
    left: Standing
    covered: Covered | None
    took: timedelta
    cost: float | None
    shortfall: Shortfall | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left at all."""
        return not self.left.left and self.shortfall is None

    @property
    def serves(self) -> bool:
        """Whether search uses it."""
        return self.model.state is ModelState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be filled: of one source or all, what was refused too or not, with so many requests at once."""

    source: str | None = None
    retry_failed: bool = False
    parallel: int | None = None
    despite_refused: bool = False
    """Whether a model takes over though some of the texts are refused."""


async def fill_up(brain: Brain, model: Model, board: Board, wanted: Wanted) -> Embedded:
    """Fill the model's backlog; where nothing lacks its vector then, it has its index, and serves.

    Raises EmbedderUnusable where something is to be filled, and nothing here makes its vectors.
    """
    started = time.monotonic()
    if wanted.retry_failed:
        await brain.ask(lambda conn: backlog.retry(conn, model.id, wanted.source))
    await brain.ask(lambda conn: backlog.forget_needless_refusals(conn, model.id))
    rounds = _Rounds(brain, model, board, wanted, await _standing(brain, model, wanted.source))
    await rounds.run()
    return await _as_it_is(brain, model, rounds, timedelta(seconds=time.monotonic() - started))


async def untouched(brain: Brain, model: Model, wanted: Wanted, why: Shortfall | None) -> Embedded:
    """The model as it is, without anything done."""
    left = await _standing(brain, model, wanted.source)
    rounds = _Rounds(brain, model, Board(lambda event: None), wanted, left, Filled(shortfall=why))
    return await _as_it_is(brain, model, rounds, timedelta())


@dataclass(slots=True)
class _Rounds:
    """Fills until nothing has come in meanwhile."""

    brain: Brain
    model: Model
    board: Board
    wanted: Wanted
    left: Standing
    filled: Filled = field(default_factory=Filled)

    async def run(self) -> None:
        """Until nothing is left and the model serves, or something keeps it from that."""
        fruitless = 0
        while fruitless < _FRUITLESS_ROUNDS:
            before = self.filled.passages
            if not await self._fill():
                return
            whole = await _standing(self.brain, self.model, None)
            if whole.left or not await self._is_in_use():
                return
            despite = self.wanted.despite_refused
            if await finish(self.brain, self.model, self.board, despite_refused=despite) or whole.refused:
                return
            fruitless = fruitless + 1 if self.filled.passages == before else 0
        self.filled.shortfall = _unsettled()

    async def _fill(self) -> bool:
        """Fill what is left of what is wanted; False where that cannot be."""
        terms = Terms(source=self.wanted.source, cap=self.wanted.parallel)
        while True:
            self.left = await _standing(self.brain, self.model, self.wanted.source)
            if not self.left.left or self.filled.shortfall is not None:
                return not self.left.left
            _add(self.filled, await fill(self.brain, self.model, self.board, terms))

    async def _is_in_use(self) -> bool:
        """False, with the reason, where another process has chosen another model meanwhile."""
        if self.model.id in [one.id for one in (await self.brain.ask(models.in_use)).each]:
            return True
        self.filled.shortfall = _given_up(self.model)
        return False


async def _standing(brain: Brain, model: Model, source: str | None) -> Standing:
    return await brain.ask(lambda conn: backlog.standing(conn, model.id, source))


async def _as_it_is(brain: Brain, model: Model, rounds: _Rounds, took: timedelta) -> Embedded:
    filled, left = rounds.filled, rounds.left
    now = next((one for one in (await brain.ask(models.in_use)).each if one.id == model.id), None)
    is_said = left.left or (
        filled.shortfall is not None and filled.shortfall.cause in (Cause.GIVEN_UP, Cause.UNSETTLED)
    )
    endpoint = brain.settings.embedders.get(model.embedder)
    price = endpoint.price_per_million_tokens if endpoint is not None else 0.0
    return Embedded(
        model=now or model,
        was=model.state,
        filled=filled,
        left=left,
        covered=await brain.ask(lambda conn: covered(conn, model.id)) if now is not None else None,
        took=took,
        cost=cost_of(filled.tokens, price) if price else None,
        shortfall=filled.shortfall if is_said else refused(left.refused),
    )


def _add(filled: Filled, more: Filled) -> None:
    filled.passages += more.passages
    filled.places.update(more.places)
    filled.refused += more.refused
    filled.requests += more.requests
    filled.tokens += more.tokens
    filled.shortfall = more.shortfall


def _given_up(model: Model) -> Shortfall:
    return Shortfall(
        cause=Cause.GIVEN_UP,
        message=f"another model was chosen meanwhile, and {model.name} is not filled any more",
        hint="gbrain models list shows what is used",
    )


def _unsettled() -> Shortfall:
    return Shortfall(
        cause=Cause.UNSETTLED,
        message="nothing is left to embed, but by the counts that are kept something lacks its vector",
        hint="run it again; gbrain sources verify --all shows what differs",
    )
