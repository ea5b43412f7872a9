"""What a sync rewrites: row versions counted table by table, so that a small change stays small."""

from __future__ import annotations

import os

import psycopg
import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.driven import poll
from support.repositories import Repository

_TABLES = ("pages", "texts", "chunks", "links")
_PARAGRAPH = "It says {n} things about the matter at hand, in words that differ from those around them. " * 14


@pytest.fixture
def long(brain: BrainCommand, repository: Repository) -> Repository:
    """A source whose page `long.md` has 500 chunks or so, one link in each, and is in."""
    repository.commit({"long.md": _long_page("the first paragraph")})
    brain.add("wiki", repository.folder)
    brain.run("sync", "--all", "--json")
    [(chunks,)] = ask(brain.url or "", "SELECT max(ordinal) + 1 FROM gbrain.chunks")
    assert 450 <= chunks <= 550
    return repository


def test_an_edit_of_the_first_paragraph_of_500_chunks_writes_one_text_one_place_and_one_page(
    brain: BrainCommand, long: Repository
) -> None:
    before = _versions(brain)
    long.commit({"long.md": _long_page("another first paragraph")})
    row = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (row["modified"], row["chunks_created"], row["chunks_deleted"]) == (1, 1, 1)
    assert _written_since(brain, before) == {
        "pages": (0, 1, 0),
        "texts": (1, 0, 1),
        "chunks": (0, 1, 0),
        "links": _NONE,
    }


def test_a_line_more_at_the_top_writes_no_text_but_that_of_the_first_chunk(
    brain: BrainCommand, long: Repository
) -> None:
    before = _versions(brain)
    long.commit({"long.md": _long_page("the first paragraph\nand a line")})
    row = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (row["modified"], row["chunks_created"], row["chunks_deleted"]) == (1, 1, 1)
    assert _written_since(brain, before)["texts"] == (1, 0, 1)


def test_a_rename_writes_the_page_and_nothing_that_stands_in_it(brain: BrainCommand, long: Repository) -> None:
    before = _versions(brain)
    long.git("mv", "long.md", "longer.md")
    long.commit_all()
    row = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (row["renamed"], row["modified"], row["chunks_created"]) == (1, 0, 0)
    assert _written_since(brain, before) == {"pages": (0, 1, 0), "texts": _NONE, "chunks": _NONE, "links": _NONE}


def test_a_mode_that_was_touched_writes_no_row(brain: BrainCommand, long: Repository) -> None:
    before = _versions(brain)
    os.chmod(long.folder / "long.md", 0o755)
    commit = long.commit_all()
    row = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (row["sync_status"], row["to_revision"], row["modified"]) == ("synced", commit, 0)
    assert _written_since(brain, before) == dict.fromkeys(_TABLES, _NONE)


def test_a_full_sync_of_what_is_in_already_writes_no_row(brain: BrainCommand, long: Repository) -> None:
    before = _versions(brain)
    row = brain.run("sync", "--all", "--full", "--json").sources()["wiki"]
    assert (row["status"], row["added"], row["modified"], row["chunks_created"]) == ("ok", 0, 0, 0)
    assert _written_since(brain, before) == dict.fromkeys(_TABLES, _NONE)


_NONE = (0, 0, 0)


def _long_page(first: str) -> str:
    parts = [f"# The matter\n\n{_PARAGRAPH.format(n=0)}\n{first}\n"]
    parts += [f"## Part {n}\n\n{_PARAGRAPH.format(n=n)}\nSee [there](part-{n}.md).\n" for n in range(1, 500)]
    return "\n".join(parts)


def _versions(brain: BrainCommand) -> dict[str, tuple[int, int, int]]:
    """Rows inserted, updated and deleted so far, as every session tells when it ends."""
    sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    poll(lambda: not ask(brain.url or "", f"{sessions} AND backend_type = 'client backend'"), "all sessions end")
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        found = conn.execute(
            """SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables
               WHERE schemaname = 'gbrain' AND relname = ANY(%s)""",
            [list(_TABLES)],
        )
        return {name: (inserted, updated, deleted) for name, inserted, updated, deleted in found}


def _written_since(brain: BrainCommand, before: dict[str, tuple[int, int, int]]) -> dict[str, tuple[int, int, int]]:
    """Row versions written since then, as (inserted, updated, deleted)."""
    now = _versions(brain)
    return {table: tuple(new - old for new, old in zip(now[table], before[table], strict=True)) for table in _TABLES}
