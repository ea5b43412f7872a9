"""What we keep of a remote or of a plain folder, damaged by a disk: it is made anew in the run that finds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.documents import checked
from support.inside import Inside
from support.remembered import settle
from support.repositories import Repository


def lose_contents(copies: Path) -> None:
    """Take every blob away: what refs stand for is there, what files hold is not."""
    [place] = copies.glob("*.git")
    kept = Repository(folder=place)
    for pack in (place / "objects" / "pack").glob("*.pack"):
        content = pack.read_bytes()
        pack.unlink()
        kept.git("unpack-objects", "-q", fed=content)
    listed = kept.git("cat-file", "--batch-all-objects", "--batch-check")
    for blob in (line.split()[0] for line in listed.splitlines() if " blob " in line):
        (place / "objects" / blob[:2] / blob[2:]).unlink()


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
