"""Killed at any step, or told to end: nothing is wrong afterwards, and the next sync works at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from gbrain.domain.steps import Step
from support.commands import BrainCommand
from support.databases import ask, copy_of
from support.driven import answered, children_of, driven, killed, poll, wait_until_stopped
from support.repositories import Repository
from support.rows import differences, rows
from support.servers import Server

_OF_A_BATCH = (Step.STAGED, Step.PROVED, Step.MERGED, Step.COMMITTED)
_STRIKES = [(step, 3 if step in _OF_A_BATCH else 1) for step in Step]
_BATCH_ITEMS = 9


@dataclass(frozen=True)
class History:
    """A source with two commits, brains that stand before and after the first, and what a fresh brain has of each."""

    server: Server
    repository: Repository
    first: str
    second: str
    empty: str
    synced: str
    fresh: dict[str, dict]

    def stand_at(self, commit: str) -> None:
        self.repository.git("update-ref", "refs/heads/main", commit)

    def brain(self, home: Path, database: str) -> BrainCommand:
        return BrainCommand(home=home, url=self.server.url(copy_of(self.server, database)))


@pytest.fixture(scope="module")
def history(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history")
    repository = Repository.create(folder / "repository", _first_files())
    first = repository.git("rev-parse", "HEAD")
    empty, synced = new_database(), new_database()
    fresh = {}
    for database in (empty, synced):
        BrainCommand(home=folder / "home", url=server.url(database)).add("wiki", repository.folder)
    BrainCommand(home=folder / "home", url=server.url(synced)).run("sync", "--all", "--json")
    fresh[first] = rows(server.url(synced))
    repository.git("mv", "docs/page-03.md", "docs/moved.md")
    repository.git("mv", "docs/page-04.md", "archive.md")
    second = repository.commit(_second_files())
    unused = copy_of(server, empty)
    BrainCommand(home=folder / "home", url=server.url(unused)).run("sync", "--all", "--json", code=1)
    fresh[second] = rows(server.url(unused))
    return History(server, repository, first, second, empty, synced, fresh)


def _first_files() -> dict[str | bytes, bytes | str | None]:
    files = {f"docs/page-{n:02}.md": f"# Page {n}\n\nSee [next](page-{n + 1:02}.md).\n" for n in range(30)}
    return {**files, "same/b.md": "# B\n", "same/b.txt": "B\n", "docs/blob.md": b"\x00\x01"}


def _second_files() -> dict[str | bytes, bytes | str | None]:
    edited = {f"docs/page-{n:02}.md": f"# Page {n}\n\nEdited.\n" for n in range(10, 24)}
    gone = {f"docs/page-{n:02}.md": None for n in range(24, 28)}
    new = {f"new/page-{n:02}.md": f"# New {n}\n" for n in range(8)}
    slugs = {"same/B.md": "# The first in byte order\n", "same/b.md": None, "docs/blob.md": "# A page now\n"}
    return {**edited, **gone, **new, **slugs, "docs/page-28.md": "---\nbroken: [\n---\n"}


@pytest.mark.parametrize(("step", "nth"), _STRIKES)
def test_a_first_sync_killed_at_any_step_is_made_good_at_once_by_the_next(
    history: History, tmp_path: Path, step: Step, nth: int
) -> None:
    history.stand_at(history.first)
    brain = history.brain(tmp_path, history.empty)
    killed(brain, "--source", "wiki", "--batch-items", str(_BATCH_ITEMS), "--kill", step, "--nth", str(nth))
    _assert_made_good(brain, history.fresh[history.first], code=0)


@pytest.mark.parametrize(("step", "nth"), _STRIKES)
def test_an_incremental_sync_killed_at_any_step_is_made_good_at_once_by_the_next(
    history: History, tmp_path: Path, step: Step, nth: int
) -> None:
    history.stand_at(history.second)
    brain = history.brain(tmp_path, history.synced)
    killed(brain, "--source", "wiki", "--batch-items", str(_BATCH_ITEMS), "--kill", step, "--nth", str(nth))
    _assert_made_good(brain, history.fresh[history.second], code=1)


def test_a_kill_between_two_batches_keeps_what_was_committed_and_unsettles_the_source(
    history: History, tmp_path: Path
) -> None:
    history.stand_at(history.first)
    brain = history.brain(tmp_path, history.empty)
    killed(brain, "--batch-items", str(_BATCH_ITEMS), "--kill", "staged", "--nth", "3")
    assert ask(brain.url or "", "SELECT settled, bookmark_commit, pages FROM gbrain.states") == [(False, None, 17)]
    [row] = brain.run("sync", "--all", "--json").document["sources"]
    assert (row["sync_status"], row["added"]) == ("first_sync", 32 - 17)


def test_a_kill_half_way_to_a_commit_that_is_then_taken_back_leaves_nothing_of_it(
    history: History, tmp_path: Path
) -> None:
    history.stand_at(history.second)
    brain = history.brain(tmp_path, history.synced)
    killed(brain, "--batch-items", str(_BATCH_ITEMS), "--kill", "committed", "--nth", "3")
    assert differences(rows(brain.url or ""), history.fresh[history.first]) != []
    history.stand_at(history.first)
    _assert_made_good(brain, history.fresh[history.first], code=0)


def test_the_run_of_a_killed_process_is_closed_as_interrupted(history: History, tmp_path: Path) -> None:
    history.stand_at(history.first)
    brain = history.brain(tmp_path, history.empty)
    killed(brain, "--kill", "planned")
    brain.run("sync", "--all", "--json")
    found = ask(brain.url or "", "SELECT status, error_code, finished_at IS NOT NULL FROM gbrain.runs ORDER BY id")
    assert found == [("error", "interrupted", True), ("ok", None, True)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_midst_of_writing_ends_with_one_document_and_gives_the_lease_back(
    history: History, tmp_path: Path, number: signal.Signals
) -> None:
    history.stand_at(history.first)
    brain = history.brain(tmp_path, history.empty)
    with psycopg.connect(brain.url or "") as holder:
        holder.execute("LOCK TABLE gbrain.pages IN ACCESS EXCLUSIVE MODE")
        process = brain.start("sync", "--all", "--json")
        poll(lambda: _waiting_for_locks(history.server, brain), "the sync waits for the lock")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}[number], err.decode()
    assert json.loads(out)["error"]["code"] == {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}[number]
    assert ask(brain.url or "", "SELECT expires_at < clock_timestamp() FROM gbrain.leases") == [(True,)]
    said = ask(brain.url or "", "SELECT status, error_code, finished_at IS NOT NULL, error FROM gbrain.runs")
    assert said == [("error", "interrupted", True, "the run was interrupted")]
    _assert_made_good(brain, history.fresh[history.first], code=0)


def test_status_does_not_call_a_killed_run_running(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    with driven(brain, "--stop", "staged") as process:
        wait_until_stopped(process)
        [row] = brain.run("sources", "status", "--json").document["sources"]
        assert row["running"]["phase"] == "write"
    [row] = brain.run("sources", "status", "--json").document["sources"]
    assert row["running"] is None


def test_a_sync_survives_the_kill_of_an_idle_deriving_process(brain: BrainCommand, tmp_path: Path) -> None:
    repository = _large_repository(tmp_path / "repository")
    brain.add("wiki", repository.folder)
    with driven(brain, "--stop", "staged") as process:
        wait_until_stopped(process)
        for pid in poll(lambda: children_of(process.pid, "deriving_child"), "a deriving process"):
            os.kill(pid, signal.SIGKILL)
        process.send_signal(signal.SIGCONT)
        row = answered(process)["wiki"]
    assert (row["status"], row["error_code"], row["added"]) == ("ok", None, 6)


def test_a_deriving_process_killed_each_time_it_works_ends_the_run_with_a_row_that_says_so(
    brain: BrainCommand, tmp_path: Path
) -> None:
    repository = _large_repository(tmp_path / "repository")
    brain.add("wiki", repository.folder)
    process = brain.start("sync", "--all", "--json")
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        for pid in children_of(process.pid, "deriving_child"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err.decode()
    [row] = json.loads(out)["sources"]
    assert (row["status"], row["error_code"]) == ("error", "internal")
    assert "deriving process" in row["error"]
    assert "defect" not in row["hint"]
    brain.run("sync", "--all", "--json")


def _assert_made_good(brain: BrainCommand, fresh: dict, *, code: int) -> None:
    """By the installed command, without waiting for the dead holder's term of 30 s."""
    started = time.monotonic()
    brain.run("sync", "--source", "wiki", "--json", code=code)
    assert time.monotonic() - started < 15
    assert differences(rows(brain.url or ""), fresh) == []


def _large_repository(folder: Path) -> Repository:
    """Above the limit to which pages are derived in a thread: three batches."""
    return Repository.create(folder, {f"page-{n}.md": f"# Page {n}\n\n" + f"word {n} " * 130_000 for n in range(6)})


def _waiting_for_locks(server: Server, brain: BrainCommand) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    return bool(ask(server.url("postgres"), query, (brain.url or "").rpartition("/")[2]))
