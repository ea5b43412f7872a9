"""What the engine says while it works; surfaces decide how it looks."""

from __future__ import annotations

from dataclasses import dataclass

from gbrain.domain.outcome import Result
from gbrain.domain.parallelism import Limit
from gbrain.domain.steps import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEntered:
    """A source's run is busy with something else now. `total` items, where they are counted already."""

    source_id: str
    phase: Phase
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """A batch was committed: `done` of `total` items of the plan are in."""

    source_id: str
    done: int
    total: int


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


Event = PhaseEntered | Progressed | Finished | ParallelLowered
