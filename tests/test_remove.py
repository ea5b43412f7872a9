"""`gbrain sources remove`: the mirrors keep nothing of the source, and all of what others have in them."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest

from gbrain.git.lock import held
from support.commands import BrainCommand
from support.inside import Inside
from support.repositories import Repository


@pytest.fixture
def remote(tmp_path: Path, repository: Repository) -> Path:
    """A bare repository to fetch from."""
    return repository.bare_clone(tmp_path / "remote.git")


def _mirrors(brain: BrainCommand) -> list[Path]:
    return sorted((brain.home / "mirrors").iterdir())


def _sources_in(mirror: Path) -> set[str]:
    listed = Repository(mirror).git("for-each-ref", "--format=%(refname)")
    return {line.split("/")[2] for line in listed.splitlines()}


def _checkout(repository: Repository, remote: Path, *options: str) -> Path:
    folder = remote.with_name("checkout")
    repository.git("clone", "-q", *options, f"file://{remote}", str(folder))
    return folder


def test_the_mirror_of_a_url_goes_with_its_only_source(brain: BrainCommand, inside: Inside, remote: Path) -> None:
    inside.run(brain, "sources", "add", "wiki", "--url", str(remote))
    inside.run(brain, "sync", "--all")
    assert len(_mirrors(brain)) == 2
    inside.run(brain, "sources", "remove", "wiki", "--yes")
    assert _mirrors(brain) == []


def test_the_mirror_that_borrows_from_a_checkout_goes_though_the_checkout_is_gone(
    brain: BrainCommand, inside: Inside, repository: Repository, remote: Path
) -> None:
    checkout = _checkout(repository, remote)
    inside.run(brain, "sources", "add", "wiki", "--path", str(checkout))
    repository.commit({"new.md": "# New\n"})
    repository.git("push", "-q", str(remote), "main")
    inside.run(brain, "sync", "--all")
    assert len(_mirrors(brain)) == 2
    shutil.rmtree(checkout)
    inside.run(brain, "sources", "remove", "wiki", "--yes")
    assert _mirrors(brain) == []


def test_of_a_mirror_that_others_use_only_the_refs_of_the_source_go(
    brain: BrainCommand, inside: Inside, repository: Repository, remote: Path
) -> None:
    for name in ("wiki", "wiki-2"):
        inside.run(brain, "sources", "add", name, "--url", f"file://{remote}")
    shallow = _checkout(repository, remote, "--depth=1")
    inside.run(brain, "sources", "add", "shallow", "--path", str(shallow))
    inside.run(brain, "sync", "--all")
    mirror = next(path for path in _mirrors(brain) if path.suffix == ".git")
    assert _sources_in(mirror) == {"wiki", "wiki-2", "shallow"}
    inside.run(brain, "sources", "remove", "wiki", "--yes")
    assert _sources_in(mirror) == {"wiki-2", "shallow"}
    inside.run(brain, "sources", "remove", "wiki-2", "--yes")
    assert _sources_in(mirror) == {"shallow"}
    row = inside.run(brain, "sync", "--all", "--no-pull", "--json").sources()["shallow"]
    assert row["sync_status"] == "up_to_date"
    inside.run(brain, "sources", "remove", "shallow", "--yes")
    assert _mirrors(brain) == []


def test_a_mirror_into_which_nothing_was_fetched_goes_and_so_does_a_damaged_one(
    brain: BrainCommand, inside: Inside, repository: Repository, remote: Path, tmp_path: Path
) -> None:
    Repository.create(tmp_path / "empty")
    inside.run(brain, "sources", "add", "empty", "--url", str(tmp_path / "empty"))
    inside.run(brain, "sources", "add", "damaged", "--url", str(remote))
    inside.run(brain, "sync", "--all", code=1)
    for mirror in _mirrors(brain):
        if mirror.suffix == ".git" and _sources_in(mirror):
            (mirror / "HEAD").write_text("nonsense")
            mirror.with_suffix(".fresh").mkdir()
    assert {path.suffix for path in _mirrors(brain)} == {".git", ".lock", ".fresh"}
    inside.run(brain, "sources", "remove", "empty", "--yes")
    inside.run(brain, "sources", "remove", "damaged", "--yes")
    assert _mirrors(brain) == []


def test_a_mirror_that_somebody_else_is_busy_with_is_left_and_the_source_is_removed(
    brain: BrainCommand, inside: Inside, remote: Path
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--url", str(remote))
    inside.run(brain, "sync", "--all")
    (lock,) = (path for path in _mirrors(brain) if path.suffix == ".lock")
    patience = mock.patch("gbrain.git.forgetting.PATIENCE", mock.Mock(total_seconds=lambda: 0.05))
    with lock.open("r+b") as file, patience:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = inside.run(brain, "sources", "remove", "wiki", "--yes")
    assert "a mirror still holds what the source fetched" in done.err
    assert inside.run(brain, "sources", "list", "--json").document["sources"] == []
    assert len(_mirrors(brain)) == 2


async def test_who_waits_for_a_lock_whose_file_goes_with_its_mirror_gets_that_of_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "mirror.lock"
    order = []

    async def second() -> None:
        async with held(path, patience=timedelta(seconds=20)):
            order.append("second")
            assert path.exists()
            with path.open("r+b") as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    async with held(path, patience=timedelta(seconds=20)):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        order.append("first")
        path.unlink()
    await waiting
    assert order == ["first", "second"]
