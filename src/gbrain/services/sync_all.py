"""Bringing many sources up to date side by side: none of them can hold up another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gbrain.domain.outcome import Result
from gbrain.domain.source import Source
from gbrain.services.context import SyncContext, SyncOptions
from gbrain.services.slots import Slots
from gbrain.services.sync_one import sync_one


async def sync_all(
    context: SyncContext, chosen: Sequence[Source], options: SyncOptions, slots: Slots, *, all_sources: bool
) -> list[Result]:
    """Each source's row, sorted by id. They start in the order in which they are given, as slots come free.

    An error of one ends that one alone; cancelling ends all.
    """
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(context.keeper.run()),
            group.create_task(context.board.keep_telling(context.pool)),
        ]
        async with asyncio.TaskGroup() as fleet:
            runs = [
                fleet.create_task(sync_one(context, source, options, slots, all_sources=all_sources))
                for source in chosen
            ]
        for task in beside:
            task.cancel()
    return sorted((run.result() for run in runs), key=lambda result: result.source_id)
