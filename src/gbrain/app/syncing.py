"""A sync, wired: of one source or of all, once or for as long as it is wanted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gbrain.app.brain import Brain
from gbrain.app.settings import check_embedder
from gbrain.app.wiring import Counting, chosen, lined_up, sync_context, takes_part, within_budget
from gbrain.domain.events import Event
from gbrain.domain.models import NONE
from gbrain.domain.outcome import Code, Result
from gbrain.domain.parallelism import DEFAULT_WRITERS, resolve_parallel
from gbrain.domain.source import Source
from gbrain.domain.steps import Probe, no_probe
from gbrain.domain.sync_options import SyncOptions
from gbrain.errors import DiskFull
from gbrain.services.context import SyncContext
from gbrain.services.slots import Slots
from gbrain.services.sync_all import sync_all
from gbrain.store import schema

if TYPE_CHECKING:
    from gbrain.app.beside import Embedding


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a sync amounted to. `connections_peak` counts this process's connections at their most."""

    parallel: int
    connections_peak: int
    results: list[Result]
    took: timedelta = timedelta()
    embedding: Embedding | None = None
    """What was embedded meanwhile; None of a dry run, and where embedding is switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How a watch goes on, and whom it tells.

    `interval` is the longest time between two syncs of a source that has none of its own; `ended` is told of each
    round, `resting` of how many sources are watched whenever nothing is at work.
    """

    interval: timedelta
    ended: Callable[[Synced], None]
    resting: Callable[[int], None]


async def run_sync(
    brain: Brain,
    options: SyncOptions,
    *,
    named: str | None,
    here: Path,
    all_sources: bool,
    parallel: int | None,
    workers: int | None,
    fetch_slots: int,
    emit: Callable[[Event], None],
    probe: Probe = no_probe,
    use_fast_path: bool = True,
) -> Synced:
    """Bring the chosen sources up to date.

    Raises NotFound and UsageError where no source is meant, DatabaseUnusable where there are too few connections, and
    DiskFull where nothing at all could be written.
    """
    check_embedder(brain.settings)
    sources = await chosen(brain, named=named, here=here, all_sources=all_sources)
    wanted = resolve_parallel(sources=sum(map(takes_part, sources)), workers=workers, parallel=parallel)
    width = await within_budget(brain, wanted, emit)
    counting, slots = Counting(brain), Slots(fetch=fetch_slots, write=width)
    sources = await lined_up(brain, sources, slots)
    async with sync_context(brain, counting, workers, emit=emit, probe=probe, use_fast_path=use_fast_path) as context:
        embedding = None
        if options.dry_run:
            results = await _dry_run(context, sources, options, slots, all_sources=all_sources)
        elif brain.settings.embedder == NONE:
            results = await sync_all(context, sources, options, slots, all_sources=all_sources)
        else:
            from gbrain.app.beside import embedding_beside

            async with embedding_beside(brain, context.board, wanted=options.embed) as beside:
                results = await sync_all(context, sources, options, slots, all_sources=all_sources, ended=beside.came)
                embedding = await beside.finish()
    _refuse_full_disk(results)
    return Synced(parallel=width, connections_peak=counting.peak, results=results, embedding=embedding)


async def run_watch(
    brain: Brain,
    options: SyncOptions,
    watching: Watching,
    *,
    named: str | None,
    here: Path,
    all_sources: bool,
    parallel: int | None,
    workers: int | None,
    fetch_slots: int,
    emit: Callable[[Event], None],
) -> None:
    """Keep the chosen sources up to date until cancelled; sources that come, go or change meanwhile are seen.

    Raises what `run_sync` does, and DatabaseUnusable where the registry cannot be read any more.
    """
    from gbrain.app.beside import embedding_beside
    from gbrain.services.watching import Round, Terms, Watch

    async def choose() -> list[Source]:
        await brain.ask(schema.refuse_newer_stored)
        sources = await chosen(brain, named=named, here=here, all_sources=all_sources)
        taking_part = [source for source in sources if takes_part(source)] if all_sources else sources
        return await lined_up(brain, taking_part, slots)

    async def ended(of_round: Round) -> None:
        await beside.catch_up()
        watching.ended(
            Synced(
                parallel=width,
                connections_peak=counting.peak,
                results=of_round.results,
                took=timedelta(seconds=of_round.seconds),
                embedding=await beside.standing(),
            )
        )

    check_embedder(brain.settings)
    sources = await chosen(brain, named=named, here=here, all_sources=all_sources)
    at_most = max(sum(map(takes_part, sources)), DEFAULT_WRITERS) if all_sources else 1
    width = await within_budget(brain, resolve_parallel(sources=at_most, workers=workers, parallel=parallel), emit)
    counting, slots = Counting(brain), Slots(fetch=fetch_slots, write=width)
    terms = Terms(
        choose=choose,
        interval=watching.interval,
        poll=brain.settings.watch_poll,
        all_sources=all_sources,
        ended=ended,
        resting=watching.resting,
    )
    async with (
        sync_context(brain, counting, workers, emit=emit) as context,
        embedding_beside(brain, context.board, wanted=options.embed, is_watch=True) as beside,
    ):
        await Watch(context, options, slots, terms).keep()


async def _dry_run(
    context: SyncContext, sources: list[Source], options: SyncOptions, slots: Slots, *, all_sources: bool
) -> list[Result]:
    from gbrain.services.dry_run import dry_run_all

    with tempfile.TemporaryDirectory(prefix="gbrain-dry-run-") as folder:
        return await dry_run_all(context, sources, options, slots, aside=Path(folder), all_sources=all_sources)


def _refuse_full_disk(results: list[Result]) -> None:
    full = [result for result in results if result.trouble is not None and result.trouble.code is Code.DISK_FULL]
    written = any(any(getattr(result.counts, name) for name in result.counts.__slots__) for result in full)
    if full and len(full) == len(results) and not written:
        trouble = full[0].trouble
        raise DiskFull(trouble.message if trouble else "no space left", hint=trouble.hint if trouble else None)
