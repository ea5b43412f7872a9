"""Bringing many sources up to date side by side: none of them can hold up another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gbrain.domain.events import SourcesChosen
from gbrain.domain.outcome import Result
from gbrain.domain.source import Source
from gbrain.domain.sync_options import SyncOptions
from gbrain.services.context import SyncContext
from gbrain.services.slots import Slots
from gbrain.services.sync_one import sync_one


async def sync_all(
    context: SyncContext,
    chosen: Sequence[Source],
    options: SyncOptions,
    slots: Slots,
    *,
    all_sources: bool,
    ended: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Each source's row, sorted by id. They start in the order in which they are given, as slots come free.

    `ended` is told of each as it ends. An error of one ends that one alone; cancelling ends all.
    """

    async def one(source: Source) -> Result:
        result = await sync_one(context, source, options, slots, all_sources=all_sources)
        ended(result)
        return result

    context.emit(SourcesChosen(source_ids=[source.id for source in chosen]))
    async with asyncio.TaskGroup() as fleet:
        runs = [fleet.create_task(one(source)) for source in chosen]
    return sorted((run.result() for run in runs), key=lambda result: result.source_id)
