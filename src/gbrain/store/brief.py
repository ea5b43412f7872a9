"""Transactions of a few statements that hold what others want: whoever stops in the middle of one is not waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("brief")


@asynccontextmanager
async def brief(conn: Connection) -> AsyncIterator[None]:
    """A transaction that the server ends where its client does nothing for long; locks are waited for a while."""
    async with conn.transaction():
        await conn.execute(SQL["bound"])
        yield
