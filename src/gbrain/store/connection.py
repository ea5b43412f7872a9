"""The connection and pool types the store is handed, and how long what is asked on them may take; it opens neither."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from gbrain.errors import DatabaseUnusable

Connection = AsyncConnection[tuple[Any, ...]]
Pool = AsyncConnectionPool[Connection]

ANSWER_SECONDS = 60.0
"""How long reads and small writes may take together; a batch has limits of its own."""


@asynccontextmanager
async def answering(pool: Pool, *, times: int = 1) -> AsyncIterator[Connection]:
    """A connection for reads and small writes, all of which must be answered within `times` `ANSWER_SECONDS`.

    Past that the server is told to give the statement up, and DatabaseUnusable is raised.
    """
    seconds = ANSWER_SECONDS * times
    async with pool.connection() as conn:
        try:
            async with asyncio.timeout(seconds) as scope:
                yield conn
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise no_answer(seconds) from error


def no_answer(seconds: float) -> DatabaseUnusable:
    """The error of a question that was given up after so long."""
    return DatabaseUnusable(
        f"the database gave no answer for {seconds:g} s",
        hint="end the session that holds a lock on gbrain's tables, or see what keeps the server busy",
    )
