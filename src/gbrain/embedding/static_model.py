"""The local model in memory: the mean of a text's token vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gbrain.embedding import weights
from gbrain.embedding.answers import Headroom, Vectors
from gbrain.embedding.tokens import Tokens, folded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 1024


class StaticModel:
    """The weights of the `wordllama` wheel, loaded; CouldNotRun where they cannot be."""

    def __init__(self) -> None:
        loaded = weights.load(weights.find())
        self._table = loaded.table
        self._tokens = Tokens(loaded.tokenize, loaded.special)

    def vectors_of(self, texts: Sequence[str]) -> Vectors:
        """A row per text, the same bits for the same text in whatever batch; zeros for a text of white space alone."""
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
