"""Making a source's rows say what a tree says, doing no more than what differs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gbrain.domain.outcome import Counts
from gbrain.domain.source import SourceState
from gbrain.domain.steps import Phase, Step
from gbrain.git.blobs import BlobReader
from gbrain.git.repository import Repository
from gbrain.services.context import SyncContext
from gbrain.services.deriving import THREAD_LIMIT_BYTES
from gbrain.services.mending import mend
from gbrain.services.planning import Looked, plan_changes, plan_whole
from gbrain.services.selecting import rules_of
from gbrain.services.valve import MassDelete, too_much
from gbrain.services.writing import Carrier, carry_out, write_move
from gbrain.spool.spool import Spool
from gbrain.store.rows import Move, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What is to be made equal, and whom to tell.

    `full` mends what no plan touches and derives every page again, `retry` what has failed. `enter` is told of each
    phase with its total, `looked` of how many paths the plan has compared so far, `report` of each commit with its
    counts, how many items it held, and the total; `count` of commits before the plan. `give_way` is awaited
    between two batches.
    """

    context: SyncContext
    state: SourceState
    repository: Repository
    move: Move
    writer: Writer
    full: bool
    retry: bool
    allow_mass_delete: bool
    enter: Callable[[Phase, int | None], Awaitable[None]]
    looked: Looked
    report: Callable[[Counts, int, int], None]
    count: Callable[[Counts], None]
    give_way: Callable[[], Awaitable[None]]


async def reconcile(work: Reconciliation) -> MassDelete | None:
    """Bring the rows to the move's end and the bookmark with them; nothing is written where that drops too much."""
    before, after = work.state.bookmark, work.move.after
    is_whole = work.state.settled and not work.full and not work.retry and before is not None
    if is_whole and before is not None and replace(before, commit=after.commit) == after:
        await write_move(work.context.pool, work.writer, work.move)
        return None
    await work.enter(Phase.PLAN, None)
    if work.full:
        await mend(work.context.pool, work.writer, work.count)
    with Spool() as spool:
        async with work.repository.blobs() as blobs:
            await plan(spool, work, blobs)
            if (refusal := await stopped(spool, work, blobs)) is not None:
                return refusal
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
                give_way=work.give_way,
            )
            await carry_out(spool, carrier, work.move)
    return None


async def stopped(spool: Spool, work: Reconciliation, blobs: BlobReader) -> MassDelete | None:
    """The refusal of a plan that drops most of the source, where that was not asked for."""
    if work.allow_mass_delete:
        return None
    return await too_much(spool, work.context.pool, work.state.source.id, blobs)


async def plan(spool: Spool, work: Reconciliation, blobs: BlobReader) -> None:
    """Fill the spool with what differs between the move's tree and the rows."""
    source, pool = work.state.source, work.context.pool
    rules = rules_of(source, full=work.full, retry=work.retry)
    before, after = work.state.bookmark, work.move.after
    if before is not None and await _may_take_fast_path(work):
        changes = work.repository.diff_trees(before.tree, after.tree)
        await plan_changes(spool, pool, source.id, changes, rules, blobs, work.looked)
    else:
        await plan_whole(spool, pool, source.id, work.repository.list_tree(after.tree), rules, work.looked)


async def _may_take_fast_path(work: Reconciliation) -> bool:
    """Only from a settled bookmark made under today's rules, whose tree can still be read."""
    before = work.state.bookmark
    if before is None or not work.state.settled or work.full or work.retry or not work.context.use_fast_path:
        return False
    return before.fingerprint == work.move.after.fingerprint and await work.repository.has_tree(before.tree)
