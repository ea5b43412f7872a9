"""A verification, wired."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gbrain.app.brain import Brain
from gbrain.app.wiring import Counting, chosen, sync_context
from gbrain.domain.source import Source
from gbrain.services.verify import Report, stray_rows, verify_source


async def run_verify(
    brain: Brain, *, named: str | None, here: Path, all_sources: bool, sample: int | None
) -> tuple[list[Report], dict[str, int]]:
    """Verify one source or all, side by side; a report each, and the stray rows of the whole brain by table."""
    sources = await chosen(brain, named=named, here=here, all_sources=all_sources)
    at_once = asyncio.Semaphore(max(1, brain.pool.max_size - 1))

    async def one(source: Source) -> Report:
        async with at_once:
            return await verify_source(context, source, sample=sample)

    async with sync_context(brain, Counting(brain), None) as context:
        stray = await stray_rows(context)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(source)) for source in sources]
    return [task.result() for task in tasks], stray
