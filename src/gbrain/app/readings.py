"""The state of all sources, read again and again, whatever becomes of the database meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from gbrain.app.brain import Brain, open_brain, reach_database
from gbrain.app.settings import Settings
from gbrain.errors import CouldNotRun
from gbrain.services.status import Dashboard, read_dashboard
from gbrain.store.connection import no_answer

ANSWER_SECONDS = 10.0
"""Whoever looks at a table that stands still should learn why before long."""

Reading = Dashboard | CouldNotRun


async def readings(settings: Settings, say: Callable[[str], None]) -> AsyncGenerator[Reading]:
    """What each step finds: the sources, or the error that kept them from being read; it never ends by itself.

    There is one connection at most. After an error the brain is opened anew, and an embedded server started where it
    has gone. The next step is for the caller to time.
    """
    while True:
        try:
            with reach_database(settings, say) as conninfo:
                async with open_brain(settings, conninfo, connections=1) as brain:
                    while True:
                        yield await _read(brain)
        except CouldNotRun as error:
            yield error


async def _read(brain: Brain) -> Dashboard:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await brain.ask(read_dashboard)
    except TimeoutError as error:
        raise no_answer(ANSWER_SECONDS) from error
