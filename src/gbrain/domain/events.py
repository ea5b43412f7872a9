"""What the engine says while it works; surfaces decide how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from gbrain.domain.outcome import Result
from gbrain.domain.parallelism import Limit
from gbrain.domain.steps import Phase


class Kind(StrEnum):
    """What a report of progress is about, in the words of the contract."""

    START = "start"
    TICK = "tick"
    HEARTBEAT = "heartbeat"
    """Nothing has changed, and the work goes on."""
    FINISH = "finish"
    ABORT = "abort"
    """The phase ended before its work was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is to be said of a fill besides how far it is.

    `refused` counts texts that the provider will not take. `waits` is how long it is to be left alone yet, `trouble`
    what it last said that was no answer; None where it answers.
    """

    model: str
    refused: int = 0
    waits: timedelta | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a source's run is with what it is busy with now.

    `source_id` is None of what is done for the whole brain: embedding. `done` of `total` items: objects while it
    fetches, paths while it plans, paths of the plan while it writes, texts while it embeds. `total` is None until it is
    counted. `rate_per_s` is of the last 30 s; it and `eta` are None where they cannot be told yet. `elapsed` is the
    phase's. `filling` is None of all that is no fill.
    """

    kind: Kind
    source_id: str | None
    phase: Phase
    done: int
    total: int | None
    rate_per_s: float | None
    eta: timedelta | None
    elapsed: timedelta
    filling: Filling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A source's run ended."""

    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelLowered:
    """Fewer sources write at once than were to: there are not enough connections."""

    before: int
    after: int
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesChosen:
    """Which sources take part, in the order in which they start."""

    source_ids: list[str]


Event = Progress | Finished | ParallelLowered | SourcesChosen
