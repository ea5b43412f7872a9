"""The local model where another version of the program has filled the brain: replaced once, never back and forth."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.driven import poll
from support.vectors import embedding, pages

_BATCHES_THAT_WAIT = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
    "AND query LIKE '%%gbrain.models%%FOR KEY SHARE%%'"
)


@pytest.fixture
def filled(brain: BrainCommand, tmp_path: Path) -> BrainCommand:
    """A brain of 10 pages with the local model of this version."""
    brain = embedding(brain)
    brain.add("wiki", pages(tmp_path / "vault", 10))
    brain.run("sync", "--all")
    return brain


def _states(brain: BrainCommand) -> list[str]:
    """Of each model, the oldest first."""
    return [state for (state,) in ask(brain.url or "", "SELECT state FROM gbrain.models ORDER BY id")]


@pytest.mark.parametrize("command", [("sync", "--all"), ("embed",)], ids=" ".join)
def test_the_model_of_an_older_version_serves_until_that_of_this_one_is_filled(
    filled: BrainCommand, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ask(filled.url or "", "UPDATE gbrain.models SET fingerprint = sha256('older') RETURNING id")
    pages(tmp_path / "vault", 12)
    filled.run("sync", "--all", "--no-embed")
    assert _states(filled) == ["active", "filling"]
    filled.run(*command)
    assert _states(filled) == ["retired", "active"]
    assert ask(filled.url or "", "SELECT sum(pending) FROM gbrain.coverage") == [(0,)]
    assert filled.run("embed").out.endswith("nothing to embed; coverage 100.0 %\n")


def test_a_model_that_a_newer_version_has_replaced_does_not_come_back(filled: BrainCommand, tmp_path: Path) -> None:
    url = filled.url or ""
    ask(url, "UPDATE gbrain.models SET fingerprint = sha256('newer') RETURNING id")
    filled.run("sync", "--all")
    [(ours,), (newer,)] = ask(url, "SELECT fingerprint FROM gbrain.models ORDER BY state")
    for state, fingerprint in (("active", newer), ("retired", ours)):
        ask(url, "UPDATE gbrain.models SET fingerprint = %s WHERE state = %s RETURNING id", fingerprint, state)
    pages(tmp_path / "vault", 12)
    for _ in range(2):
        [row] = filled.run("sync", "--all", "--json").document["sources"]
        assert (row["status"], row["embeddings_pending"]) == ("ok", 2)
        assert _states(filled) == ["retired", "active"]
    assert "was made by another version of the local embedder" in filled.run("embed", code=None).err


def test_a_registry_that_somebody_locks_holds_up_a_first_sync_and_does_not_fail_it(
    brain: BrainCommand, tmp_path: Path
) -> None:
    brain = embedding(brain)
    brain.add("wiki", pages(tmp_path / "vault", 3))
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("LOCK TABLE gbrain.models IN EXCLUSIVE MODE")
        running = brain.start("sync", "--all", "--json")
        poll(lambda: ask(brain.url or "", _BATCHES_THAT_WAIT) != [(0,)], "nothing is registered, and a batch waits")
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    [row] = json.loads(out)["sources"]
    assert (row["status"], row["embeddings_pending"]) == ("ok", 0)
    assert ask(brain.url or "", "SELECT state FROM gbrain.models") == [("active",)]
