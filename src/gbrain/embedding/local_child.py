"""The program of an embedding process: texts in on standard input, their vectors out on standard output."""

from __future__ import annotations

import pickle
import struct

from gbrain.children.answering import answer_all
from gbrain.embedding.answers import Headroom, Vectors
from gbrain.embedding.static_model import StaticModel

_TOKENS = struct.Struct("!Q")


class Answering:
    """Answers with the model, which is loaded with the first question."""

    def __init__(self) -> None:
        self._model: StaticModel | None = None

    def __call__(self, question: bytes) -> bytes:
        """The texts of a pickled list as the count of their tokens and the bytes of their rows."""
        if self._model is None:
            self._model = StaticModel()
        found = self._model.vectors_of(pickle.loads(question))  # noqa: S301 - from our parent
        return _TOKENS.pack(found.tokens or 0) + found.rows.tobytes()


def unpacked(answer: bytes, dimensions: int) -> Vectors:
    """What a child answered."""
    import numpy as np

    rows = np.frombuffer(answer, np.float32, offset=_TOKENS.size).reshape(-1, dimensions)
    return Vectors(rows=rows, tokens=_TOKENS.unpack_from(answer)[0], headroom=Headroom())


if __name__ == "__main__":
    answer_all(Answering())
