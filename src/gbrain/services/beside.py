"""Loops that run beside some work, for exactly as long as it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from gbrain.services.cancelling import ended


@asynccontextmanager
async def beside(*loops: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs the loops until the block ends; what one of them raised is raised then."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        ends = await ended(*tasks)
    for end in ends:
        if isinstance(end, Exception):
            raise end
