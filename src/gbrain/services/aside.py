"""Work that would hold up the event loop, and with it the renewal of every lease, done in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")

_THREADS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="aside")
"""Not the event loop's own, whose few threads may all be waiting for names to be looked up."""


async def aside(work: Callable[[], Answer]) -> Answer:
    """What the work gives. Who is cancelled meanwhile, however often, waits for its end: what it works on is closed
    afterwards.
    """
    working = asyncio.get_running_loop().run_in_executor(_THREADS, work)
    cancelled: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        working.exception()
        raise cancelled
    return working.result()
