"""How much of each source has a vector: what status, verification and mending say, and what keeps the counts right."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain.app.brain import open_brain, reach_database
from gbrain.app.embedding import Embedded, run_embed
from gbrain.app.settings import read_settings
from gbrain.machine.process import this_process
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.inside import Inside
from support.repositories import Repository

LOCAL = "local:wordllama-256"
PAGES: dict[str | bytes, bytes | str] = {
    "one.md": "# One\n\nThe first of them.\n",
    "two.md": "# Two\n\nThe second of them.\n",
    "sub/twice.md": "# Twice\n\nIt stands in two places.\n",
    "sub/again.md": "# Twice\n\nIt stands in two places.\n",
}


@pytest.fixture
def embedding(brain: BrainCommand) -> BrainCommand:
    """An empty brain that embeds."""
    return BrainCommand(home=brain.home, url=brain.url, environ={"GBRAIN_EMBEDDER": "local"})


@pytest.fixture
def vault(tmp_path: Path) -> Repository:
    """Four pages of a chunk each, two of which say the same."""
    return Repository.create(tmp_path / "vault", PAGES)


@pytest.fixture
def waiting(embedding: BrainCommand, vault: Repository, inside: Inside) -> BrainCommand:
    """A brain with all of the vault and no vector."""
    embedding.add("wiki", vault.folder)
    inside.run(embedding, "sync", "--all", "--no-embed")
    return embedding


def test_a_first_sync_ends_with_full_coverage(embedding: BrainCommand, vault: Repository, inside: Inside) -> None:
    embedding.add("wiki", vault.folder)
    before = _document(inside, embedding)
    assert (before["embedding_column"], before["embedding"]) == (None, None)
    assert _row(before) == (0, 0, None, "unknown", ["never_synced"])
    embedding.run("sync", "--all")
    after = checked(embedding.run("sources", "status", "--json"), "sources-status")
    assert after["embedding_column"] == LOCAL
    assert after["embedding"] == {"model": LOCAL, "filling": None, "fills": []}
    assert _row(after) == (4, 0, 100.0, "ok", [])
    assert embedding.run("sources", "status", "--check").out.splitlines()[1].split()[6] == "100.0"
    embedding.run("sources", "verify", "--all")


def test_what_waits_is_counted_in_places_and_wants_attention(waiting: BrainCommand, inside: Inside) -> None:
    assert _row(_document(inside, waiting)) == (4, 4, 0.0, "attention", ["embeddings_pending"])
    inside.run(waiting, "sources", "status", "--check", code=1)
    [heading, line, last] = inside.run(waiting, "sources", "status").out.splitlines()
    assert heading.split()[-4:] == ["EMBEDDED", "FAILURES", "COMMIT", "WHY"]
    assert "  0.0 %  " in line
    assert line.endswith("  4 chunks wait for embeddings")
    assert last == "1 source: 1 attention"
    inside.run(waiting, "sync", "--all")
    assert _row(_document(inside, waiting)) == (4, 0, 100.0, "ok", [])
    assert _verified(inside, waiting) == []


def test_a_page_that_goes_before_its_text_was_embedded_waits_no_longer(
    waiting: BrainCommand, vault: Repository, inside: Inside
) -> None:
    vault.commit({"one.md": None, "sub/again.md": None})
    inside.run(waiting, "sync", "--all", "--no-embed")
    assert _row(_document(inside, waiting)) == (2, 2, 0.0, "attention", ["embeddings_pending"])
    assert _verified(inside, waiting) == []


def test_what_was_edited_waits_and_the_rest_does_not(
    embedding: BrainCommand, vault: Repository, inside: Inside
) -> None:
    embedding.add("wiki", vault.folder)
    inside.run(embedding, "sync", "--all")
    vault.commit({"one.md": "# One\n\nIt says something else.\n"})
    inside.run(embedding, "sync", "--all", "--no-embed")
    assert _row(_document(inside, embedding)) == (4, 1, 75.0, "attention", ["embeddings_pending"])
    assert inside.run(embedding, "sources", "status").out.splitlines()[1].endswith("  1 chunk waits for its embedding")
    vault.commit({"one.md": PAGES["one.md"]})
    inside.run(embedding, "sync", "--all", "--no-embed")
    assert _row(_document(inside, embedding)) == (4, 0, 100.0, "ok", [])
    assert _verified(inside, embedding) == []


def test_a_text_that_stands_in_two_sources_waits_in_both_and_is_embedded_once(
    embedding: BrainCommand, vault: Repository, inside: Inside
) -> None:
    embedding.add("wiki", vault.folder)
    embedding.add("copy", vault.folder)
    inside.run(embedding, "sync", "--all", "--no-embed")
    assert [row["chunks_unembedded"] for row in _document(inside, embedding)["sources"]] == [4, 4]
    inside.run(embedding, "sync", "--source", "copy")
    assert [row["embedding_coverage_pct"] for row in _document(inside, embedding)["sources"]] == [100.0, 100.0]
    assert _count(embedding, _vectors(embedding)) == 3
    assert _verified(inside, embedding) == []


def test_what_moves_to_another_source_takes_its_vectors_along(
    embedding: BrainCommand, vault: Repository, tmp_path: Path, inside: Inside
) -> None:
    other = Repository.create(tmp_path / "other", {"page.md": "# Page\n\nOf the other source.\n"})
    embedding.add("wiki", vault.folder)
    embedding.add("other", other.folder)
    inside.run(embedding, "sync", "--all")
    vault.commit({"one.md": None})
    other.commit({"moved.md": PAGES["one.md"]})
    for source in ("wiki", "other"):
        inside.run(embedding, "sync", "--source", source, "--no-embed")
    rows = {row["source_id"]: row for row in _document(inside, embedding)["sources"]}
    assert {name: (row["chunks_total"], row["chunks_unembedded"]) for name, row in rows.items()} == {
        "other": (2, 0),
        "wiki": (3, 0),
    }
    assert _loose(embedding) == set()
    assert _verified(inside, embedding) == []


def test_a_source_that_is_removed_leaves_what_stands_nowhere_else_loose_and_no_count(
    embedding: BrainCommand, vault: Repository, tmp_path: Path, inside: Inside
) -> None:
    other = Repository.create(tmp_path / "other", {"kept.md": PAGES["one.md"]})
    embedding.add("wiki", vault.folder)
    embedding.add("other", other.folder)
    inside.run(embedding, "sync", "--source", "other")
    inside.run(embedding, "sync", "--source", "wiki", "--no-embed")
    gone = _passages(embedding, "wiki") - _passages(embedding, "other")
    assert len(gone) == 2
    inside.run(embedding, "sources", "remove", "wiki", "--yes")
    assert _loose(embedding) == gone
    assert ask(embedding.url or "", "SELECT source_id FROM gbrain.coverage WHERE source_id = 'wiki'") == []
    assert _verified(inside, embedding) == []
    embedding.add("wiki", vault.folder)
    inside.run(embedding, "sync", "--all")
    assert _loose(embedding) == set()
    assert [row["embedding_coverage_pct"] for row in _document(inside, embedding)["sources"]] == [100.0, 100.0]


def test_a_brain_that_has_never_embedded_keeps_no_list_of_what_is_loose(
    brain: BrainCommand, vault: Repository, inside: Inside
) -> None:
    brain.add("wiki", vault.folder)
    inside.run(brain, "sync", "--all")
    vault.commit({"one.md": None})
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sources", "remove", "wiki", "--yes")
    assert _loose(brain) == set()


WRONG = [
    ("UPDATE gbrain.coverage SET pending = pending + 3", {"pending_differs": f"{LOCAL}: 7 instead of 4"}),
    ("UPDATE gbrain.coverage SET pending = -1", {"pending_differs": f"{LOCAL}: -1 instead of 4"}),
    ("DELETE FROM gbrain.coverage", {"pending_differs": f"{LOCAL}: 0 instead of 4"}),
    ("DELETE FROM gbrain.backlog", {"backlog_missing": f"{LOCAL}: 3 texts"}),
    (
        "DELETE FROM gbrain.backlog WHERE id = (SELECT min(id) FROM gbrain.backlog); DELETE FROM gbrain.coverage",
        {"pending_differs": f"{LOCAL}: 0 instead of 4", "backlog_missing": f"{LOCAL}: 1 text"},
    ),
    (
        "UPDATE gbrain.chunks SET passage = NULL WHERE page_id = (SELECT min(id) FROM gbrain.pages)",
        {"pending_differs": f"{LOCAL}: 4 instead of 3", "chunks_differ": "chunk 0: passage"},
    ),
    (
        "UPDATE gbrain.chunks SET passage = 'x' WHERE page_id = (SELECT min(id) FROM gbrain.pages)",
        {"backlog_missing": f"{LOCAL}: 1 text", "chunks_differ": "chunk 0: passage"},
    ),
    (
        "UPDATE gbrain.chunks SET page_id = 987654321 WHERE page_id = (SELECT min(id) FROM gbrain.pages)",
        {
            "chunks_differ": "0 places instead of 1",
            "count_differs": "chunks 4 instead of 3",
            "pending_differs": f"{LOCAL}: 4 instead of 3",
        },
    ),
]


@pytest.mark.parametrize(("sql", "findings"), WRONG)
def test_what_is_kept_wrongly_is_found_and_a_full_sync_mends_it(
    waiting: BrainCommand, sql: str, findings: dict[str, str], inside: Inside
) -> None:
    _do(waiting, sql)
    found = _verified(inside, waiting, code=1)
    assert {finding["code"]: finding["detail"] for finding in found if "orphaned" not in finding["code"]} == findings
    inside.run(waiting, "sync", "--all", "--full", "--no-embed")
    assert _row(_document(inside, waiting)) == (4, 4, 0.0, "attention", ["embeddings_pending"])
    assert _verified(inside, waiting) == []
    inside.run(waiting, "sync", "--all")
    assert _row(_document(inside, waiting)) == (4, 0, 100.0, "ok", [])
    assert _verified(inside, waiting) == []


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("DELETE FROM gbrain.texts WHERE id = (SELECT min(id) FROM gbrain.texts)", "backlog_missing"),
        (
            "UPDATE gbrain.chunks SET page_id = 987654321 WHERE page_id = (SELECT min(id) FROM gbrain.pages)",
            "count_differs",
        ),
    ],
)
def test_a_place_that_nobody_can_read_keeps_no_fill_from_its_end_and_is_embedded_once_it_is_mended(
    waiting: BrainCommand, inside: Inside, damage: str, code: str
) -> None:
    _do(waiting, damage)
    [embedded] = _embed(waiting)
    assert embedded.is_whole
    assert code in {finding["code"] for finding in _verified(inside, waiting, code=1)}
    inside.run(waiting, "sync", "--all", "--full")
    assert _row(_document(inside, waiting)) == (4, 0, 100.0, "ok", [])
    assert _verified(inside, waiting) == []


def test_a_vector_that_was_lost_is_missed_and_made_anew(
    embedding: BrainCommand, vault: Repository, inside: Inside
) -> None:
    embedding.add("wiki", vault.folder)
    inside.run(embedding, "sync", "--all")
    vectors = _vectors(embedding)
    _do(
        embedding,
        f"DELETE FROM {vectors} WHERE passage = (SELECT passage FROM gbrain.chunks GROUP BY 1 HAVING count(*) = 2)",
    )
    found = {finding["code"]: finding["detail"] for finding in _verified(inside, embedding, code=1)}
    assert found == {"pending_differs": f"{LOCAL}: 0 instead of 2", "backlog_missing": f"{LOCAL}: 1 text"}
    inside.run(embedding, "sync", "--all", "--full")
    assert _verified(inside, embedding) == []
    assert _count(embedding, vectors) == 3
    assert _row(_document(inside, embedding)) == (4, 0, 100.0, "ok", [])


def test_a_full_sync_rewrites_nothing_of_what_is_kept_rightly(waiting: BrainCommand, inside: Inside) -> None:
    kept = (
        "SELECT xmin::text, x::text FROM gbrain.backlog AS x UNION SELECT xmin::text, y::text FROM gbrain.coverage AS y"
    )
    before = sorted(ask(waiting.url or "", kept))
    assert len(before) == 4
    inside.run(waiting, "sync", "--all", "--full", "--no-embed")
    assert sorted(ask(waiting.url or "", kept)) == before


def test_a_full_sync_of_one_source_leaves_the_counts_of_another_alone(
    waiting: BrainCommand, vault: Repository, inside: Inside
) -> None:
    waiting.add("copy", vault.folder)
    inside.run(waiting, "sync", "--source", "copy", "--no-embed")
    _do(waiting, "UPDATE gbrain.coverage SET pending = 9")
    inside.run(waiting, "sync", "--source", "wiki", "--full", "--no-embed")
    counts = ask(waiting.url or "", "SELECT source_id, pending FROM gbrain.coverage ORDER BY 1")
    assert counts == [("copy", 9), ("wiki", 4)]


def test_a_vector_that_went_with_places_of_no_page_is_loose(
    embedding: BrainCommand, vault: Repository, inside: Inside
) -> None:
    embedding.add("wiki", vault.folder)
    inside.run(embedding, "sync", "--all")
    _do(
        embedding,
        "INSERT INTO gbrain.chunks (page_id, ordinal, text_id, headings, first_line, last_line, passage) "
        "SELECT 987654321, row_number() OVER (), -1, '{}', 1, 1, passage "
        "FROM (SELECT 'lost'::bytea AS passage UNION ALL SELECT passage FROM gbrain.chunks) AS these",
    )
    inside.run(embedding, "sync", "--all", "--full")
    assert _loose(embedding) == {b"lost"}
    assert _verified(inside, embedding) == []


def test_a_count_of_no_source_is_stray(waiting: BrainCommand, inside: Inside) -> None:
    _do(waiting, "INSERT INTO gbrain.coverage SELECT model_id, 'nobody', 1 FROM gbrain.coverage")
    document = checked(inside.run(waiting, "sources", "verify", "--all", "--json", code=1), "sources-verify")
    assert {table for table, rows in document["stray_rows"].items() if rows} == {"coverage"}
    lines = inside.run(waiting, "sources", "verify", "--all", code=1).out.splitlines()
    assert lines[-1] == "1 rows of coverage belong to nothing; their source is not registered"


def test_where_embedding_is_switched_off_nothing_is_told_of_it(waiting: BrainCommand, inside: Inside) -> None:
    off = BrainCommand(home=waiting.home, url=waiting.url, environ={"GBRAIN_EMBEDDER": "none"})
    document = _document(inside, off)
    assert (document["embedding_column"], document["embedding"]) == (None, None)
    assert _row(document) == (4, 0, None, "ok", [])
    assert "EMBEDDED" not in inside.run(off, "sources", "status").out
    inside.run(off, "sources", "status", "--check")
    inside.run(waiting, "sources", "status", "--check", code=1)


@pytest.mark.parametrize(("embedder", "column"), [("local", LOCAL), ("none", None)])
def test_a_watch_tells_of_it_in_each_round_unless_it_is_switched_off(
    waiting: BrainCommand, inside: Inside, embedder: str, column: str | None
) -> None:
    watching = BrainCommand(home=waiting.home, url=waiting.url, environ={"GBRAIN_EMBEDDER": embedder})
    with watching.start("sources", "status", "--watch", "--json") as process:
        assert process.stdout is not None
        rounds = [json.loads(process.stdout.readline())]
        inside.run(waiting, "sync", "--all")
        while len(rounds) < 10 and _row(rounds[-1]) != (4, 0, column and 100.0, "ok", []):
            rounds.append(json.loads(process.stdout.readline()))
        process.terminate()
    assert {document["embedding_column"] for document in rounds} == {column}
    assert _row(rounds[0]) == ((4, 4, 0.0, "attention", ["embeddings_pending"]) if column else (4, 0, None, "ok", []))
    assert len(rounds) < 10


def test_in_a_brain_without_sources_there_is_still_a_model(waiting: BrainCommand, inside: Inside) -> None:
    inside.run(waiting, "sources", "remove", "wiki", "--yes")
    document = _document(inside, waiting)
    assert (document["embedding_column"], document["sources"]) == (LOCAL, [])


def test_a_worker_that_is_at_it_is_told_of_until_its_term_is_over_and_keeps_attention_away(
    waiting: BrainCommand, inside: Inside
) -> None:
    _enlist(waiting, done=1, total=3, rate=0.5, trouble="key sk-\x1b[2J")
    document = _document(inside, waiting)
    assert _row(document) == (4, 4, 0.0, "ok", [])
    [fill] = document["embedding"]["fills"]
    assert fill.pop("started_at") < fill.pop("cools_until")
    assert fill == {
        "model": LOCAL,
        "host": "elsewhere",
        "pid": 4711,
        "done": 1,
        "total": 3,
        "rate_per_s": 0.5,
        "eta_s": 4,
        "trouble": r"key sk-\x1b[2J",
    }
    lines = inside.run(waiting, "sources", "status").out.splitlines()
    assert lines[2].startswith(
        f"embedding with {LOCAL}: 1 of 3 texts, 0.5/s, 4 s left on elsewhere (pid 4711); cooling"
    )
    assert lines[2].endswith(r"; the provider last said: key sk-\x1b[2J")
    assert lines[3] == "1 source: 1 ok"
    _do(waiting, "UPDATE gbrain.workers SET expires_at = clock_timestamp() - interval '1 s'")
    document = _document(inside, waiting)
    assert document["embedding"]["fills"] == []
    assert _row(document) == (4, 4, 0.0, "attention", ["embeddings_pending"])


def test_a_worker_that_is_seen_to_be_dead_is_at_work_on_nothing(waiting: BrainCommand, inside: Inside) -> None:
    _enlist(waiting, done=0, total=3, rate=None, trouble=None)
    me = this_process()
    _do(
        waiting,
        f"UPDATE gbrain.workers SET holder_boot = '{me.boot}', holder_pids = '{me.pids}', holder_started = 'never'",
    )
    document = _document(inside, waiting)
    assert document["embedding"]["fills"] == []
    assert _row(document) == (4, 4, 0.0, "attention", ["embeddings_pending"])


def test_a_model_that_is_to_take_over_is_told_of_with_its_coverage(waiting: BrainCommand, inside: Inside) -> None:
    inside.run(waiting, "sync", "--all")
    _do(
        waiting,
        "INSERT INTO gbrain.models (name, embedder, dimensions, fingerprint, state) "
        "VALUES ('voyage:large', 'voyage', 3, '', 'filling')",
        "INSERT INTO gbrain.coverage SELECT id, 'wiki', 3 FROM gbrain.models WHERE state = 'filling'",
    )
    document = _document(inside, waiting)
    assert document["embedding"]["filling"] == {"model": "voyage:large", "coverage_pct": 25.0}
    assert _row(document) == (4, 0, 100.0, "ok", [])
    line = inside.run(waiting, "sources", "status").out.splitlines()[2]
    assert line == "filling voyage:large, which has 25.0 % of all chunks: nobody is at it; gbrain embed goes on"


def _document(inside: Inside, brain: BrainCommand) -> dict[str, Any]:
    return checked(inside.run(brain, "sources", "status", "--json"), "sources-status")


def _row(document: dict[str, Any]) -> tuple[int, int, float | None, str, list[str]]:
    """What is said of the only source."""
    [row] = document["sources"]
    names = ("chunks_total", "chunks_unembedded", "embedding_coverage_pct", "health", "reasons")
    return tuple(row[name] for name in names)  # type: ignore[return-value]


def _verified(inside: Inside, brain: BrainCommand, *, code: int = 0) -> list[dict[str, Any]]:
    """All findings of all sources."""
    document = checked(inside.run(brain, "sources", "verify", "--all", "--json", code=code), "sources-verify")
    return [finding for report in document["sources"] for finding in report["findings"]]


def _embed(brain: BrainCommand) -> list[Embedded]:
    """Fill in all there is, in this process."""

    async def work(conninfo: str) -> list[Embedded]:
        async with asyncio.timeout(60), open_brain(settings, conninfo, connections=4) as opened:
            return await run_embed(
                opened, named=None, here=Path("/"), retry_failed=False, parallel=None, emit=lambda event: None
            )

    settings = read_settings(brain.env())
    with reach_database(settings, lambda text: None) as conninfo:
        return asyncio.run(work(conninfo))


def _enlist(brain: BrainCommand, *, done: int, total: int, rate: float | None, trouble: str | None) -> None:
    """A worker of another host."""
    with psycopg.connect(brain.url or "") as conn:
        conn.execute(
            """INSERT INTO gbrain.workers (model_id, holder_host, holder_boot, holder_pids, holder_pid, holder_started,
                   expires_at, done, total, rate_per_s, waits_until, trouble)
               SELECT id, 'elsewhere', 'boot', 'pids', 4711, '1', clock_timestamp() + interval '1 hour', %s, %s, %s,
                      clock_timestamp() + interval '1 hour', %s FROM gbrain.models""",
            (done, total, rate, trouble),
        )


def _vectors(brain: BrainCommand) -> str:
    [(model,)] = ask(brain.url or "", "SELECT id FROM gbrain.models")
    return f"gbrain.embedding_{model}"


def _count(brain: BrainCommand, table: str) -> int:
    return int(ask(brain.url or "", f"SELECT count(*) FROM {table}")[0][0])


def _passages(brain: BrainCommand, source: str) -> set[bytes]:
    query = "SELECT c.passage FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id WHERE p.source_id = %s"
    return {bytes(row[0]) for row in ask(brain.url or "", query, source)}


def _loose(brain: BrainCommand) -> set[bytes]:
    return {bytes(row[0]) for row in ask(brain.url or "", "SELECT passage FROM gbrain.loose")}


def _do(brain: BrainCommand, *statements: str) -> None:
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())
