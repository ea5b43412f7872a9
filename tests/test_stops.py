"""A holder that is stopped holds nobody up, and writes nothing when it is continued after its term."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gbrain.domain.steps import Step
from support.commands import BrainCommand
from support.databases import ask, copy_of
from support.driven import answered, driven, poll, wait_until_stopped
from support.repositories import Repository
from support.rows import differences, rows
from support.servers import Server

_TERM_S = 2
_STOPS = {
    "in COPY": ["--stop-in-copy", "--nth", "3"],
    "between COPY and proof": ["--stop", Step.STAGED],
    "between proof and commit": ["--stop", Step.MERGED],
}


@pytest.mark.parametrize("where", _STOPS)
def test_the_successor_of_a_stopped_holder_has_written_within_the_term_plus_five_seconds(
    server: Server, new_database: Callable[[], str], repository: Repository, tmp_path: Path, where: str
) -> None:
    _overtake_a_stopped_holder(server, new_database(), repository, tmp_path, _STOPS[where], where)


def test_so_it_has_on_the_oldest_postgresql(
    server16: Server, new_database16: Callable[[], str], repository: Repository, tmp_path: Path
) -> None:
    where = "between proof and commit"
    _overtake_a_stopped_holder(server16, new_database16(), repository, tmp_path, _STOPS[where], where)


def test_a_holder_stopped_before_it_records_its_run_leaves_what_its_successor_recorded(
    server: Server, new_database: Callable[[], str], repository: Repository, tmp_path: Path
) -> None:
    strike = ["--stop", Step.BOOKMARKED]
    _overtake_a_stopped_holder(server, new_database(), repository, tmp_path, strike, "bookmarked")


def test_a_holder_that_never_doubts_its_lease_is_fenced_out_by_the_proof_alone(
    server: Server, new_database: Callable[[], str], repository: Repository, tmp_path: Path
) -> None:
    strike = ["--stop", Step.STAGED, "--batch-items", "1", "--never-doubt"]
    _overtake_a_stopped_holder(server, new_database(), repository, tmp_path, strike, "between COPY and proof")


def test_a_holder_stopped_for_less_than_its_term_goes_on(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    with driven(brain, "--source", "wiki", "--stop", "planned") as holder:
        wait_until_stopped(holder)
        holder.send_signal(signal.SIGCONT)
        assert answered(holder)["wiki"]["status"] == "ok"


def _overtake_a_stopped_holder(
    server: Server, database: str, repository: Repository, folder: Path, strike: list[str], where: str
) -> None:
    brain = BrainCommand(home=folder / "home", url=server.url(database))
    brain.configure(f'lease_term = "{_TERM_S}s"\n')
    brain.add("wiki", repository.folder)
    untouched = BrainCommand(home=folder / "fresh", url=server.url(copy_of(server, database)))
    with driven(brain, "--source", "wiki", *strike) as holder:
        wait_until_stopped(holder)
        stopped_at = time.monotonic()
        assert (where == "in COPY") == _is_in_copy(server, database)
        newer = repository.commit({"docs/guide.md": "# Guide\n\nAnother.\n", "new.md": "# New\n"})
        poll(lambda: _has_synced(brain), "the successor writes", within_s=_TERM_S + 5)
        assert time.monotonic() - stopped_at < _TERM_S + 5
        untouched.run("sync", "--source", "wiki", "--json")
        fresh, kept = rows(untouched.url or ""), _kept(brain)
        assert fresh["states"][0][1] == newer
        assert differences(rows(brain.url or ""), fresh) == []
        holder.send_signal(signal.SIGCONT)
        row = answered(holder)["wiki"]
    assert (row["status"], row["error_code"]) == ("error", "lease_lost")
    assert differences(rows(brain.url or ""), fresh) == []
    assert _kept(brain) == kept


def _has_synced(brain: BrainCommand) -> bool:
    done = brain.run("sync", "--source", "wiki", "--json", code=None)
    assert done.code in (0, 5), done
    return done.code == 0


def _is_in_copy(server: Server, database: str) -> bool:
    query = "SELECT FROM pg_stat_progress_copy WHERE datname = %s AND command = 'COPY FROM'"
    return bool(ask(server.url("postgres"), query, database))


def _kept(brain: BrainCommand) -> list[tuple]:
    """What a source remembers of its last attempt, and its runs, the times of the successor's included."""
    attempt = ask(brain.url or "", "SELECT last_attempt_at, last_attempt_status, last_sync_at FROM gbrain.states")
    runs = ask(brain.url or "", "SELECT id, status, error_code, finished_at, to_revision FROM gbrain.runs ORDER BY id")
    return [*attempt, *runs]
