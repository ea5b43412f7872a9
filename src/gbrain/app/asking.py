"""What was asked, embedded by the model that serves: each is loaded once, as little of it as is needed."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from gbrain.app.brain import Brain
from gbrain.domain.models import Model
from gbrain.errors import CouldNotRun

if TYPE_CHECKING:
    from gbrain.embedding.answers import Embedder
    from gbrain.embedding.question import QuestionModel

_EMBED_S = 5.0
"""A provider that does not embed what is asked within this is gone without."""

_SHORT = 1000
"""So many characters of a question are embedded without loading the whole model."""


class Asker:
    """Embeds what is asked of a brain, one question after another or side by side."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain
        self._embedders: dict[int, Embedder] = {}
        self._local: dict[int, bool] = {}

    async def vector_of(self, text: str, model: Model) -> list[float]:
        """The vector of length one; zeros where there is nothing to embed. CouldNotRun says why there is none."""
        if len(text) <= _SHORT and self._is_local(model):
            return self._question_model.vector_of(text)
        try:
            async with asyncio.timeout(_EMBED_S):
                answer = await self._embedder(model).embed([text])
        except TimeoutError:
            raise CouldNotRun(f"no answer within {_EMBED_S:g} s") from None
        from gbrain.embedding.answers import Vectors

        if not isinstance(answer, Vectors):
            raise CouldNotRun(answer.message)
        return [float(number) for number in answer.rows[0]]

    async def close(self) -> None:
        """Let go of what embeds."""
        while self._embedders:
            await self._embedders.popitem()[1].close()

    @cached_property
    def _question_model(self) -> QuestionModel:
        from gbrain.embedding.question import QuestionModel

        return QuestionModel()

    def _is_local(self, model: Model) -> bool:
        """Whether the local embedder made the model's vectors; raises where another version of it did."""
        from gbrain.app.specs import maker_of

        if model.id not in self._local:
            self._local[model.id] = maker_of(self._brain.settings, model) is None
        return self._local[model.id]

    def _embedder(self, model: Model) -> Embedder:
        from gbrain.app.embedders import opened

        if model.id not in self._embedders:
            self._embedders[model.id] = opened(self._brain.settings, model, self._brain.pool).embedder
        return self._embedders[model.id]
