"""The named steps of one source's run: what events report and what crash tests strike at."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """A point a run has just passed, in the order in which a run passes them."""

    LEASED = "leased"
    FETCHED = "fetched"
    SNAPSHOTTED = "snapshotted"
    PLANNED = "planned"
    STAGED = "staged"
    PROVED = "proved"
    MERGED = "merged"
    COMMITTED = "committed"
    BOOKMARKED = "bookmarked"
    RELEASED = "released"


class Phase(StrEnum):
    """What a run is busy with, in the words of the contract."""

    FETCH = "fetch"
    PLAN = "plan"
    WRITE = "write"
    FINISH = "finish"
    EMBED = "embed"
    VERIFY = "verify"


Probe = Callable[[str, Step], None]
"""Called with the source's id at each step. The product passes one that does nothing."""


def no_probe(source_id: str, step: Step) -> None:
    """The probe of the product: it does nothing."""
