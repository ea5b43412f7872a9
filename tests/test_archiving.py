"""Archiving: a source is hidden and kept, comes back as it was, and goes for good after 72 hours."""

from __future__ import annotations

import psycopg

from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository
from support.rows import differences, rows


def test_an_archived_source_is_hidden_everywhere_and_comes_back_as_it_was(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({"broken.md": "---\na: [\n---\n"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder), "--isolated", "--max-age", "3d")
    inside.run(brain, "sync", "--all", code=1)
    before, shown = rows(brain.url or ""), inside.run(brain, "sources", "show", "wiki").out
    checked(inside.run(brain, "sources", "archive", "wiki", "--json"), "sources")
    assert checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"] == []
    assert checked(inside.run(brain, "sources", "status", "--json"), "sources-status")["sources"] == []
    assert checked(inside.run(brain, "sources", "list", "--json"), "sources")["sources"] == []
    assert checked(inside.run(brain, "sources", "failures", "--json"), "sources-failures")["failures"] == []
    assert checked(inside.run(brain, "sources", "runs", "--json"), "sources-runs")["runs"] == []
    assert checked(inside.run(brain, "sources", "verify", "--all", "--json"), "sources-verify")["sources"] == []
    checked_error(inside.run(brain, "show", "wiki:readme", "--json", code=4), "not_found")
    error = checked_error(inside.run(brain, "sync", "--source", "wiki", "--json", code=4), "not_found")
    assert error["hint"] == "gbrain sources restore wiki"
    [row] = checked(inside.run(brain, "sources", "archived", "--json"), "sources-archived")["sources"]
    assert row["source_id"] == "wiki"
    assert row["kept_until"] > row["archived_at"]
    inside.run(brain, "sources", "archive", "wiki", code=2)
    inside.run(brain, "sources", "restore", "wiki")
    assert inside.run(brain, "sources", "show", "wiki").out == shown
    assert differences(rows(brain.url or ""), before) == []
    [row] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    assert row["sync_status"] == "up_to_date"
    inside.run(brain, "sources", "restore", "wiki", code=2)


def test_only_what_was_archived_72_hours_ago_is_purged_and_only_with_a_word(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    for name in ("old", "young", "kept"):
        inside.run(brain, "sources", "add", name, "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    for name in ("old", "young"):
        inside.run(brain, "sources", "archive", name)
    assert checked(inside.run(brain, "sources", "purge", "--yes", "--json"), "sources-purge")["sources"] == []
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("UPDATE gbrain.sources SET archived_at = now() - interval '72 hours' WHERE id = 'old'")
        conn.execute("UPDATE gbrain.sources SET archived_at = now() - interval '71 hours' WHERE id = 'young'")
    error = checked_error(inside.run(brain, "sources", "purge", "--json", code=3), "confirmation_needed")
    assert "old" in error["message"]
    assert "young" not in error["message"]
    [row] = checked(inside.run(brain, "sources", "purge", "--yes", "--json"), "sources-purge")["sources"]
    assert row["source_id"] == "old"
    assert ask(brain.url or "", "SELECT id FROM gbrain.sources ORDER BY id") == [("kept",), ("young",)]
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.pages WHERE source_id = 'old'") == [(0,)]


def test_the_runs_of_a_source_are_listed_the_newest_first(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    repository.commit({"new.md": "# New\n"})
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sync", "--all")
    found = checked(inside.run(brain, "sources", "runs", "wiki", "--json"), "sources-runs")["runs"]
    assert [run["sync_status"] for run in found] == ["up_to_date", "synced", "first_sync"]
    assert [run["added"] for run in found] == [0, 1, 2]
    assert len(checked(inside.run(brain, "sources", "runs", "--limit", "1", "--json"), "sources-runs")["runs"]) == 1
    assert "first sync" not in inside.run(brain, "sources", "runs", "--limit", "2").out
    checked_error(inside.run(brain, "sources", "runs", "nosuch", "--json", code=4), "not_found")
    checked_error(inside.run(brain, "sources", "runs", "--limit", "0", "--json", code=2), "usage")
