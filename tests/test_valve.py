"""What a sync does only when it is told to: dropping most of a source, reading failures again, acknowledging them."""

from __future__ import annotations

import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository

BROKEN = "---\na: [\n---\n# Broken\n"


def pages(count: int) -> dict[str, str | None]:
    return {f"page-{number:03}.md": f"# Page {number}\n" for number in range(count)}


@pytest.mark.parametrize(
    ("before", "dropped", "refused"), [(42, 21, False), (41, 21, True), (40, 20, False), (60, 60, True)]
)
def test_a_plan_that_drops_more_than_half_and_more_than_20_pages_waits_for_a_word(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh, before: int, dropped: int, refused: bool
) -> None:
    there = len(repository.git("ls-files", "*.md").splitlines())
    repository.commit(pages(before - there))
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    kept = ask(brain.url or "", "SELECT pages, bookmark_commit FROM gbrain.states")
    names = repository.git("ls-files", "*.md").splitlines()[::-1]
    repository.commit(dict.fromkeys(names[:dropped]) | {"late.txt": "late\n"})
    document = checked(inside.run(brain, "sync", "--all", "--json", code=1 if refused else 0), "sync")
    if refused:
        [row] = document["sources"]
        assert (row["status"], row["error_code"], row["deleted"]) == ("refused", "mass_delete", 0)
        assert f"{dropped} of the {kept[0][0]} pages" in row["error"]
        assert ask(brain.url or "", "SELECT pages, bookmark_commit FROM gbrain.states") == kept
        inside.run(brain, "sync", "--all", "--full", code=1)
        [row] = checked(inside.run(brain, "sync", "--all", "--allow-mass-delete", "--json"), "sync")["sources"]
        assert row["deleted"] == dropped
    assert fresh.differences(brain) == []


def test_a_folder_that_is_renamed_is_no_mass_delete(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh
) -> None:
    repository.commit({f"old/{name}": text for name, text in pages(50).items()})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    repository.git("mv", "old", "new")
    repository.commit_all()
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert (row["renamed"], row["deleted"]) == (50, 0)
    assert fresh.differences(brain) == []


def test_the_ledger_goes_from_open_to_acknowledged_and_is_cleared_by_success_by_removal_and_by_a_new_blob(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({"a.md": BROKEN, "b.md": BROKEN + "b", "c.md": BROKEN + "c"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all", code=1)
    assert states(brain) == [(b"a.md", "open"), (b"b.md", "open"), (b"c.md", "open")]
    inside.run(brain, "sync", "--all", code=1)
    [row] = checked(inside.run(brain, "sync", "--all", "--skip-failed", "--json"), "sync")["sources"]
    assert (row["failures_open"], row["sync_status"]) == (0, "up_to_date")
    assert states(brain) == [(b"a.md", "acknowledged"), (b"b.md", "acknowledged"), (b"c.md", "acknowledged")]
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sync", "--all", "--full")
    repository.commit({"a.md": "# Mended\n", "b.md": None, "c.md": BROKEN + "other"})
    [row] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    assert (row["added"], row["failed"], row["failures_open"]) == (1, 1, 1)
    assert states(brain) == [(b"c.md", "open")]
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


def test_failures_of_this_very_run_are_acknowledged_where_that_is_asked_for(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({"a.md": BROKEN})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    [row] = checked(inside.run(brain, "sync", "--source", "wiki", "--skip-failed", "--json"), "sync")["sources"]
    assert (row["failed"], row["failures_open"]) == (1, 0)
    [shown] = checked(inside.run(brain, "sources", "status", "--json"), "sources-status")["sources"]
    assert (shown["failures_open"], shown["failures_acknowledged"], shown["health"]) == (0, 1, "ok")


def test_retrying_reads_what_has_failed_again_and_nothing_else(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({"a.md": BROKEN, "b.md": BROKEN + "b"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all", "--skip-failed")
    # As if an earlier program had refused what this one can read.
    readme = blob(repository, "README.md")
    ask_to(brain, f"UPDATE gbrain.ledger SET reason = 'unreadable', blob = '\\x{readme}' WHERE path = 'a.md'")
    repository.commit({"a.md": (repository.folder / "README.md").read_text()})
    inside.run(brain, "sync", "--all")
    assert states(brain) == [(b"a.md", "acknowledged"), (b"b.md", "acknowledged")]
    [row] = checked(inside.run(brain, "sync", "--all", "--retry-failed", "--json"), "sync")["sources"]
    assert (row["added"], row["failed"], row["modified"]) == (1, 0, 0)
    assert states(brain) == [(b"b.md", "acknowledged")]
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


def test_retrying_where_nothing_has_failed_does_nothing(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    [row] = checked(inside.run(brain, "sync", "--all", "--retry-failed", "--json"), "sync")["sources"]
    assert row["sync_status"] == "up_to_date"


def states(brain: BrainCommand) -> list[tuple]:
    return ask(brain.url or "", "SELECT path, state FROM gbrain.ledger WHERE state <> 'skipped' ORDER BY path")


def blob(repository: Repository, path: str) -> str:
    return repository.git("rev-parse", f"HEAD:{path}")


def ask_to(brain: BrainCommand, statement: str) -> None:
    import psycopg

    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        conn.execute(statement.encode())


def test_pages_that_became_of_a_kind_no_page_is_count_as_dropped(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit(pages(30))
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    for name in pages(30):
        (repository.folder / name).write_bytes(b"x" * 5_000_001)
    repository.commit_all()
    [row] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    assert (row["status"], row["error_code"], row["failed"]) == ("refused", "mass_delete", 0)


@pytest.mark.parametrize("spoilt", [b"\0\xff" * 50, b"---\na: [\n---\n"], ids=["binary", "broken"])
def test_pages_that_only_turn_out_to_be_none_when_they_are_read_count_as_dropped(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh, spoilt: bytes
) -> None:
    repository.commit(pages(30))
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    before = ask(brain.url or "", "SELECT pages, bookmark_commit FROM gbrain.states")
    repository.commit(dict.fromkeys(list(pages(30))[25:], "# Rewritten\n"))
    for number, name in enumerate(list(pages(30))[:25]):
        (repository.folder / name).write_bytes(spoilt + b"%d" % number)
    repository.commit_all()
    for flags in [("--dry-run",), (), ("--full",)]:
        [row] = checked(inside.run(brain, "sync", "--all", *flags, "--json", code=1), "sync")["sources"]
        assert (row["status"], row["error_code"]) == ("refused", "mass_delete")
        assert f"25 of the {before[0][0]} pages" in row["error"]
        assert ask(brain.url or "", "SELECT pages, bookmark_commit FROM gbrain.states") == before
    inside.run(brain, "sync", "--all", "--allow-mass-delete", code=None)
    assert fresh.differences(brain) == []


def test_moving_a_source_by_its_path_keeps_its_folder(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    place = ("--path", str(repository.folder))
    inside.run(brain, "sources", "add", "wiki", *place, "--subdir", "docs")
    [row] = checked(inside.run(brain, "sources", "set", "wiki", *place, "--json"), "sources")["sources"]
    assert row["subdir"] == "docs"
    [row] = checked(inside.run(brain, "sources", "set", "wiki", *place, "--subdir", "", "--json"), "sources")["sources"]
    assert row["subdir"] is None
