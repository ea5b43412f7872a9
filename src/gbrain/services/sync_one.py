"""Bringing one source up to date, whoever asks: the lease is taken here, and given back here."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from gbrain import logs
from gbrain.domain.events import Finished
from gbrain.domain.lease import Held, Lease, lease_name
from gbrain.domain.outcome import Code, Result, Trouble, status_of
from gbrain.domain.source import Source
from gbrain.domain.steps import Step
from gbrain.domain.sync_options import SyncOptions
from gbrain.errors import DatabaseUnusable, LeaseLost
from gbrain.services.cancelling import let_through
from gbrain.services.context import SyncContext
from gbrain.services.run import Run
from gbrain.services.slots import Slots
from gbrain.services.troubles import timed_out, trouble_of
from gbrain.store import faults, leases, runs
from gbrain.store.connection import answering


async def sync_one(
    context: SyncContext, source: Source, options: SyncOptions, slots: Slots, *, all_sources: bool
) -> Result:
    """Bring one source up to date; its row, whatever happened. Only cancellation passes through."""
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        result = await _under_lease(context, source, options, slots, all_sources=all_sources)
    except (Exception, BaseExceptionGroup) as error:
        let_through(error)
        logs.debug("a run failed", source=source.id, exc_info=True)
        trouble = trouble_of(error, source.id, context.ran_out_of_room)
        result = await _row(context, source, trouble, all_sources=all_sources)
    result = replace(result, duration=timedelta(seconds=clock() - started))
    context.emit(Finished(result=result))
    return result


async def _under_lease(
    context: SyncContext, source: Source, options: SyncOptions, slots: Slots, *, all_sources: bool
) -> Result:
    """The row of a source that starts once it has a fetch slot; until then nobody is kept from it."""
    if (refusal := refusal_of(context, source)) is not None:
        return await _row(context, source, refusal, all_sources=all_sources)
    async with slots.fetch(source.id) as fetch_slot:
        taken = await context.keeper.take(context.pool, lease_name(source.id))
        if isinstance(taken, Held):
            return await _row(context, source, _held(source, taken), all_sources=all_sources)
        logs.debug("the lease is ours", source=source.id, token=taken.token)
        run = Run(context, options, slots, fetch_slot, taken, source_id=source.id, all_sources=all_sources)
        try:
            outcome = await _run(context, source, options, run, taken)
            if isinstance(outcome, Result):
                return outcome
            return await run.broke_off(outcome) or await _row(context, source, outcome, all_sources=all_sources)
        finally:
            await _release(context, source.id, taken)


async def _run(context: SyncContext, source: Source, options: SyncOptions, run: Run, lease: Lease) -> Result | Trouble:
    """The run's row, or what ended it from without."""
    deadline = asyncio.timeout(options.seconds)
    try:
        async with deadline, context.keeper.hold(lease):
            context.probe(source.id, Step.LEASED)
            return await run.bring_in()
    except TimeoutError:
        if not deadline.expired():
            raise
        return timed_out(source, options.seconds)
    except LeaseLost as error:
        return trouble_of(error, source.id, context.ran_out_of_room)
    except asyncio.CancelledError:
        await run.interrupted()
        raise


def refusal_of(context: SyncContext, source: Source) -> Trouble | None:
    """Why a source is not looked at at all."""
    if not source.enabled:
        hint = f"gbrain sources enable {source.id}"
        return Trouble(code=Code.DISABLED, message=f"{source.id} is disabled", hint=hint)
    if source.path is not None and source.host_id != context.machine_id:
        return Trouble(
            code=Code.OTHER_HOST,
            message=f"the path of {source.id} belongs to another host ({source.host_name})",
            hint=f"sync it there, or move it to this one: gbrain sources set {source.id} --path DIR",
        )
    return None


def _held(source: Source, held: Held) -> Trouble:
    return Trouble(
        code=Code.LEASE_HELD,
        message=f"{source.id} is being synced by {held.holder}",
        hint="wait for it to end; a holder that died is replaced by itself",
    )


async def _row(context: SyncContext, source: Source, trouble: Trouble, *, all_sources: bool) -> Result:
    """The row of a source that was not looked at: what is known of it is shown nevertheless."""
    return Result(
        source_id=source.id,
        name=source.name,
        status=status_of(trouble.code, has_bookmark=False, all_sources=all_sources),
        trouble=trouble,
        failures_open=await _failures_open(context, source.id) if trouble.code is not Code.DATABASE else 0,
    )


async def _failures_open(context: SyncContext, source_id: str) -> int:
    try:
        async with answering(context.pool) as conn:
            return await runs.failures_open(conn, source_id)
    except (*faults.ANY, DatabaseUnusable) as error:
        logs.warning("the failures of a source could not be counted", source=source_id, because=str(error))
        return 0


async def _release(context: SyncContext, source_id: str, lease: Lease) -> None:
    try:
        async with asyncio.timeout(5), context.pool.connection() as conn:
            await leases.release(conn, lease)
    except Exception as error:
        logs.warning("the lease could not be given back: it lapses with its term", source=source_id, error=str(error))
    else:
        context.probe(source_id, Step.RELEASED)
