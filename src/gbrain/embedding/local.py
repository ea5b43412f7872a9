"""The embedder that needs nobody: in this process while there is little to embed, else in child processes."""

from __future__ import annotations

import asyncio
import pickle
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeVar

from gbrain import logs
from gbrain.children.asking import Children
from gbrain.embedding import weights
from gbrain.embedding.answers import Vectors

if TYPE_CHECKING:
    from gbrain.embedding.static_model import StaticModel

Done = TypeVar("Done")

THREAD_LIMIT_TEXTS = 2048
"""So many texts are embedded in a thread; with more, starting processes pays, each of which loads the model anew."""

_RULE = 1
_PROGRAM = "gbrain.embedding.local_child"
_ANSWER_SECONDS = 300.0


class LocalEmbedder:
    """Embeds with the weights of the `wordllama` wheel: first in a thread of its own, then in up to `processes`.

    More threads would not be faster: most of the work holds the interpreter's lock. The vectors are the same bits
    either way. Where a process dies, for want of memory most likely, the thread does what is left.
    """

    model_name: ClassVar[str] = "wordllama-256"
    dimensions: ClassVar[int] = 256

    def __init__(self, *, processes: int = 0) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        self._model: StaticModel | None = None
        self._children = Children(_PROGRAM, processes, what="an embedding process", seconds=_ANSWER_SECONDS)
        self._uses_children = processes > 0
        self._met = 0

    @cached_property
    def version(self) -> str:
        """What changes whenever the same text may get another vector: with the model's files, or our way of using them.

        Raises CouldNotRun where the model is not installed.
        """
        return f"{weights.find().digest()}-{_RULE}"

    async def load(self) -> None:
        """Load the model now rather than with the first batch; CouldNotRun where it cannot be."""
        await self._in_thread(self._loaded)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """A row per text, the same bits for the same text in whatever batch; zeros for a text of white space alone."""
        self._met += len(texts)
        if self._uses_children and self._met > THREAD_LIMIT_TEXTS:
            found = await self._asked(texts)
            if found is not None:
                return found
        return await self._in_thread(lambda: self._loaded().vectors_of(texts))

    async def close(self) -> None:
        """Let go of weights, thread and processes, once the batch in hand is done; there is no other after this."""
        await self._children.close()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._model = None

    def tokens_of(self, text: str) -> int:
        """Always 0: nothing is charged, and no text is too long."""
        return 0

    async def _asked(self, texts: Sequence[str]) -> Vectors | None:
        """The answer of a child; None where none can be had, now and from now on."""
        try:
            answer = await self._children.ask(pickle.dumps(list(texts), protocol=5))
        except TimeoutError:
            answer = None
        if isinstance(answer, bytes):
            from gbrain.embedding.local_child import unpacked

            return unpacked(answer, self.dimensions)
        self._uses_children = False
        how = answer.name if isinstance(answer, signal.Signals) else f"no answer in {_ANSWER_SECONDS:.0f} s"
        logs.warning("embedding processes end early: the rest is embedded in this one", because=how)
        return None

    async def _in_thread(self, work: Callable[[], Done]) -> Done:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _loaded(self) -> StaticModel:
        from gbrain.embedding.static_model import StaticModel

        if self._model is None:
            self._model = StaticModel()
        return self._model
