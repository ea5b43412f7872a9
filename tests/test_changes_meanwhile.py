"""A source that is changed, archived, disabled or removed while it is being synced: that run ends and harms nothing."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain.app import syncing
from gbrain.domain.source import Source
from gbrain.services import registry
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked, checked_error
from support.driven import answered, driven, wait_until_stopped
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository

CHANGES = {
    "changed": ("set", "wiki", "--subdir", "docs"),
    "filtered": ("set", "wiki", "--exclude", "README.md"),
    "archived": ("archive", "wiki"),
    "disabled": ("disable", "wiki"),
    "removed": ("remove", "wiki", "--yes"),
}


@pytest.mark.parametrize("step", ["fetched", "planned", "staged", "committed"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_of_a_source_that_is_changed_meanwhile_ends_as_lease_lost(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh, step: str, change: str
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    repository.commit({"docs/late.md": "# Late\n", "README.md": "# Changed\n"})
    with driven(brain, "--stop", step) as process:
        wait_until_stopped(process)
        inside.run(brain, "sources", *CHANGES[change])
        process.send_signal(signal.SIGCONT)
        row = answered(process)["wiki"]
    done = step == "committed"
    assert (row["status"], row["error_code"]) in ([("ok", None)] if done else []) + [("error", "lease_lost")]
    match change:
        case "archived":
            inside.run(brain, "sources", "restore", "wiki")
        case "disabled":
            inside.run(brain, "sources", "enable", "wiki")
        case "removed":
            for table in ("pages", "texts", "ledger", "states", "runs", "sources"):
                assert ask(brain.url or "", f"SELECT count(*) FROM gbrain.{table}") == [(0,)]
            inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    assert fresh.differences(brain) == []


@pytest.mark.parametrize(("put_away", "code"), [("archived_at = now()", "lease_lost"), ("enabled = false", "disabled")])
def test_a_source_put_away_before_its_lease_is_taken_is_not_written(
    brain: BrainCommand,
    repository: Repository,
    inside: Inside,
    monkeypatch: pytest.MonkeyPatch,
    put_away: str,
    code: str,
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    chosen = syncing.chosen

    async def chosen_and_put_away(*arguments: Any, **named: Any) -> list[Source]:
        found = await chosen(*arguments, **named)
        with psycopg.connect(brain.url or "") as conn:
            conn.execute(f"UPDATE gbrain.sources SET {put_away}".encode())
        return found

    monkeypatch.setattr(syncing, "chosen", chosen_and_put_away)
    [row] = checked(inside.run(brain, "sync", "--all", "--json", code=None), "sync")["sources"]
    assert row["error_code"] == code
    assert ask(brain.url or "", "SELECT pages FROM gbrain.states") == [(0,)]


def test_settings_are_checked_against_those_that_another_process_has_given_meanwhile(
    brain: BrainCommand, repository: Repository, inside: Inside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Repository.create(tmp_path / "other", {"page.md": "# Page\n"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    looked = registry.checked

    async def and_then_moved(*arguments: Any, **named: Any) -> dict[str, Any]:
        monkeypatch.setattr(registry, "checked", looked)
        fields = await looked(*arguments, **named)
        with psycopg.connect(brain.url or "") as conn:
            conn.execute(
                "UPDATE gbrain.sources SET path = %s, settings_version = settings_version + 1",
                (str(other.folder).encode(),),
            )
        return fields

    monkeypatch.setattr(registry, "checked", and_then_moved)
    error = checked_error(inside.run(brain, "sources", "set", "wiki", "--subdir", "docs", "--json", code=2), "usage")
    assert "docs" in error["message"]
    assert ask(brain.url or "", "SELECT subdir FROM gbrain.sources") == [(None,)]
