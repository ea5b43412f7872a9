"""Work that would hold up the event loop, and with it the renewal of every lease, done in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


async def aside(work: Callable[[], Answer]) -> Answer:
    """What the work gives. Who is cancelled meanwhile waits for its end: what it works on is closed afterwards."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise
