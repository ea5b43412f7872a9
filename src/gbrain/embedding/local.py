"""The embedder that needs nobody: the mean of a text's token vectors, made in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeVar

from gbrain.embedding import weights
from gbrain.embedding.answers import Headroom, Vectors
from gbrain.embedding.tokens import Tokens, folded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Done = TypeVar("Done")

_RULE = 1
_BLOCK = 1024


class LocalEmbedder:
    """Embeds with the weights of the `wordllama` wheel, one batch at a time, in a thread of its own.

    More threads would not be faster: most of the work holds the interpreter's lock. More processes are.
    """

    model_name: ClassVar[str] = "wordllama-256"
    dimensions: ClassVar[int] = 256

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        self._model: _Model | None = None

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
        return await self._in_thread(lambda: self._loaded().vectors_of(texts))

    async def close(self) -> None:
        """Let go of the weights and the thread, once the batch in hand is done; there is no other after this."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._model = None

    def tokens_of(self, text: str) -> int:
        """Always 0: nothing is charged, and no text is too long."""
        return 0

    async def _in_thread(self, work: Callable[[], Done]) -> Done:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _loaded(self) -> _Model:
        if self._model is None:
            self._model = _Model()
        return self._model


class _Model:
    def __init__(self) -> None:
        loaded = weights.load(weights.find())
        self._table = loaded.table
        self._tokens = Tokens(loaded.tokenize, loaded.special)

    def vectors_of(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        # All texts are tokenized before the first is summed: the table and the known pieces would push each other
        # out of the processor's cache. White space is folded: a line end has a vector of its own, and the word behind
        # it loses its space, which makes the vectors worse on every collection that was tried.
        tokens = [list(self._tokens.of(folded(text))) for text in texts]
        rows = np.zeros((len(texts), self._table.shape[1]), np.float32)
        block = np.empty((_BLOCK, self._table.shape[1]), np.float32)
        count = sum(self._add(part, row, block) for parts, row in zip(tokens, rows, strict=True) for part in parts)
        lengths = np.sqrt(np.add.reduce(rows * rows, axis=1, keepdims=True))
        np.divide(rows, lengths, out=rows, where=lengths > 0)
        return Vectors(rows=rows, tokens=count, headroom=Headroom())

    def _add(self, part: bytes, row: NDArray[np.float32], block: NDArray[np.float32]) -> int:
        """Add the vectors of these tokens to the row; give how many they were.

        `take` and `reduce` add in the order of the text: the sum depends neither on the batch nor on a BLAS library.
        """
        import numpy as np

        numbers = np.frombuffer(part, np.uint16).astype(np.intp)
        for start in range(0, len(numbers), _BLOCK):
            some = numbers[start : start + _BLOCK]
            # "clip" spares the copy that "raise" makes of its `out`; every number is one of the table
            np.take(self._table, some, axis=0, out=block[: len(some)], mode="clip")
            row += np.add.reduce(block[: len(some)], axis=0)
        return len(numbers)
