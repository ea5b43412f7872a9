"""Leases: their lock modes on both majors, who may take one from whom, and how a process holds its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from gbrain.domain.lease import Holder, Lease
from gbrain.errors import DatabaseUnusable, LeaseLost
from gbrain.machine.process import started_at, steady_seconds, this_process
from gbrain.postgres.pool import Connection, connect, open_pool
from gbrain.services.leasing import LeaseKeeper
from gbrain.store.statements import statements
from support.commands import BrainCommand
from support.databases import ask
from support.driven import answered, driven, poll, wait_until_stopped
from support.repositories import Repository

SQL = statements("leases")
NAME = "gbrain-sync:wiki"
_ME = {"host": "here", "boot": "b", "pids": "p", "pid": 1, "started": "1", "seen_token": None}
_HOUR = timedelta(hours=1)


@pytest.fixture(params=[16, 18])
def database(request: pytest.FixtureRequest) -> str:
    """A brain with one lapsed lease, on each major."""
    end = "16" if request.param == 16 else ""
    url: str = request.getfixturevalue(f"server{end}").url(request.getfixturevalue(f"new_database{end}")())
    with psycopg.connect(url) as conn:
        conn.execute(SQL["create_lease"], {"name": NAME})
    return url


@pytest.fixture
def session(database: str) -> Iterator[Callable[[], psycopg.Connection]]:
    """Opens sessions in which nothing waits for more than five seconds."""
    opened: list[psycopg.Connection] = []

    def another() -> psycopg.Connection:
        opened.append(psycopg.connect(database, autocommit=True))
        opened[-1].execute("SET lock_timeout = '5s'")
        return opened[-1]

    yield another
    for conn in opened:
        conn.close()


@pytest.fixture
def wiki(brain: BrainCommand, repository: Repository) -> BrainCommand:
    """A brain with one source that was never synced."""
    brain.add("wiki", repository.folder)
    return brain


def test_a_renewal_passes_a_proof_in_flight(session: Callable[[], psycopg.Connection]) -> None:
    holder, renewing = session(), session()
    token = _take(holder)
    with holder.transaction():
        assert _prove(holder, token) == [(token,)]
        renewing.execute("SET lock_timeout = '200ms'")
        assert _renew(renewing, token) == [(NAME,)]


@pytest.mark.parametrize("statement", ["take_lapsed", "take_from_dead", "raise_token"])
def test_whoever_changes_the_token_waits_for_a_proof_in_flight(
    session: Callable[[], psycopg.Connection], statement: str
) -> None:
    holder, other = session(), session()
    token = _take(holder, timedelta(0))
    values = {"name": NAME, "term": _HOUR, **_ME, "seen_token": token}
    other.execute("SET lock_timeout = '200ms'")
    with holder.transaction():
        assert _prove(holder, token) == [(token,)]
        with pytest.raises(errors.LockNotAvailable):
            other.execute(SQL[statement], values)
    other.execute(SQL[statement], values)
    assert _prove(holder, token) == []
    assert _prove(holder, token + 1) == [(token + 1,)]


def test_a_take_over_judges_the_term_as_it_is_after_its_wait(
    session: Callable[[], psycopg.Connection], database: str
) -> None:
    holder, renewing, other = session(), session(), session()
    token = _take(holder, timedelta(0))
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(_take(other)))
    with holder.transaction():
        _prove(holder, token)
        waiting.start()
        blocked = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        poll(lambda: ask(database, blocked, other.info.backend_pid), "the take-over waits")
        assert _renew(renewing, token) == [(NAME,)]
    waiting.join(10)
    assert answers == [None]
    assert _prove(holder, token) == [(token,)]


def test_a_grant_lasts_from_the_moment_it_is_given_not_from_the_start_of_its_transaction(
    session: Callable[[], psycopg.Connection],
) -> None:
    conn = session()
    with conn.transaction():
        conn.execute("SELECT now(), pg_sleep(0.3)")
        assert _take(conn, timedelta(seconds=0.3)) == 1
        assert conn.execute(SQL["holder"], {"name": NAME}).fetchone() is not None


def test_a_term_that_ends_within_a_transaction_is_seen_to_have_ended(
    session: Callable[[], psycopg.Connection],
) -> None:
    holder, other = session(), session()
    _take(holder, timedelta(seconds=0.3))
    with other.transaction():
        assert _take(other) is None
        other.execute("SELECT pg_sleep(0.4)")
        assert _take(other) == 2


def test_a_renewal_keeps_only_what_still_has_its_token(session: Callable[[], psycopg.Connection]) -> None:
    conn = session()
    token = _take(conn)
    assert _renew(conn, token - 1) == []
    assert _renew(conn, token) == [(NAME,)]


def test_a_release_of_a_lost_lease_changes_nothing(session: Callable[[], psycopg.Connection]) -> None:
    conn = session()
    token = _take(conn)
    conn.execute(SQL["release"], {"name": NAME, "token": token - 1})
    assert _take(conn) is None
    conn.execute(SQL["release"], {"name": NAME, "token": token})
    assert _take(conn) == token + 1


def test_a_zombie_holder_is_replaced_at_once(wiki: BrainCommand) -> None:
    with _zombie() as holder:
        _give(wiki, holder, token=7)
        wiki.run("sync", "--source", "wiki", "--json")
    assert _token(wiki) == 8


def test_a_holder_that_is_gone_is_replaced_at_once(wiki: BrainCommand) -> None:
    _give(wiki, _gone(), token=7)
    wiki.run("sync", "--source", "wiki", "--json")
    assert _token(wiki) == 8


def test_a_holder_whose_pid_another_process_has_now_is_replaced_at_once(wiki: BrainCommand) -> None:
    _give(wiki, _like_me(started="1"), token=7)
    wiki.run("sync", "--source", "wiki", "--json")
    assert _token(wiki) == 8


@pytest.mark.parametrize("place", ["pids", "boot"])
def test_a_holder_in_another_place_has_its_whole_term_and_is_then_followed_under_a_higher_token(
    wiki: BrainCommand, place: str
) -> None:
    gone = _gone()
    elsewhere = _like_me(pid=gone.pid, started=gone.started, host="elsewhere", **{place: "another"})
    _give(wiki, elsewhere, token=7)
    row = wiki.run("sync", "--source", "wiki", "--json", code=5).sources()["wiki"]
    assert (row["status"], row["error_code"]) == ("busy", "lease_held")
    assert f"process {gone.pid} on elsewhere" in row["error"]
    _give(wiki, elsewhere, token=7, term=timedelta(seconds=1))
    poll(lambda: wiki.run("sync", "--source", "wiki", "--json", code=None).code == 0, "the term ends", within_s=10)
    assert _token(wiki) == 8


def test_a_living_holder_is_left_alone(wiki: BrainCommand) -> None:
    _give(wiki, _like_me(), token=7)
    wiki.run("sync", "--source", "wiki", "--json", code=5)
    assert _token(wiki) == 7


def test_of_two_syncs_of_one_source_at_once_one_works_and_the_other_names_it(wiki: BrainCommand) -> None:
    with psycopg.connect(wiki.url or "") as locking:
        locking.execute("LOCK TABLE gbrain.pages IN ACCESS EXCLUSIVE MODE")
        both = [wiki.start("sync", "--source", "wiki", "--json") for _ in range(2)]
        poll(lambda: any(process.poll() is not None for process in both), "one of them ends")
        loser, winner = sorted(both, key=lambda process: process.poll() is None)
        assert (loser.returncode, winner.poll()) == (5, None)
    [busy] = json.loads(loser.communicate()[0])["sources"]
    assert (busy["status"], busy["error_code"]) == ("busy", "lease_held")
    assert f"process {winner.pid} on {this_process().host}" in busy["error"]
    [row] = json.loads(winner.communicate()[0])["sources"]
    assert (winner.returncode, row["status"], row["added"]) == (0, "ok", 2)


def test_beside_a_sync_of_one_source_the_others_go_on_and_its_own_row_is_busy(
    wiki: BrainCommand, tmp_path: Path
) -> None:
    other = Repository.create(tmp_path / "other", {"a.md": "# A\n"})
    wiki.add("other", other.folder)
    with driven(wiki, "--source", "wiki", "--stop", "planned") as holder:
        wait_until_stopped(holder)
        found = wiki.run("sync", "--all", "--json").sources()
        assert {name: row["status"] for name, row in found.items()} == {"wiki": "busy", "other": "ok"}
        quietly = wiki.run("-q", "sync", "--all")
        assert (quietly.out, quietly.err) == ("", "")
        said = wiki.run("-q", "sync", "--source", "wiki", code=5).out
        assert f"process {holder.pid} on {this_process().host}" in said


def test_removing_a_source_ends_its_run_as_lease_lost_with_nothing_left_behind(wiki: BrainCommand) -> None:
    with driven(wiki, "--source", "wiki", "--stop", "planned") as holder:
        wait_until_stopped(holder)
        wiki.run("sources", "remove", "wiki", "--yes")
        holder.send_signal(signal.SIGCONT)
        row = answered(holder)["wiki"]
    assert (row["status"], row["error_code"], row["added"]) == ("error", "lease_lost", 0)
    for table in ("sources", "states", "runs", "pages", "texts", "chunks", "links", "ledger"):
        assert ask(wiki.url or "", f"SELECT count(*) FROM gbrain.{table}") == [(0,)], table


def test_a_source_that_is_registered_again_goes_on_with_its_token(wiki: BrainCommand, repository: Repository) -> None:
    wiki.run("sync", "--source", "wiki")
    before = _token(wiki)
    wiki.run("sources", "remove", "wiki", "--yes")
    wiki.add("wiki", repository.folder)
    wiki.run("sync", "--source", "wiki")
    assert _token(wiki) > before + 1


async def test_an_error_of_a_renewal_is_not_a_loss(wiki: BrainCommand) -> None:
    async with _holding(wiki, timedelta(seconds=1.5), _connecting(wiki)) as (keeper, lease), keeper.hold(lease):
        first = await _renewed_after(wiki, _expiry(wiki))
        terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'renewals'"
        assert ask(wiki.url or "", terminate) == [(True,)]
        second = await _renewed_after(wiki, first)
        await _renewed_after(wiki, second)


async def test_a_renewal_that_finds_another_token_cancels_the_work_long_before_the_term_ends(
    wiki: BrainCommand,
) -> None:
    async with _holding(wiki, timedelta(seconds=6), _connecting(wiki)) as (keeper, lease):
        since = steady_seconds()
        ask(wiki.url or "", "UPDATE gbrain.leases SET token = token + 1 RETURNING token")
        with pytest.raises(LeaseLost):
            await _hold_for_ever(keeper, lease)
        assert steady_seconds() - since < 4


async def test_a_holder_that_cannot_renew_stops_before_anybody_may_follow_it(wiki: BrainCommand) -> None:
    async def refused() -> Connection:
        raise DatabaseUnusable("no answer")

    async with _holding(wiki, timedelta(seconds=1), refused) as (keeper, lease):
        with pytest.raises(LeaseLost):
            await _hold_for_ever(keeper, lease)
        assert ask(wiki.url or "", "SELECT expires_at > clock_timestamp() FROM gbrain.leases") == [(True,)]


def _take(conn: psycopg.Connection, term: timedelta = _HOUR) -> int | None:
    row = conn.execute(SQL["take_lapsed"], {"name": NAME, "term": term, **_ME}).fetchone()
    return None if row is None else int(row[0])


def _prove(conn: psycopg.Connection, token: int | None) -> list[tuple]:
    return conn.execute(SQL["prove"], {"name": NAME, "token": token}).fetchall()


def _renew(conn: psycopg.Connection, token: int | None) -> list[tuple]:
    return conn.execute(SQL["renew"], {"names": [NAME], "tokens": [token], "term": _HOUR}).fetchall()


def _like_me(**other: Any) -> Holder:
    me = this_process()
    mine = {"host": me.host, "boot": me.boot, "pids": me.pids, "pid": me.pid, "started": me.started}
    return Holder(**(mine | other))


def _gone() -> Holder:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        return _like_me(pid=process.pid, started=started_at(process.pid))


@contextmanager
def _zombie() -> Iterator[Holder]:
    """A process that has ended and is waited for only when the block ends."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        holder = _like_me(pid=process.pid, started=started_at(process.pid))
        assert process.stdin is not None
        process.stdin.close()
        stat = Path(f"/proc/{holder.pid}/stat")
        poll(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "the process is a zombie")
        yield holder


def _give(brain: BrainCommand, holder: Holder, *, token: int, term: timedelta = _HOUR) -> None:
    query = """UPDATE gbrain.leases SET token = %s, expires_at = clock_timestamp() + %s, holder_host = %s,
        holder_boot = %s, holder_pids = %s, holder_pid = %s, holder_started = %s RETURNING name"""
    values = (token, term, holder.host, holder.boot, holder.pids, holder.pid, holder.started)
    assert ask(brain.url or "", query, *values) == [(NAME,)]


def _token(brain: BrainCommand) -> int:
    [(token,)] = ask(brain.url or "", "SELECT token FROM gbrain.leases WHERE name = %s", NAME)
    return int(token)


def _connecting(brain: BrainCommand) -> Callable[[], Any]:
    return lambda: connect(f"{brain.url}?application_name=renewals")


@asynccontextmanager
async def _holding(
    brain: BrainCommand, term: timedelta, connecting: Callable[[], Any]
) -> AsyncIterator[tuple[LeaseKeeper, Lease]]:
    """A keeper that renews, and the lease it has taken."""
    async with open_pool(brain.url or "", size=1) as pool, asyncio.TaskGroup() as group:
        keeper = LeaseKeeper(connect=connecting, me=this_process(), term=term)
        renewing = group.create_task(keeper.run())
        lease = await keeper.take(pool, NAME)
        assert isinstance(lease, Lease)
        yield keeper, lease
        renewing.cancel()


async def _hold_for_ever(keeper: LeaseKeeper, lease: Lease) -> None:
    async with keeper.hold(lease):
        await asyncio.Event().wait()


def _expiry(brain: BrainCommand) -> list[tuple]:
    return ask(brain.url or "", "SELECT expires_at FROM gbrain.leases")


async def _renewed_after(brain: BrainCommand, before: list[tuple]) -> list[tuple]:
    """The new expiry, once the lease was renewed."""
    await asyncio.to_thread(poll, lambda: _expiry(brain) != before, "the lease is renewed", within_s=10)
    return _expiry(brain)
