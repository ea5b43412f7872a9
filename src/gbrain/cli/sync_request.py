"""What the flags of a sync ask for, and the sync that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import typer

from gbrain.cli.state import here, settings_of, with_brain
from gbrain.domain.events import Event, Finished
from gbrain.domain.parallelism import DEFAULT_WRITERS

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.app.syncing import Synced
    from gbrain.domain.sync_options import SyncOptions


class Reach(TypedDict):
    """Which sources, and how many at once."""

    named: str | None
    here: Path
    all_sources: bool
    parallel: int | None
    workers: int | None
    fetch_slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the flags ask for; None is what they leave to us."""

    options: SyncOptions
    named: str | None
    all_sources: bool
    parallel: int | None
    workers: int | None
    fetch_slots: int | None

    @property
    def connections(self) -> int:
        """As many as it may write at once with, and one more."""
        width = self.parallel or min(self.workers or DEFAULT_WRITERS, DEFAULT_WRITERS)
        return width + 1

    def of(self, context: typer.Context) -> Reach:
        """Which sources, and how many at once."""
        return {
            "named": self.named,
            "here": here(),
            "all_sources": self.all_sources,
            "parallel": self.parallel,
            "workers": self.workers,
            "fetch_slots": self.fetch_slots or settings_of(context).fetch_slots,
        }


def synced(context: typer.Context, asked: Asked, emit: Callable[[Event], None]) -> Synced:
    """What a sync that goes as asked amounts to. A dry run makes no brain, and tells of its rows at the end."""
    from gbrain.app.brain import brain_exists
    from gbrain.app.syncing import run_sync

    settings = settings_of(context)

    async def work(brain: Brain) -> Synced:
        return await run_sync(brain, asked.options, **asked.of(context), emit=emit)

    if not asked.options.dry_run:
        return with_brain(context, work, connections=asked.connections)
    found = with_brain(context, work, connections=asked.connections) if brain_exists(settings) else _nothing(asked)
    for result in found.results:
        emit(Finished(result=result))
    return found


def _nothing(asked: Asked) -> Synced:
    """What a dry run finds where there is no brain yet: it makes none."""
    from gbrain.app.syncing import Synced
    from gbrain.services.resolving import resolve

    if not asked.all_sources:
        resolve([], named=asked.named, here=here())
    return Synced(parallel=1, connections_peak=0, results=[])
