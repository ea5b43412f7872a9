"""A first sync of much: its statements look texts up by their index, whatever little the planner knows of the table."""

from __future__ import annotations

import psycopg
import pytest

from gbrain.store.statements import statements
from support.commands import BrainCommand
from support.databases import ask


@pytest.mark.parametrize("name", ["insert_texts", "insert_chunks", "upsert_chunks"])
def test_texts_are_looked_up_by_their_index_while_there_are_no_statistics(brain: BrainCommand, name: str) -> None:
    url = brain.url or ""
    with psycopg.connect(url) as conn:
        conn.execute("ALTER TABLE gbrain.texts SET (autovacuum_enabled = off)")
        conn.execute("INSERT INTO gbrain.sources (id, name, path) VALUES ('wiki', 'wiki', '/wiki')")
        conn.execute(
            "INSERT INTO gbrain.texts (source_id, hash, text) "
            "SELECT 'wiki', sha256(n::text::bytea), n::text FROM generate_series(1, 20000) AS n"
        )
    assert ask(url, "SELECT count(*) FROM pg_stats WHERE schemaname = 'gbrain' AND tablename = 'texts'") == [(0,)]
    with psycopg.connect(url) as conn:
        conn.execute(statements("batch")["create_stage"])
        conn.execute("INSERT INTO stage_texts SELECT sha256(n::text::bytea), 'x' FROM generate_series(1, 1000) AS n")
        explained = conn.execute(b"EXPLAIN " + statements("batch")[name], {"source": "wiki"}).fetchall()
    plan = "\n".join(line for (line,) in explained)
    assert "Index Cond: ((source_id = 'wiki'::text) AND (hash = s.hash))" in plan, plan
