"""Wiring for a sync: which sources, how many at once, their slots, leases, and the processes that derive."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gbrain.app.brain import Brain
from gbrain.domain.events import Event, ParallelLowered, SourcesChosen
from gbrain.domain.fleet import Past, in_order, slow_ones
from gbrain.domain.outcome import Code, Result
from gbrain.domain.parallelism import RENEWALS_AND_REST, lowered, resolve_parallel
from gbrain.domain.source import Source
from gbrain.domain.steps import Probe, no_probe
from gbrain.errors import DiskFull
from gbrain.machine.process import machine_id, this_process
from gbrain.postgres.pool import Connection, connect
from gbrain.services import registry
from gbrain.services.budget import narrowest
from gbrain.services.context import SyncContext, SyncOptions
from gbrain.services.deriving import Derivers
from gbrain.services.leasing import LeaseKeeper, term_in_force
from gbrain.services.progress import Board
from gbrain.services.resolving import resolve
from gbrain.services.slots import Slots
from gbrain.services.sync_all import sync_all

if TYPE_CHECKING:
    from gbrain.services.verify import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a sync amounted to. `connections_peak` counts this process's connections at their most."""

    parallel: int
    connections_peak: int
    results: list[Result]


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
    chosen = await _chosen(brain, named=named, here=here, all_sources=all_sources)
    taking_part = sum(source.enabled and source.host_id in (None, machine_id()) for source in chosen)
    width = await _within_budget(brain, resolve_parallel(sources=taking_part, workers=workers, parallel=parallel), emit)
    counting = _Counting(brain)
    pasts = await brain.ask(registry.pasts)
    chosen = _in_order(chosen, pasts)
    emit(SourcesChosen(source_ids=[source.id for source in chosen]))
    slots = Slots(fetch=fetch_slots, write=width, slow=slow_ones(pasts))
    async with _context(brain, counting, workers, emit=emit, probe=probe, use_fast_path=use_fast_path) as context:
        if options.dry_run:
            results = await _dry_run(context, chosen, options, slots, all_sources=all_sources)
        else:
            results = await sync_all(context, chosen, options, slots, all_sources=all_sources)
    _refuse_full_disk(results)
    return Synced(parallel=width, connections_peak=counting.peak, results=results)


def _in_order(chosen: list[Source], pasts: Mapping[str, Past]) -> list[Source]:
    by_id = {source.id: source for source in chosen}
    return [by_id[source_id] for source_id in in_order(list(by_id), pasts)]


async def _dry_run(
    context: SyncContext, chosen: list[Source], options: SyncOptions, slots: Slots, *, all_sources: bool
) -> list[Result]:
    from gbrain.services.dry_run import dry_run_all

    with tempfile.TemporaryDirectory(prefix="gbrain-dry-run-") as folder:
        return await dry_run_all(context, chosen, options, slots, aside=Path(folder), all_sources=all_sources)


async def run_verify(
    brain: Brain, *, named: str | None, here: Path, all_sources: bool, sample: int | None
) -> tuple[list[Report], dict[str, int]]:
    """Verify one source or all, side by side; a report each, and the stray rows of the whole brain by table."""
    from gbrain.services.verify import stray_rows, verify_source

    chosen = await _chosen(brain, named=named, here=here, all_sources=all_sources)
    at_once = asyncio.Semaphore(max(1, brain.pool.max_size - 1))

    async def one(source: Source) -> Report:
        async with at_once:
            return await verify_source(context, source, sample=sample)

    async with _context(brain, _Counting(brain), None) as context:
        stray = await stray_rows(context)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(source)) for source in chosen]
    return [task.result() for task in tasks], stray


async def _chosen(brain: Brain, *, named: str | None, here: Path, all_sources: bool) -> list[Source]:
    states = await brain.ask(registry.all_sources)
    if all_sources:
        return [state.source for state in states if state.source.archived_at is None]
    return [resolve(states, named=named, here=here).source]


async def _within_budget(brain: Brain, width: int, emit: Callable[[Event], None]) -> int:
    """As many write slots as there are connections for, and a pool of just the size for them."""
    limit = await narrowest(brain.pool, own=brain.settings.max_connections, wanted=width + RENEWALS_AND_REST)
    fitting = lowered(width, limit)
    if limit is not None and fitting < width:
        emit(ParallelLowered(before=width, after=fitting, limit=limit))
    await brain.pool.resize(0, fitting + RENEWALS_AND_REST - 1)
    return fitting


@asynccontextmanager
async def _context(
    brain: Brain,
    counting: _Counting,
    workers: int | None,
    *,
    emit: Callable[[Event], None] = lambda event: None,
    probe: Probe = no_probe,
    use_fast_path: bool = True,
) -> AsyncIterator[SyncContext]:
    has_way_round = brain.is_embedded or brain.settings.direct_database_url is not None
    term = await term_in_force(brain.pool, brain.settings.lease_term, has_way_round=has_way_round)
    derivers = Derivers(workers or max(1, min(os.cpu_count() or 1, 8)))
    try:
        yield SyncContext(
            pool=brain.pool,
            keeper=LeaseKeeper(connect=counting.connect, me=this_process(), term=term),
            derivers=derivers,
            mirrors=brain.settings.home / "mirrors",
            machine_id=machine_id(),
            fetch_stall=brain.settings.fetch_stall,
            allow_private_hosts=brain.settings.allow_private_hosts,
            use_fast_path=use_fast_path,
            ran_out_of_room=brain.ran_out_of_room,
            board=Board(emit),
            emit=emit,
            probe=probe,
        )
    finally:
        await derivers.close()


class _Counting:
    """Counts the connections a process has: the pool's, which only grow while it works, and the renewals' own."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain
        self._own = 0

    async def connect(self) -> Connection:
        conn = await connect(self._brain.direct_conninfo)
        self._own = 1
        return conn

    @property
    def peak(self) -> int:
        return self._own + int(self._brain.pool.get_stats().get("pool_size", 0))


def _refuse_full_disk(results: list[Result]) -> None:
    full = [result for result in results if result.trouble is not None and result.trouble.code is Code.DISK_FULL]
    written = any(any(getattr(result.counts, name) for name in result.counts.__slots__) for result in full)
    if full and len(full) == len(results) and not written:
        trouble = full[0].trouble
        raise DiskFull(trouble.message if trouble else "no space left", hint=trouble.hint if trouble else None)
