"""How many sources write at once is what was asked for, as the server sees it, be it served or embedded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from gbrain.postgres.embedded import EmbeddedServer
from support.commands import BrainCommand
from support.databases import ask
from support.driven import poll
from support.repositories import Repository
from support.servers import Server

_SOURCES = 6


@pytest.fixture(scope="module")
def served(
    server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[BrainCommand, str]:
    """A served brain of six sources, and how to reach its database."""
    folder = tmp_path_factory.mktemp("served")
    url = server.url(new_database())
    return _with_sources(BrainCommand(home=folder / "home", url=url), folder), url


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BrainCommand, str]]:
    """An embedded brain of six sources, whose server runs for as long as the module, and how to reach it."""
    folder = tmp_path_factory.mktemp("embedded")
    brain = BrainCommand(home=folder / "home")
    brain.run("init")
    with EmbeddedServer.open(brain.home, say=print) as running:
        yield _with_sources(brain, folder), running.conninfo
    brain.destroy()


@pytest.mark.parametrize("parallel", [1, 2, 4])
@pytest.mark.parametrize("kind", ["served", "embedded"])
def test_exactly_as_many_sources_write_at_once_as_asked_for(
    request: pytest.FixtureRequest, kind: str, parallel: int
) -> None:
    brain, conninfo = request.getfixturevalue(kind)
    with _pages_locked(conninfo):
        process = brain.start("sync", "--all", "--full", "--parallel", str(parallel), "--json")
        most_waiting, most_connected = _watch(conninfo, parallel)
        assert process.poll() is None
    out, err = process.communicate(timeout=60)
    document = json.loads(out)
    assert (process.returncode, document["ok_count"], document["parallel"]) == (0, _SOURCES, parallel), err.decode()
    assert most_waiting == parallel
    assert most_connected <= parallel + 2
    assert document["connections_peak"] <= parallel + 2


def _watch(conninfo: str, parallel: int) -> tuple[int, int]:
    """The most sessions that waited for a lock and that there were, until as many as asked for waited for a second."""
    most_waiting = most_connected = 0
    since = time.monotonic()

    def is_steady() -> bool:
        nonlocal most_waiting, most_connected, since
        waiting, connected = _sessions(conninfo)
        most_waiting, most_connected = max(most_waiting, waiting), max(most_connected, connected)
        if waiting < parallel:
            since = time.monotonic()
        return time.monotonic() - since > 1

    poll(is_steady, f"{parallel} sources wait for the lock")
    return most_waiting, most_connected


def _sessions(conninfo: str) -> tuple[int, int]:
    query = """SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) FROM pg_stat_activity
        WHERE application_name = 'gbrain' AND datname = current_database()"""
    [(waiting, connected)] = ask(conninfo, query)
    return waiting, connected


@contextmanager
def _pages_locked(conninfo: str) -> Iterator[None]:
    with psycopg.connect(conninfo) as conn:
        conn.execute("LOCK TABLE gbrain.pages IN ACCESS EXCLUSIVE MODE")
        yield


def _with_sources(brain: BrainCommand, folder: Path) -> BrainCommand:
    for number in range(_SOURCES):
        repository = Repository.create(folder / f"repository-{number}", {"a.md": f"# {number}\n"})
        brain.add(f"source-{number}", repository.folder)
    return brain
