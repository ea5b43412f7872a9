"""The pool of connections when the database goes away, and when it grants fewer than were asked for."""

from __future__ import annotations

import asyncio
import uuid

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import PoolTimeout

from gbrain.postgres.pool import open_pool
from gbrain.store import faults
from support.servers import Server, pgbouncer


async def test_a_database_that_has_gone_ends_all_waiting_soon(server: Server) -> None:
    with pgbouncer(server) as port:
        opened = open_pool(f"postgresql://gbrain@127.0.0.1:{port}/postgres", size=2, gone_after_s=0.5)
        pool = await opened.__aenter__()
        async with pool.connection() as conn:
            await conn.execute("SELECT 1")
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        with pytest.raises(faults.UNREACHABLE):
            async with pool.connection() as conn:
                await conn.execute("SELECT 1")
    assert asyncio.get_running_loop().time() - began < 20, "the pool itself would wait a minute each time"
    await opened.__aexit__(None, None, None)


async def test_a_connection_that_works_is_kept_where_no_other_is_granted(server: Server) -> None:
    role = f"one_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
    url = make_conninfo(server.url("postgres"), user=role)
    async with open_pool(url, size=2, gone_after_s=0.5) as pool, pool.connection() as only:
        await only.execute("SELECT 1")
        with pytest.raises(PoolTimeout):
            async with pool.connection(timeout=3):
                pass
        assert await (await only.execute("SELECT 2")).fetchone() == (2,)
        assert not pool.closed


async def test_what_is_to_be_prepared_is_and_nothing_else(server: Server) -> None:
    assert await prepared(server.url("postgres")) == ["SELECT 'told'"]


async def test_nothing_is_prepared_behind_a_pooler(server: Server) -> None:
    with pgbouncer(server) as port:
        assert await prepared(f"postgresql://gbrain@127.0.0.1:{port}/postgres") == []


async def prepared(url: str) -> list[str]:
    """What the server has prepared for a connection on which two statements came often, one of them to be prepared."""
    async with open_pool(url, size=1) as pool, pool.connection() as conn:
        for _ in range(20):
            await conn.execute("SELECT 'told'", prepare=True)
            await conn.execute("SELECT 'not told'")
        rows = await (await conn.execute("SELECT statement FROM pg_prepared_statements")).fetchall()
    return [statement for (statement,) in rows]
