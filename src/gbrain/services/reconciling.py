"""Making a source's rows say what a tree says, doing no more than what differs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gbrain.chunking.kinds import kind_of
from gbrain.domain.outcome import Counts
from gbrain.domain.plan import Rules
from gbrain.domain.source import SourceState
from gbrain.domain.steps import Phase, Step
from gbrain.domain.strategy import is_wanted
from gbrain.git.blobs import BlobReader
from gbrain.git.repository import Repository
from gbrain.services.context import SyncContext
from gbrain.services.deriving import THREAD_LIMIT_BYTES
from gbrain.services.mending import mend
from gbrain.services.planning import plan_changes, plan_whole
from gbrain.services.writing import Carrier, carry_out, write_move
from gbrain.spool.spool import Spool
from gbrain.store.rows import Move, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What is to be made equal, and whom to tell.

    `full` mends what no plan touches and derives every page again. `enter` is told of each phase with its total,
    `report` of each commit with its counts, how many items it held, and the total; `count` of commits before the plan.
    """

    context: SyncContext
    state: SourceState
    repository: Repository
    move: Move
    writer: Writer
    full: bool
    enter: Callable[[Phase, int | None], Awaitable[None]]
    report: Callable[[Counts, int, int], None]
    count: Callable[[Counts], None]


async def reconcile(work: Reconciliation) -> None:
    """Bring the rows to the move's end and the bookmark with them."""
    before, after = work.state.bookmark, work.move.after
    is_whole = work.state.settled and not work.full and before is not None
    if is_whole and before is not None and replace(before, commit=after.commit) == after:
        await write_move(work.context.pool, work.writer, work.move)
        return
    await work.enter(Phase.PLAN, None)
    if work.full:
        await mend(work.context.pool, work.writer, work.count)
    with Spool() as spool:
        async with work.repository.blobs() as blobs:
            await _plan(spool, work, blobs)
            items, size_bytes = spool.totals()
            await work.enter(Phase.WRITE, items)
            work.writer.probe(Step.PLANNED)
            carrier = Carrier(
                pool=work.context.pool,
                blobs=blobs,
                derivers=work.context.derivers,
                in_processes=size_bytes > THREAD_LIMIT_BYTES,
                writer=work.writer,
                report=lambda counts, some: work.report(counts, some, items),
            )
            await carry_out(spool, carrier, work.move)


async def _plan(spool: Spool, work: Reconciliation, blobs: BlobReader) -> None:
    source, pool = work.state.source, work.context.pool
    rules = Rules(
        wanted=lambda path: is_wanted(kind_of(path), source.strategy),
        fingerprint=work.writer.fingerprint,
        full=work.full,
    )
    before, after = work.state.bookmark, work.move.after
    if before is not None and await _may_take_fast_path(work):
        await plan_changes(spool, pool, source.id, work.repository.diff_trees(before.tree, after.tree), rules, blobs)
    else:
        await plan_whole(spool, pool, source.id, work.repository.list_tree(after.tree), rules)


async def _may_take_fast_path(work: Reconciliation) -> bool:
    """Only from a settled bookmark made under today's rules, whose tree can still be read."""
    before = work.state.bookmark
    if before is None or not work.state.settled or work.full or not work.context.use_fast_path:
        return False
    return before.fingerprint == work.move.after.fingerprint and await work.repository.has_tree(before.tree)
