"""Claiming from a backlog that has nearly gone: a million chunks, a thousand without a vector, no vacuum since."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg

from benchmarks.embedding_floor import fill_texts
from benchmarks.figures import Figure
from benchmarks.home import Home
from gbrain.domain.models import Model, Spec
from gbrain.machine.process import this_process
from gbrain.postgres.pool import Pool, open_pool
from gbrain.services import models
from gbrain.services.claims import Claims
from gbrain.store import backlog
from gbrain.store.backlog import WorkerProgress
from support.servers import postgres

CHUNKS, MISSING, BATCH = 1_000_000, 1_000, 128
_TERM = timedelta(hours=1)
_PIECE = 9_990


def claim_cases(work: Path) -> Iterator[Figure]:
    """A batch claimed, by a worker that has just come."""
    with postgres(18) as server:
        url = server.url("postgres")
        Home(work / "home", url).run("init")
        fill_texts(url, CHUNKS)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("ALTER TABLE gbrain.backlog SET (autovacuum_enabled = off)")
        claimed, read, plan = asyncio.run(_measured(url))
    middle_ms = statistics.median(claimed) * 1000
    yield Figure(
        f"claim {BATCH} of {MISSING:,} missing of {CHUNKS:,} chunks, {CHUNKS - MISSING:,} rows gone since the vacuum",
        f"{middle_ms:.1f} ms, the first {claimed[0] * 1000:.1f} ms, of {len(claimed)}; {plan}; their texts are read in "
        f"another {statistics.median(read) * 1000:.1f} ms",
        "under 10 ms, by an index, no sort, no scan",
        middle_ms < 10 and claimed[0] < 0.01 and plan == "by backlog_free",
    )


async def _measured(url: str) -> tuple[list[float], list[float], str]:
    """Seconds that claiming each batch took, and reading it; how the free rows are found."""
    async with open_pool(url, size=3, gone_after_s=20) as pool:
        model = await models.register(pool, Spec(embedder="played", model="m", dimensions=8))
        await _work_off(pool, model)
        claimed, read = [], []
        async with pool.connection() as conn:
            worker = await backlog.enlist(conn, model.id, this_process(), _TERM)
            position = await backlog.claims_from(conn, model.id)
            for _ in range(MISSING // BATCH):
                started = time.perf_counter()
                passages, position = await backlog.claim(
                    conn, model.id, worker, position=position, limit=BATCH, source=None
                )
                claimed.append(time.perf_counter() - started)
                texts = await backlog.read(conn, model.id, worker, passages)
                read.append(time.perf_counter() - started - claimed[-1])
                if len(texts) != BATCH:
                    raise RuntimeError(f"{len(texts)} were claimed")
        return claimed, read, await _plan(pool, model)


async def _work_off(pool: Pool, model: Model) -> None:
    """Claim and store all but the missing, as a worker does, piece by piece."""
    claims = Claims(pool, model.id, this_process(), term=_TERM, source=None)
    async with claims.held(WorkerProgress), pool.connection() as conn:
        worker = await backlog.enlist(conn, model.id, this_process(), _TERM)
        position = 0
        for _ in range((CHUNKS - MISSING) // _PIECE):
            passages, position = await backlog.claim(
                conn, model.id, worker, position=position, limit=_PIECE, source=None
            )
            values = {"model": model.id, "passages": passages}
            await conn.execute(
                "INSERT INTO gbrain.embedding_1 SELECT p, '[1,0,0,0,0,0,0,0]' FROM unnest(%(passages)s::bytea[]) AS p",
                values,
            )
            await conn.execute(
                "DELETE FROM gbrain.backlog WHERE model_id = %(model)s AND passage = ANY(%(passages)s)", values
            )
        await backlog.note_claims_from(conn, model.id, position)
        row = await (await conn.execute("SELECT count(*) FROM gbrain.backlog")).fetchone()
        if row is None or row[0] != MISSING:
            raise RuntimeError(f"{row} rows are left")


async def _plan(pool: Pool, model: Model) -> str:
    """Which index finds the free rows, and whether anything is sorted or read whole."""
    async with pool.connection() as conn, conn.transaction(force_rollback=True):
        position = await backlog.claims_from(conn, model.id)
        values = {"model": model.id, "worker": 1, "position": position, "limit": BATCH}
        lines = await (await conn.execute(b"EXPLAIN " + backlog.SQL["claim"], values)).fetchall()
    text = "\n".join(line for (line,) in lines)
    bad = [word for word in ("Sort", "Seq Scan on backlog") if word in text]
    return "by backlog_free" if "using backlog_free" in text and not bad else f"plan has {bad}"
