"""The one bounded pool of connections a process has, fit for a server behind a transaction pooler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, Error, OperationalError, ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from gbrain.errors import DatabaseUnusable, UsageError

APPLICATION = "gbrain"
CONNECT_SECONDS = 10
_ONLY_WHEN_TOLD = 1 << 30
"""So often a statement would have to come before it is prepared by itself."""
WAIT_SECONDS = 60.0
"""How long work waits for a connection: writers never use all of them, so that one is free soon or none ever is."""

Connection = AsyncConnection[tuple[Any, ...]]
Pool = AsyncConnectionPool[Connection]


@asynccontextmanager
async def open_pool(conninfo: str, *, size: int, gone_after_s: float = 20.0) -> AsyncIterator[Pool]:
    """A pool of at most `size` connections, opened as they are needed and closed with the block.

    It closes too, and with it ends all waiting, when it has no connection left and could make none for `gone_after_s`.
    Connections commit by themselves outside `transaction()`. They prepare a statement on the server where they are told
    to, and only if nothing stands between: behind pgbouncer in transaction mode the next statement may meet another
    server process.
    """
    gone = asyncio.Event()
    pool: Pool = AsyncConnectionPool(
        _with_defaults(conninfo),
        min_size=0,
        max_size=size,
        open=False,
        timeout=WAIT_SECONDS,
        num_workers=1,
        reconnect_timeout=gone_after_s,
        reconnect_failed=lambda pool: None if pool.get_stats()["pool_size"] else gone.set(),
        kwargs={"autocommit": True, "prepare_threshold": None},
        connection_class=AsyncConnection[tuple[Any, ...]],
        configure=_let_prepare,
    )
    await pool.open()
    closing = asyncio.create_task(_close_when(gone, pool))
    try:
        yield pool
    finally:
        closing.cancel()
        await pool.close(timeout=2)


async def _close_when(gone: asyncio.Event, pool: Pool) -> None:
    await gone.wait()
    await pool.close(timeout=1)


async def _let_prepare(conn: Connection) -> None:
    """Allow it where the server itself answers: a pooler gives each of its clients a number of its own."""
    row = await (await conn.execute("SELECT pg_backend_pid()")).fetchone()
    if row == (conn.info.backend_pid,):
        conn.prepare_threshold = _ONLY_WHEN_TOLD


async def connect(conninfo: str) -> Connection:
    """One connection of its own, outside the pool; the caller closes it."""
    try:
        return await AsyncConnection.connect(_with_defaults(conninfo), autocommit=True, prepare_threshold=None)
    except OperationalError as error:
        raise unusable(error) from error


def unusable(error: Error | PoolTimeout) -> DatabaseUnusable:
    """The error a person can act on, for a database that does not answer or refuses."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else "no answer"
    hint = "check that the server runs and that the URL, the role and its password file are right"
    # libpq gives no SQLSTATE for a connection that was refused: only words tell.
    if any(words in text for words in ("too many c", "remaining connection slots")):
        hint = "end other clients of the database, or raise its limit of connections"
    return DatabaseUnusable(f"cannot use the database: {text}", hint=hint)


def _with_defaults(conninfo: str) -> str:
    given = _parsed(conninfo)
    defaults: dict[str, str | int] = {"application_name": APPLICATION, "connect_timeout": CONNECT_SECONDS}
    missing: dict[str, str | int] = {key: value for key, value in defaults.items() if key not in given}
    return make_conninfo(conninfo, **missing)


def _parsed(conninfo: str) -> Mapping[str, Any]:
    try:
        return conninfo_to_dict(conninfo)
    except ProgrammingError:
        # libpq's complaint quotes what it could not read: that may be the password.
        raise UsageError(
            "the database URL cannot be understood", hint="give one such as postgresql://HOST:5432/DATABASE?user=ROLE"
        ) from None
