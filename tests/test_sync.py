"""`gbrain sync` and what it leaves, through the installed command."""

from __future__ import annotations

from support.commands import BrainCommand
from support.repositories import Repository


def test_a_first_sync_brings_every_page_in_and_the_next_finds_nothing_new(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.add("wiki", repository.folder)
    first = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (first["status"], first["sync_status"], first["added"]) == ("ok", "first_sync", 2)
    assert first["to_revision"] == repository.git("rev-parse", "HEAD")
    again = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (again["status"], again["sync_status"], again["added"]) == ("ok", "up_to_date", 0)
