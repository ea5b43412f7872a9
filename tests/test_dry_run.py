"""A dry run says exactly what the sync after it does, and changes nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.commands import BrainCommand
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository

COUNTS = ("added", "modified", "renamed", "deleted", "failed", "skipped", "chunks_created", "chunks_deleted")
LONG = "".join(f"Paragraph {number} of a page that has several chunks.\n\n" for number in range(200))
FIRST = {
    "a.md": "# A\n",
    "b.md": "# B\n\n" + "Words. " * 900,
    "old/c.md": "# C\n\nMoves.\n",
    "gone.md": "# Gone\n",
    "broken.md": "---\na: [\n---\n",
    "same/x.md": "# X\n",
    "bom.md": "\ufeff# BOM\n",
    "long.md": "# Long\n\n" + LONG,
}
SECOND: dict[str, str | None] = {
    "a.md": "# A changed\n",
    "b.md": "# B\n\n" + "Words. " * 899 + "Other. ",
    "old/c.md": None,
    "new/c.md": "# C\n\nMoves.\n",
    "gone.md": None,
    "broken.md": "# Mended\n",
    "other.md": "---\nb: [\n---\n",
    "binary.md": "\x00" * 50,
    "A.md": "# Takes part in a group of slugs\n",
    # Comes out as it was: only the blob is another.
    "bom.md": "# BOM\n",
    # Goes, and its first texts come back with another page.
    "long.md": None,
    "longer.md": "# Long\n\n" + LONG + "And more.\n",
}


def everything(brain: BrainCommand) -> dict[str, Any]:
    """All rows of all tables, the sequences, and all files of the home."""
    found: dict[str, Any] = {}
    with psycopg.connect(brain.url or "") as conn:
        for (table,) in conn.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'gbrain' ORDER BY 1"
        ).fetchall():
            query = f"SELECT x.xmin::text, x::text FROM gbrain.{table} AS x ORDER BY 2"
            found[table] = conn.execute(query.encode()).fetchall()
        for (name,) in conn.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'gbrain'").fetchall():
            found[name] = conn.execute(f"SELECT last_value FROM gbrain.{name}".encode()).fetchall()
    for folder, _, files in os.walk(brain.home):
        for name in files:
            status = Path(folder, name).stat()
            # Git marks an object that is asked for again as fresh, wherever it lies; its name is its content.
            changed = 0 if "/objects/" in folder else status.st_mtime_ns
            found[str(Path(folder, name))] = status.st_size, changed
    return found


def rehearsed_and_done(
    brain: BrainCommand, inside: Inside, *flags: str, code: int | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row of a dry run, during which nothing changes, and that of the sync after it."""
    before = everything(brain)
    dry = checked(inside.run(brain, "sync", "--all", "--dry-run", *flags, "--json", code=None), "sync")["sources"][0]
    assert everything(brain) == before
    did = checked(inside.run(brain, "sync", "--all", *flags, "--json", code=code), "sync")["sources"][0]
    assert {name: dry[name] for name in COUNTS} == {name: did[name] for name in COUNTS}
    assert (dry["status"], dry["error_code"]) == (did["status"], did["error_code"])
    assert (did["planned_paths"], did["planned_paths_count"]) == (None, None)
    return dry, did


@pytest.fixture
def kept(repository: Repository) -> Repository:
    repository.commit(FIRST)
    return repository


@pytest.mark.parametrize("kind", ["path", "url", "checkout", "plain"])
def test_a_dry_run_counts_what_the_sync_after_it_does(
    brain: BrainCommand, inside: Inside, kept: Repository, tmp_path: Path, kind: str
) -> None:
    place = ("--path", str(kept.folder))
    if kind == "url":
        place = ("--url", f"file://{kept.folder}")
    elif kind == "checkout":
        kept.git("clone", "-q", str(kept.folder), str(tmp_path / "checkout"))
        place = ("--path", str(tmp_path / "checkout"))
    elif kind == "plain":
        shutil.copytree(kept.folder, tmp_path / "plain", ignore=shutil.ignore_patterns(".git"))
        place = ("--path", str(tmp_path / "plain"))
    inside.run(brain, "sources", "add", "wiki", *place)
    dry, did = rehearsed_and_done(brain, inside, code=1)
    assert dry["sync_status"] == "dry_run"
    # Each look at a plain folder is a commit of its own.
    assert dry["to_revision"] == did["to_revision"] or kind == "plain"
    assert dry["planned_paths_count"] == len(dry["planned_paths"]) == sum(did[name] for name in COUNTS[:6])
    kept.commit(SECOND)
    if kind == "plain":
        shutil.rmtree(tmp_path / "plain")
        shutil.copytree(kept.folder, tmp_path / "plain", ignore=shutil.ignore_patterns(".git"))
    dry, did = rehearsed_and_done(brain, inside, code=1)
    actions = {row["path"]: row["action"] for row in dry["planned_paths"]}
    assert actions["new/c.md"] == "renamed"
    assert actions["gone.md"] == "deleted"
    assert actions["other.md"] == "failed"
    assert actions["binary.md"] == "skipped"
    assert "same/x.md" not in actions
    dry, did = rehearsed_and_done(brain, inside, code=1)
    assert (did["sync_status"], dry["planned_paths"]) == ("up_to_date", [])
    rehearsed_and_done(brain, inside, "--full", code=1)
    rehearsed_and_done(brain, inside, "--no-pull", code=1)


def test_changed_settings_and_retried_failures_are_rehearsed_too(
    brain: BrainCommand, inside: Inside, kept: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(kept.folder))
    inside.run(brain, "sync", "--all", code=1)
    rehearsed_and_done(brain, inside, "--retry-failed", code=1)
    for flags in (["--subdir", "old"], ["--subdir", "", "--exclude", "*.md"], ["--exclude", "", "--strategy", "code"]):
        inside.run(brain, "sources", "set", "wiki", *flags)
        rehearsed_and_done(brain, inside)


def test_a_mass_delete_is_rehearsed_as_what_it_would_be_refused(
    brain: BrainCommand, inside: Inside, kept: Repository
) -> None:
    kept.commit({f"p{number}.md": f"# {number}\n" for number in range(60)})
    inside.run(brain, "sources", "add", "wiki", "--path", str(kept.folder))
    inside.run(brain, "sync", "--all", code=1)
    kept.commit(dict.fromkeys(f"p{number}.md" for number in range(60)))
    dry = checked(inside.run(brain, "sync", "--all", "--dry-run", "--json", code=1), "sync")["sources"][0]
    assert (dry["status"], dry["error_code"], dry["deleted"]) == ("refused", "mass_delete", 60)
    rehearsed_and_done(brain, inside, "--allow-mass-delete", code=1)


def test_paths_are_cut_at_a_thousand_and_counted(brain: BrainCommand, inside: Inside, kept: Repository) -> None:
    kept.commit({f"p{number}.md": f"# {number}\n" for number in range(1200)})
    inside.run(brain, "sources", "add", "wiki", "--path", str(kept.folder))
    dry, did = rehearsed_and_done(brain, inside, code=1)
    assert (len(dry["planned_paths"]), dry["planned_paths_count"]) == (1000, sum(did[name] for name in COUNTS[:6]))


def test_a_dry_run_takes_no_lease_and_waits_for_none(brain: BrainCommand, inside: Inside, kept: Repository) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(kept.folder))
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("UPDATE gbrain.leases SET expires_at = now() + interval '1 hour', holder_boot = 'elsewhere'")
    assert inside.run(brain, "sync", "--all", "--json").document["busy_count"] == 1
    dry = checked(inside.run(brain, "sync", "--all", "--dry-run", "--json", code=None), "sync")
    assert (dry["busy_count"], dry["sources"][0]["added"]) == (0, 9)


def test_on_a_home_without_a_brain_none_is_made(inside: Inside, tmp_path: Path) -> None:
    brain = BrainCommand(home=tmp_path / "home")
    assert checked(inside.run(brain, "sync", "--all", "--dry-run", "--json"), "sync")["sources"] == []
    checked_error(inside.run(brain, "sync", "--source", "wiki", "--dry-run", "--json", code=4), "not_found")
    assert not brain.home.exists()


def test_the_lines_of_a_dry_run_say_what_would_be(brain: BrainCommand, inside: Inside, kept: Repository) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(kept.folder))
    out = inside.run(brain, "sync", "--all", "--dry-run", code=None).out
    assert out.startswith("[wiki] would sync to ")
    assert "9 added, 1 failed" in out


def test_a_checkout_whose_fetch_fails_is_told_as_the_sync_after_it_tells_it(
    brain: BrainCommand, inside: Inside, kept: Repository, tmp_path: Path
) -> None:
    kept.git("clone", "-q", str(kept.folder), str(tmp_path / "checkout"))
    kept.git("-C", str(tmp_path / "checkout"), "remote", "set-url", "origin", "git://127.0.0.1:1/x")
    brain.home.mkdir(exist_ok=True)
    (brain.home / "config.toml").write_text("allow_private_hosts = true\n")
    inside.run(brain, "sources", "add", "wiki", "--path", str(tmp_path / "checkout"))
    dry, did = rehearsed_and_done(brain, inside, code=1)
    assert (did["status"], did["error_code"], dry["to_revision"]) == ("partial", "fetch_failed", did["to_revision"])
