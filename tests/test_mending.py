"""`gbrain sync --full` mends in pieces that may be cut off, and touches nothing that is right or another source's."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import psycopg
import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.driven import killed
from support.driver import sync
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository
from support.rows import rows

_VERSIONS = """
    SELECT 'page', path, xmin::text FROM gbrain.pages UNION ALL SELECT 'ledger', path, xmin::text FROM gbrain.ledger
    UNION ALL SELECT 'text', hash, xmin::text FROM gbrain.texts
    UNION ALL SELECT 'chunk', int8send(page_id) || int4send(ordinal), xmin::text FROM gbrain.chunks ORDER BY 1, 2"""


@pytest.fixture
def synced(brain: BrainCommand, repository: Repository, inside: Inside) -> BrainCommand:
    """Two pages, a path that failed and one that was skipped."""
    repository.commit({"broken.md": "---\na: [\n---\n", "binary.md": b"\0\1"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all", code=1)
    return brain


def _do(brain: BrainCommand, *statements: str) -> None:
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


@pytest.mark.parametrize("step", ["proved", "merged", "committed", "planned"])
def test_what_a_full_sync_that_was_killed_has_taken_away_the_next_plain_one_makes_anew(
    synced: BrainCommand, fresh: Fresh, step: str
) -> None:
    _do(synced, "UPDATE gbrain.texts SET text = 'x'")
    killed(synced, "--full", "--kill", step)
    assert synced.url is not None
    was_committed = step in ("committed", "planned")
    assert (ask(synced.url, "SELECT count(*) FROM gbrain.texts") == [(0,)]) == was_committed
    synced.run("sync", "--all", *([] if was_committed else ["--full"]), code=1)
    assert fresh.differences(synced) == []


def test_a_full_sync_rewrites_no_row_that_is_right_and_counts_none(synced: BrainCommand, inside: Inside) -> None:
    assert synced.url is not None
    before = ask(synced.url, _VERSIONS)
    row = inside.run(synced, "sync", "--all", "--full", "--json", code=1).sources()["wiki"]
    assert ask(synced.url, _VERSIONS) == before
    assert {name for name in ("added", "modified", "failed", "skipped", "chunks_created") if row[name]} == set()
    assert row["failures_open"] == 1


def test_a_full_sync_counts_the_texts_it_took_away_and_made_anew(synced: BrainCommand, inside: Inside) -> None:
    _do(synced, "UPDATE gbrain.texts SET text = 'x' WHERE text LIKE '# Guide%'")
    row = inside.run(synced, "sync", "--all", "--full", "--json", code=1).sources()["wiki"]
    assert (row["chunks_deleted"], row["chunks_created"], row["modified"]) == (1, 1, 1)
    assert synced.url is not None
    recorded = "SELECT chunks_deleted, chunks_created, modified FROM gbrain.runs ORDER BY id DESC LIMIT 1"
    assert ask(synced.url, recorded) == [(1, 1, 1)]


def test_an_acknowledged_failure_is_neither_tried_nor_opened_again(synced: BrainCommand, inside: Inside) -> None:
    _do(
        synced,
        "UPDATE gbrain.ledger SET state = 'acknowledged', detail = 'as it was' WHERE state = 'open'",
        "UPDATE gbrain.states SET failures_open = 7",
    )
    row = inside.run(synced, "sync", "--all", "--full", "--json").sources()["wiki"]
    assert row["failures_open"] == 0
    assert synced.url is not None
    kept = "SELECT state, detail, failures_open, failures_acknowledged FROM gbrain.ledger, gbrain.states"
    assert ask(synced.url, f"{kept} WHERE state = 'acknowledged'") == [("acknowledged", "as it was", 0, 1)]


def test_what_stands_on_nothing_goes_however_much_there_is_of_it(synced: BrainCommand, fresh: Fresh) -> None:
    _do(
        synced,
        "INSERT INTO gbrain.chunks SELECT 987654321 + n, 0, n, '{}', 1, 1 FROM generate_series(1, 9) AS n",
        "INSERT INTO gbrain.links SELECT 987654321, n, 'link', 'x', 1 FROM generate_series(1, 9) AS n",
        "INSERT INTO gbrain.texts (source_id, hash, text) SELECT 'wiki', int4send(n), '' FROM generate_series(1, 9) n",
    )
    with mock.patch("gbrain.store.mending.PIECE", 2):
        sync(synced.env(), full=True)
    assert fresh.differences(synced) == []


def test_a_full_sync_of_one_source_leaves_the_damage_of_another_to_that_one(
    synced: BrainCommand, inside: Inside, fresh: Fresh, tmp_path: Path
) -> None:
    other = Repository.create(tmp_path / "other", {"page.md": "# Page\n"})
    inside.run(synced, "sources", "add", "other", "--path", str(other.folder))
    inside.run(synced, "sync", "--source", "other")
    _do(
        synced,
        "UPDATE gbrain.texts SET text = 'x'",
        "DELETE FROM gbrain.pages WHERE source_id = 'other'",
        "UPDATE gbrain.states SET pages = 7",
    )
    assert synced.url is not None
    before = rows(synced.url)
    inside.run(synced, "sync", "--source", "wiki", "--full", code=1)
    after = rows(synced.url)
    for table, has_source in (("texts", 0), ("states", 0)):
        assert [row for row in before[table] if row[has_source] == "other"] == [
            row for row in after[table] if row[has_source] == "other"
        ]
    assert [row for row in after["chunks"] if row[0] is None] == [row for row in before["chunks"] if row[0] is None]
    inside.run(synced, "sync", "--source", "other", "--full")
    assert fresh.differences(synced) == []
