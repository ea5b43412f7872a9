"""What an embedder is, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What an answer told of the provider's limits; None where it was silent."""

    requests: int | None = None
    tokens: int | None = None
    resets_in: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vectors:
    """A vector for each text, in the order of the texts.

    Each row is of length one; a row of zeros says that the model finds nothing to embed in that text.
    """

    rows: NDArray[np.float32]
    tokens: int | None = None
    """How many tokens the provider counted, where it says."""
    headroom: Headroom = Headroom()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedBack:
    """The provider is busy: wait as long as it asked for, or, where `wait` is None, as one sees fit."""

    wait: timedelta | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Nothing came of it, through no fault of the texts: try again later."""

    wait: timedelta | None
    message: str
    may_be_charged: bool = False
    """Whether the provider may have done the work, and only its answer is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """These texts together will never be taken; a part of them may."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Nothing will be taken before somebody has put something right: the key, the model, the URL, the bill."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """It was answered, but not with one vector of the right length for each text: none of it can be kept."""

    message: str


Answer = Vectors | PushedBack | Deferred | Refused | Denied | Malformed


class Embedder(Protocol):
    """What makes vectors of texts. Whoever opened it closes it."""

    async def embed(self, texts: Sequence[str]) -> Answer:
        """The vectors of at least one text, or why there are none. It neither waits for a limit nor tries again."""
        ...

    async def close(self) -> None:
        """Let go of connections and memory."""
        ...

    def tokens_of(self, text: str) -> int:
        """How many tokens the text will count, rather too many than too few; 0 where tokens are of no account."""
        ...
