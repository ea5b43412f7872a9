"""What grows is bounded: old runs are forgotten as new ones end, the last of a source never."""

from __future__ import annotations

import asyncio
import re

import psycopg
from psycopg import AsyncConnection

from gbrain.domain.steps import Phase
from gbrain.store.runs import KEPT_ALWAYS, KEPT_FOR, SQL, RowProgress, keep_progress
from support.commands import BrainCommand
from support.databases import ask
from support.inside import Inside
from support.repositories import Repository

_FILL = """
INSERT INTO gbrain.runs (source_id, lease_token, host, pid, phase, started_at, finished_at, status)
SELECT %s, 1, 'host', 1, 'finish', now() - %s * interval '1 day' - n * interval '1 minute', now(), 'ok'
FROM generate_series(%s, 1, -1) AS n
"""


def test_runs_older_than_90_days_are_forgotten_a_few_with_each_run_and_others_are_not(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    for name in ("wiki", "other"):
        inside.run(brain, "sources", "add", name, "--path", str(repository.folder))
    _fill(brain, "wiki", days=91, count=30)
    _fill(brain, "wiki", days=89, count=100)
    _fill(brain, "other", days=91, count=60)
    inside.run(brain, "sync", "--source", "wiki")
    assert (_old(brain, "wiki"), _count(brain, "wiki"), _count(brain, "other")) == (10, 111, 60)
    inside.run(brain, "sync", "--source", "wiki")
    assert (_old(brain, "wiki"), _count(brain, "wiki")) == (0, 102)
    inside.run(brain, "sync", "--source", "wiki")
    assert _count(brain, "wiki") == 103


def test_the_last_50_runs_of_a_source_stay_however_old_they_are(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    _fill(brain, "wiki", days=400, count=51)
    for _ in range(3):
        inside.run(brain, "sync", "--all")
    assert (_old(brain, "wiki"), _count(brain, "wiki")) == (47, 50)


def test_forgetting_costs_the_same_however_many_runs_there_are(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    for name in ("a", "b"):
        inside.run(brain, "sources", "add", name, "--path", str(repository.folder))
        _fill(brain, name, days=80, count=20_000)
    values = dict.fromkeys(re.findall(r"%\((\w+)\)s", SQL["finish"].decode()))
    values |= {"run": 1, "name": "gbrain-sync:b", "token": 0, "source": "b", "fresh": False}
    values |= {"keep": KEPT_FOR, "always": KEPT_ALWAYS, "limit": 20}
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        conn.execute("ANALYZE gbrain.runs")
        rows = conn.execute(b"EXPLAIN (ANALYZE, BUFFERS OFF) " + SQL["finish"], values).fetchall()
    plan = "\n".join(row[0] for row in rows)
    removed = [int(found) for found in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
    assert max(removed, default=0) <= 50, plan


def test_a_row_that_a_batch_has_locked_holds_up_no_other_and_one_that_has_ended_stays(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    _fill(brain, "wiki", days=1, count=3)
    with psycopg.connect(brain.url or "") as batch:
        batch.execute("UPDATE gbrain.runs SET phase = 'plan', finished_at = NULL WHERE id < 3")
        batch.commit()
        batch.execute("SELECT FROM gbrain.runs WHERE id = 1 FOR UPDATE")
        news = [RowProgress(run_id=n, phase=Phase.PLAN, done=7, total=None, rate_per_s=1.0) for n in (1, 2, 3)]
        assert asyncio.run(_kept(brain, news)) == [2]
    assert ask(brain.url or "", "SELECT id, done FROM gbrain.runs ORDER BY id") == [(1, 0), (2, 7), (3, 0)]


async def _kept(brain: BrainCommand, news: list[RowProgress]) -> list[int]:
    async with await AsyncConnection.connect(brain.url or "", autocommit=True) as conn:
        await conn.execute("SET lock_timeout = '5s'")
        return await keep_progress(conn, news)


def _fill(brain: BrainCommand, source_id: str, *, days: int, count: int) -> None:
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        conn.execute(_FILL, (source_id, days, count))


def _old(brain: BrainCommand, source_id: str) -> int:
    query = "SELECT count(*) FROM gbrain.runs WHERE source_id = %s AND started_at < now() - interval '90 days'"
    found: int = ask(brain.url or "", query, source_id)[0][0]
    return found


def _count(brain: BrainCommand, source_id: str) -> int:
    found: int = ask(brain.url or "", "SELECT count(*) FROM gbrain.runs WHERE source_id = %s", source_id)[0][0]
    return found
