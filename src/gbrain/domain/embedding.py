"""What filling a model's backlog deals in, as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A passage that is a worker's to embed."""

    passage: bytes
    """Its hash, which is its name."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a backlog stands, in passages."""

    free: int
    claimed: int
    refused: int

    @property
    def left(self) -> int:
        """What is to be embedded yet, by whomever."""
        return self.free + self.claimed


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What one answer brought: how many passages got a vector, and in how many places of each source they stand."""

    passages: int
    places: dict[str, int]


class Cause(StrEnum):
    """Why passages are left without a vector."""

    DENIED = "denied"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    BUDGET = "budget_spent"
    MALFORMED = "malformed"
    TIME_OVER = "time_over"
    LATER = "not_asked_to"
    REFUSED = "refused"
    NO_EMBEDDER = "no_embedder"
    DATABASE = "database"
    UNDER_WAY = "under_way"
    GIVEN_UP = "given_up"
    UNSETTLED = "unsettled"


CAUSE_MEANINGS = {
    Cause.DENIED: "The provider does not take the key, or has no such model.",
    Cause.UNREACHABLE: "The provider has not answered for a minute.",
    Cause.BUSY: "The provider asks to be left alone for longer than is waited for.",
    Cause.BUDGET: "What may be spent on the provider today is spent.",
    Cause.MALFORMED: "The provider answers with something that is not the vectors asked for: none of it is stored.",
    Cause.TIME_OVER: "The time that a sync has for embedding (`embed_budget`) was over.",
    Cause.LATER: "The sync was told to leave embedding for later (`--no-embed`).",
    Cause.REFUSED: "The provider refuses some of the texts for good.",
    Cause.NO_EMBEDDER: "The model's embedder cannot be used here: it is not configured, or its key is not set.",
    Cause.DATABASE: "The database failed meanwhile.",
    Cause.UNDER_WAY: "They are being embedded: by this watch, or by another process.",
    Cause.GIVEN_UP: "Another model was chosen meanwhile: this one gets no vectors any more.",
    Cause.UNSETTLED: "Nothing is left to embed, but by the counts that are kept something lacks its vector.",
}
"""Each cause in a sentence, for the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Why something was left, and what to do."""

    cause: Cause
    message: str
    hint: str


def refused(texts: int) -> Shortfall | None:
    """Why so many texts have no vector that a provider will not take; None where there are none."""
    if not texts:
        return None
    return Shortfall(
        cause=Cause.REFUSED,
        message=f"{texts:,} {'text is' if texts == 1 else 'texts are'} refused by the provider",
        hint="gbrain models list --refused shows which; gbrain embed --retry-failed tries again",
    )


@dataclass(slots=True)
class Filled:
    """What a fill did: passages that got their vector, the places of each source that they stand in, what was refused.

    `requests` counts those that were answered with vectors, `tokens` what the provider counted in them. `shortfall`
    says why something is left; None where nothing is.
    """

    passages: int = 0
    places: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    requests: int = 0
    tokens: int = 0
    shortfall: Shortfall | None = None
