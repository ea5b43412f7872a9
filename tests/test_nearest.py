"""The nearest to a vector, by the index over those of all sources."""

from __future__ import annotations

import numpy as np
import psycopg
from numpy.typing import NDArray

from gbrain.domain.models import Spec
from gbrain.postgres.pool import open_pool
from gbrain.services import models
from gbrain.store import search, vectors
from gbrain.store.connection import Connection
from gbrain.store.models import build_index
from gbrain.store.statements import of_model
from support.commands import BrainCommand
from support.minutes import lay_out

_TEXTS, _DIMENSIONS, _QUESTIONS = 3000, 64, 40


async def test_a_source_among_larger_ones_has_its_nearest_found_and_in_order(brain: BrainCommand) -> None:
    brain.run("init")
    url = brain.url or ""
    lay_out(url, _TEXTS)
    _give_a_tenth_to_another_source(url)
    rng = np.random.default_rng(3)
    async with open_pool(url, size=1) as pool:
        model = await models.register(pool, Spec(embedder="played", model="m", dimensions=_DIMENSIONS))
        async with pool.connection() as conn:
            rows = await (
                await conn.execute("SELECT passage FROM gbrain.chunks ORDER BY ordinal", binary=True)
            ).fetchall()
            made = _of_length_one(rng.standard_normal((_TEXTS, _DIMENSIONS)))
            await vectors.store(conn, model.id, [row[0] for row in rows], made)
            await build_index(conn, model, helpers=0)
            of_the_source = made[::10].astype(np.float16).astype(np.float32)
            found = []
            for question in _of_length_one(rng.standard_normal((_QUESTIONS, _DIMENSIONS))):
                near = await _nearest(conn, model.id, question)
                assert [one.cosine for one in near] == sorted((one.cosine for one in near), reverse=True)
                assert {one.source_id for one in near} == {"few"}
                best = np.argsort(of_the_source @ question)[::-1][:10] * 10
                found.append(len({one.ordinal for one in near} & set(best.tolist())) / 10)
    assert np.mean(found) > 0.95


def _give_a_tenth_to_another_source(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("INSERT INTO gbrain.sources (id, name, url) VALUES ('few', 'Few', 'https://host/few.git')")
        conn.execute(
            "INSERT INTO gbrain.pages (id, source_id, path, blob, fingerprint, slug, kind, title, body_line)"
            " VALUES (2, 'few', 'b.md', '', '', 'b', 'markdown', 'B', 1)"
        )
        conn.execute("UPDATE gbrain.chunks SET page_id = 2 WHERE ordinal % 10 = 0")
        conn.execute("ANALYZE gbrain.chunks")


def _of_length_one(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


async def _nearest(conn: Connection, model_id: int, question: NDArray[np.float32]) -> list[search.Near]:
    async with search.moment(conn, near=True):
        await conn.execute("SET LOCAL enable_sort = off")  # of so few vectors, the planner would read each
        values = {"sources": ["few"], "vector": search.literal(question.tolist()), "limit": 64}
        plan = await (await conn.execute(b"EXPLAIN " + of_model(search.SQL["nearest"], model_id), values)).fetchall()
        assert any("Index Scan using embedding_1_nearest" in line for (line,) in plan)
        return await search.nearest(conn, model_id, ["few"], question.tolist(), 64, pages=None, few=False, within_s=60)
