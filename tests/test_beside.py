"""Embedding beside a sync where things happen in the wrong moment: what asks and what finishes is played."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gbrain.app import beside
from gbrain.app.beside import Beside
from gbrain.domain.outcome import Result
from gbrain.services.progress import Board

MODEL = SimpleNamespace(id=1, embedder="played", name="played:m")
IN_USE = SimpleNamespace(active=MODEL, each=[MODEL])


@dataclass
class _Brain:
    """Looks into a backlog take a moment, and tell how it was at their beginning."""

    does: list[str] = field(default_factory=list)
    is_left: bool = False
    looks: int = 0
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    finishing_s: float = 0.0
    probing_s: float = 0.0
    settings: Any = field(
        default_factory=lambda: SimpleNamespace(embedder="played", embed_budget=timedelta(seconds=0.5))
    )

    async def ask(self, question: Callable[[object], Awaitable[Any]]) -> Any:
        return await question(self)

    async def any_left(self, *_: object) -> bool:
        self.looks += 1
        seen = self.is_left
        self.looking.set()
        if self.looks == 1:
            await self.answered.wait()
        return seen

    async def standing(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(left=int(self.is_left), refused=0)

    async def nothing(self, *_: object) -> None:
        pass

    async def pending(self, *_: object) -> dict[str, int]:
        return {"wiki": 1} if self.is_left else {}

    async def in_use(self, *_: object, probing: bool = False) -> SimpleNamespace:
        await asyncio.sleep(self.probing_s if probing else 0)
        return IN_USE

    async def fill(self, *_: object) -> bool:
        self.does.append("filled")
        self.is_left = False
        return True

    async def finish(self, *_: object) -> None:
        try:
            await asyncio.sleep(self.finishing_s)
        except asyncio.CancelledError:
            self.does.append("cancelled")
            raise
        self.does.append("finished")


@pytest.fixture
def brain(monkeypatch: pytest.MonkeyPatch) -> _Brain:
    made = _Brain()
    asked = SimpleNamespace(any_left=made.any_left, standing=made.standing, forget_needless_refusals=made.nothing)
    monkeypatch.setattr(beside, "_LOOKS_APART_S", 60.0)
    monkeypatch.setattr(beside, "model_in_use", made.in_use)
    monkeypatch.setattr(beside, "models", SimpleNamespace(in_use=made.in_use))
    monkeypatch.setattr(beside, "backlog", asked)
    monkeypatch.setattr(beside, "pending_places", made.pending)
    monkeypatch.setattr(beside, "finish", made.finish)
    monkeypatch.setattr(Beside, "_fill", made.fill)
    return made


def _beside(brain: _Brain) -> Beside:
    return Beside(cast("Any", brain), Board(lambda event: None), wanted=True, is_watch=False)


async def test_what_comes_in_with_the_end_of_the_sync_while_the_backlog_is_looked_at_is_embedded(brain: _Brain) -> None:
    made = _beside(brain)
    await made.prepare()
    await brain.looking.wait()
    brain.is_left = True
    made.came(cast("Result", None))
    ending = asyncio.create_task(made.finish())
    await asyncio.sleep(0)
    brain.answered.set()
    found = await ending
    await made.close()
    assert brain.does == ["filled", "finished"]
    assert (found.pending, found.shortfall, found.places) == ({}, None, Counter())


async def test_what_follows_on_a_fill_is_waited_for_where_nothing_was_left_to_fill(brain: _Brain) -> None:
    brain.answered.set()
    brain.finishing_s = 1.5
    made = _beside(brain)
    await made.prepare()
    await made.finish()
    await made.close()
    assert brain.does == ["finished"]


async def test_a_sync_whose_time_was_over_before_it_could_embed_says_so(brain: _Brain) -> None:
    brain.answered.set()
    brain.is_left, brain.probing_s = True, 0.45
    made = _beside(brain)
    await made.prepare()
    found = await made.finish()
    await made.close()
    assert brain.does == []
    assert found.shortfall is not None
    assert "were over" in found.shortfall.message
