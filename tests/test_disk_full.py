"""A full disk under the embedded brain: said as such, never a hang, and all is well once there is room."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from embedded.conftest import mounted
from gbrain.postgres.paths import places_of
from support.commands import BrainCommand
from support.repositories import Repository


@pytest.fixture
def disk(embedded_brain: BrainCommand) -> Iterator[Path]:
    """The folder of the brain's database, a file system of its own with room for little more than an empty brain."""
    embedded_brain.home.mkdir(mode=0o700)
    folder = places_of(embedded_brain.home).base
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not mounted(folder, "76m"):
        pytest.skip("this user may not mount a file system")
    try:
        embedded_brain.run("init")
        yield folder
    finally:
        embedded_brain.run("destroy", "--yes", code=None)
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


PAGES = 40
"""Of a large repository: 20 kB each, and half as much again as there is room for all together."""


def large(folder: Path, seed: int) -> Repository:
    """Some 800 kB of words that are all different, which the database needs many times as much room for."""
    words = random.Random(seed)
    pages = {
        f"page-{n}.md": f"# {n}\n\n" + " ".join(f"{words.getrandbits(32):08x}" for _ in range(2200))
        for n in range(PAGES)
    }
    return Repository.create(folder, pages)


def enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)


def told_of_a_full_disk(brain: BrainCommand) -> list[dict[str, Any]]:
    """The rows of a sync that ran into the full disk; none where it could not do anything at all."""
    completed = brain.run("sync", "--all", "--json", code=None)
    if completed.code == 6:
        assert completed.document["error"]["code"] == "disk_full", completed
        return []
    assert completed.code == 1, completed
    rows: list[dict[str, Any]] = completed.document["sources"]
    assert {(row["status"], row["error_code"]) for row in rows} == {("error", "disk_full")}, completed
    return rows


def test_a_sync_that_does_not_fit_says_so_and_the_next_with_more_room_goes_on(
    disk: Path, embedded_brain: BrainCommand, tmp_path: Path
) -> None:
    for seed, name in enumerate(("one", "two")):
        embedded_brain.add(name, large(tmp_path / name, seed).folder)
    committed = sum(row["added"] for row in told_of_a_full_disk(embedded_brain))
    again = told_of_a_full_disk(embedded_brain)
    committed += sum(row["added"] for row in again)
    enlarge(disk)
    rows = embedded_brain.run("sync", "--all", "--json").document["sources"]
    assert {row["status"] for row in rows} == {"ok"}
    assert committed + sum(row["added"] for row in rows) == 2 * PAGES, "a count is of what was committed"
    embedded_brain.run("sources", "verify", "--all")


def test_where_nothing_at_all_can_be_written_every_command_says_so(
    disk: Path, embedded_brain: BrainCommand, repository: Repository
) -> None:
    embedded_brain.add("wiki", repository.folder)
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    assert told_of_a_full_disk(embedded_brain) == []
    completed = embedded_brain.run("sources", "add", "more", "--path", str(repository.folder), "--json", code=6)
    assert completed.document["error"]["code"] == "disk_full"
    (disk / "filler").unlink()
    embedded_brain.run("sync", "--all")
    embedded_brain.run("sources", "verify", "--all")
