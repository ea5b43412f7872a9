"""What we keep of a remote or of a plain folder, damaged by a disk: it is made anew in the run that finds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.damage import lose_contents
from support.documents import checked
from support.fresh import Fresh
from support.inside import Inside
from support.remembered import settle
from support.repositories import Repository


def of_url(repository: Repository, tmp_path: Path) -> tuple[str, ...]:
    return ("--url", f"file://{repository.folder}")


def of_folder(repository: Repository, tmp_path: Path) -> tuple[str, ...]:
    folder = tmp_path / "plain"
    folder.mkdir()
    for name in ("README.md", "other.md"):
        (folder / name).write_text(f"# {name}\n")
    return ("--path", str(folder))


@pytest.mark.parametrize(("place", "copies"), [(of_url, "mirrors"), (of_folder, "folders")], ids=["url", "folder"])
def test_a_copy_without_its_contents_is_made_anew_in_the_run_that_finds_it(
    brain: BrainCommand,
    repository: Repository,
    inside: Inside,
    tmp_path: Path,
    place: Callable[[Repository, Path], tuple[str, ...]],
    copies: str,
) -> None:
    inside.run(brain, "sources", "add", "wiki", *place(repository, tmp_path))
    inside.run(brain, "sync", "--all")
    if copies == "folders":
        settle(brain.home / "folders" / "wiki.git", tmp_path / "plain")
    lose_contents(brain.home / copies)
    dry = checked(inside.run(brain, "sync", "--all", "--full", "--dry-run", "--json"), "sync")["sources"][0]
    assert (dry["status"], dry["planned_paths"]) == ("ok", [])
    done = inside.run(brain, "sync", "--all", "--full", "--json")
    [row] = checked(done, "sync")["sources"]
    assert (row["status"], row["modified"], row["deleted"]) == ("ok", 0, 0)
    assert "is fetched anew" in done.err
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


def test_without_asking_the_remote_the_damage_is_told_and_nothing_is_lost(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", *of_url(repository, repository.folder))
    inside.run(brain, "sync", "--all")
    lose_contents(brain.home / "mirrors")
    [row] = checked(inside.run(brain, "sync", "--all", "--full", "--no-pull", "--json", code=1), "sync")["sources"]
    assert (row["error_code"], row["deleted"]) == ("not_a_repository", 0)
    inside.run(brain, "sync", "--all", "--full")
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


def test_what_other_sources_fetched_into_a_mirror_comes_over_into_the_new_one(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.git("branch", "other")
    repository.commit({"late.md": "# Late\n"})
    url = of_url(repository, repository.folder)
    inside.run(brain, "sources", "add", "wiki", *url)
    inside.run(brain, "sources", "add", "other", *url, "--branch", "other")
    inside.run(brain, "sync", "--all")
    lose_contents(brain.home / "mirrors")
    inside.run(brain, "sync", "--source", "wiki", "--full")
    repository.folder.rename(repository.folder.with_suffix(".away"))
    [row] = checked(inside.run(brain, "sync", "--source", "other", "--full", "--no-pull", "--json"), "sync")["sources"]
    assert row["status"] == "ok"
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "other").out


def test_what_was_half_in_when_the_damage_was_found_is_not_taken_for_the_bookmarks(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh
) -> None:
    repository.commit({"a.md": "# Small\n"})
    inside.run(brain, "sources", "add", "one", *of_url(repository, repository.folder))
    inside.run(brain, "sources", "add", "two", *of_url(repository, repository.folder))
    inside.run(brain, "sync", "--all")
    # `A.md` takes the slug of `a.md`, which is let go of before the contents of `a.md` turn out to be missing.
    repository.commit({"A.md": "# Large\n", "a.md": "# Small, changed\n"})
    inside.run(brain, "sync", "--source", "two")
    lose_contents(brain.home / "mirrors", only=repository.git("rev-parse", "HEAD:a.md"))
    done = inside.run(brain, "sync", "--source", "one")
    assert "is fetched anew" in done.err
    for source in ("one", "two"):
        assert "as a fresh sync" in inside.run(brain, "sources", "verify", source).out
    assert fresh.differences(brain) == []
