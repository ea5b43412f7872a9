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
from gbrain.services.context import Slots, SyncContext, SyncOptions
from gbrain.services.run import Run
from gbrain.services.troubles import trouble_of
from gbrain.store import leases


async def sync_one(
    context: SyncContext, source: Source, options: SyncOptions, slots: Slots, *, all_sources: bool
) -> Result:
    """Bring one source up to date; its row, whatever happened. Only cancellation passes through."""
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        result = await _under_lease(context, source, options, slots, all_sources=all_sources)
    except Exception as error:
        logs.debug("a run failed", source=source.id, exc_info=True)
        result = _row(source, trouble_of(error, source.id, context.ran_out_of_room), all_sources=all_sources)
    result = replace(result, duration=timedelta(seconds=clock() - started))
    context.emit(Finished(result=result))
    return result


async def _under_lease(
    context: SyncContext, source: Source, options: SyncOptions, slots: Slots, *, all_sources: bool
) -> Result:
    if (refusal := _refusal(context, source)) is not None:
        return _row(source, refusal, all_sources=all_sources)
    taken = await context.keeper.take(context.pool, lease_name(source.id))
    if isinstance(taken, Held):
        return _row(source, _held(source, taken), all_sources=all_sources)
    try:
        async with context.keeper.hold(taken):
            context.probe(source.id, Step.LEASED)
            return await Run(context, options, slots, taken, all_sources=all_sources).bring_in(source.id)
    finally:
        await _release(context, source.id, taken)


def _refusal(context: SyncContext, source: Source) -> Trouble | None:
    if not source.enabled:
        hint = f"gbrain sources enable {source.id}"
        return Trouble(code=Code.DISABLED, message=f"{source.id} is disabled", hint=hint)
    if source.path is not None and source.host_id != context.machine_id:
        return Trouble(
            code=Code.OTHER_HOST,
            message=f"the path of {source.id} belongs to another host ({source.host_name})",
            hint="sync it there, or register it here under another id: gbrain sources add ID --path DIR",
        )
    return None


def _held(source: Source, held: Held) -> Trouble:
    return Trouble(
        code=Code.LEASE_HELD,
        message=f"{source.id} is being synced by {held.holder}",
        hint="wait for it to end; a holder that died is replaced by itself",
    )


def _row(source: Source, trouble: Trouble, *, all_sources: bool) -> Result:
    status = status_of(trouble.code, has_bookmark=False, all_sources=all_sources)
    return Result(source_id=source.id, name=source.name, status=status, trouble=trouble)


async def _release(context: SyncContext, source_id: str, lease: Lease) -> None:
    try:
        async with asyncio.timeout(5), context.pool.connection() as conn:
            await leases.release(conn, lease)
    except Exception as error:
        logs.warning("the lease could not be given back: it lapses with its term", source=source_id, error=str(error))
    else:
        context.probe(source_id, Step.RELEASED)
