"""What a sync, a watch and a verification are wired from: sources, slots, leases, and the processes that derive."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gbrain.app.brain import Brain
from gbrain.domain.events import Event, ParallelLowered
from gbrain.domain.fleet import in_order, slow_ones
from gbrain.domain.parallelism import RENEWALS_AND_REST, lowered
from gbrain.domain.source import Source
from gbrain.domain.steps import Probe, no_probe
from gbrain.machine.process import machine_id, this_process
from gbrain.postgres.pool import Connection, connect
from gbrain.services import registry
from gbrain.services.beside import beside
from gbrain.services.budget import narrowest
from gbrain.services.context import SyncContext
from gbrain.services.deriving import Derivers
from gbrain.services.leasing import LeaseKeeper, term_in_force
from gbrain.services.progress import Board
from gbrain.services.resolving import resolve
from gbrain.services.slots import Slots


async def chosen(brain: Brain, *, named: str | None, here: Path, all_sources: bool) -> list[Source]:
    """Every source that is not archived, or the one that is meant; raises NotFound and UsageError where none is."""
    states = await brain.ask(registry.all_sources)
    if all_sources:
        return [state.source for state in states if state.source.archived_at is None]
    return [resolve(states, named=named, here=here).source]


def takes_part(source: Source) -> bool:
    """Whether a sync of all sources does anything for it here."""
    return source.enabled and source.host_id in (None, machine_id())


async def lined_up(brain: Brain, sources: list[Source], slots: Slots) -> list[Source]:
    """The sources in the order in which they start; the slots know from then on which of them timed out last."""
    pasts = await brain.ask(registry.pasts)
    slots.regard_as_slow(slow_ones(pasts))
    by_id = {source.id: source for source in sources}
    return [by_id[source_id] for source_id in in_order(list(by_id), pasts)]


async def within_budget(brain: Brain, width: int, emit: Callable[[Event], None]) -> int:
    """As many write slots as there are connections for, and a pool of just the size for them.

    Raises DatabaseUnusable where there are too few for one.
    """
    limit = await narrowest(brain.pool, own=brain.settings.max_connections, wanted=width + RENEWALS_AND_REST)
    fitting = lowered(width, limit)
    if limit is not None and fitting < width:
        emit(ParallelLowered(before=width, after=fitting, limit=limit))
    await brain.pool.resize(0, fitting + RENEWALS_AND_REST - 1)
    return fitting


@asynccontextmanager
async def sync_context(
    brain: Brain,
    counting: Counting,
    workers: int | None,
    *,
    emit: Callable[[Event], None] = lambda event: None,
    probe: Probe = no_probe,
    use_fast_path: bool = True,
) -> AsyncIterator[SyncContext]:
    """What services are handed; leases are renewed and progress is told for as long as the block runs."""
    has_way_round = brain.is_embedded or brain.settings.direct_database_url is not None
    term = await term_in_force(brain.pool, brain.settings.lease_term, has_way_round=has_way_round)
    derivers = Derivers(workers or max(1, min(os.cpu_count() or 1, 8)))
    context = SyncContext(
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
    try:
        async with beside(context.keeper.run(), context.board.keep_telling(), context.board.keep_rows(brain.pool)):
            yield context
    finally:
        await derivers.close()


class Counting:
    """Counts the connections a process has: the pool's, which only grow while it works, and the renewals' own."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain
        self._own = 0

    async def connect(self) -> Connection:
        """The connection for renewals."""
        conn = await connect(self._brain.direct_conninfo)
        self._own = 1
        return conn

    @property
    def peak(self) -> int:
        """The most there were at once."""
        return self._own + int(self._brain.pool.get_stats().get("pool_size", 0))
