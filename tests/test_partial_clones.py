"""A partial clone lacks what files hold: where its remote cannot lend it, that is said, and its own advice mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.inside import Inside
from support.repositories import Repository


@pytest.fixture
def partial(repository: Repository, tmp_path: Path) -> Repository:
    """A clone without contents, on a branch that follows nothing."""
    repository.git("config", "uploadpack.allowFilter", "true")
    clone = ("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{repository.folder}")
    repository.git(*clone, str(tmp_path / "partial"))
    found = Repository(folder=tmp_path / "partial")
    found.git("branch", "--unset-upstream")
    found.git("symbolic-ref", "HEAD", "refs/heads/" + found.git("branch", "--format=%(refname:short)"))
    return found


def test_missing_contents_are_named_with_what_fetches_them_and_nothing_is_fetched_by_us(
    brain: BrainCommand, inside: Inside, partial: Repository
) -> None:
    (partial.folder / "x").write_text("a work tree that is not empty\n")
    inside.run(brain, "sources", "add", "wiki", "--path", str(partial.folder))
    partial.git("cat-file", "-p", "HEAD:README.md")  # of one file git fetches what it is asked for
    objects = sorted((partial.folder / ".git" / "objects").rglob("*"))
    for flags in [("--dry-run",), (), ("--full",)]:
        [row] = checked(inside.run(brain, "sync", "--all", *flags, "--json", code=1), "sync")["sources"]
        assert (row["status"], row["error_code"]) == ("error", "not_a_repository")
        assert "partial clone" in row["error"]
        assert "git fetch --refetch --no-filter" in row["hint"]
    assert sorted((partial.folder / ".git" / "objects").rglob("*")) == objects
    assert ask(brain.url or "", "SELECT bookmark_commit FROM gbrain.states") == [(None,)]
    partial.git("fetch", "-q", "--refetch", "--no-filter")
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert row["status"] == "ok"
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out
