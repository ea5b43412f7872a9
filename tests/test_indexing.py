"""The index over a model's vectors where the server has little shared memory, as containers do."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import psycopg
import pytest
from psycopg import errors

from gbrain.domain.models import Spec
from gbrain.postgres.pool import open_pool
from gbrain.services import models
from gbrain.store import backlog, vectors
from gbrain.store.models import build_index
from support.commands import BrainCommand
from support.minutes import lay_out
from support.servers import Server, postgres

_TEXTS, _DIMENSIONS = 200, 8


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    if os.geteuid() != 0:
        pytest.skip("this user may not give a server a /dev/shm of its own")
    with postgres(18, durable=False, shared_memory="4m") as server:
        yield server


async def test_where_shared_memory_is_too_small_for_helpers_one_process_builds_the_index(
    narrow: Server, brain: BrainCommand
) -> None:
    with psycopg.connect(narrow.url("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE brain")
    url = narrow.url("brain")
    BrainCommand(home=brain.home, url=url).run("init")
    lay_out(url, _TEXTS)
    async with open_pool(url, size=2, gone_after_s=20) as pool:
        model = await models.register(pool, Spec(embedder="played", model="m", dimensions=_DIMENSIONS))
        async with pool.connection() as conn:
            rows = await (await conn.execute("SELECT passage FROM gbrain.backlog", binary=True)).fetchall()
            made = np.random.default_rng(1).standard_normal((_TEXTS, _DIMENSIONS)).astype(np.float32)
            await vectors.store(conn, model.id, [row[0] for row in rows], made)
            assert (await backlog.standing(conn, model.id)).left == 0
            table = f"gbrain.embedding_{model.id}"
            await conn.execute(f"ALTER TABLE {table} SET (parallel_workers = 2)".encode())
            with pytest.raises(errors.DiskFull, match="shared memory"):
                await conn.execute(f"CREATE INDEX ON {table} USING hnsw (vector halfvec_ip_ops)".encode())
            await build_index(conn, model, helpers=2)
        async with pool.connection() as conn:
            [shown] = await models.shown(conn)
            assert shown.is_indexed
