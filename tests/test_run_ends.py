"""How runs end that are cut off: by locks of others, by a lost lease, by cancelling, by errors in company."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import psycopg
import pytest

from gbrain.chunking.kinds import kind_of
from gbrain.domain.lease import Lease
from gbrain.domain.outcome import Code, Status
from gbrain.domain.plan import Rules, Write
from gbrain.domain.steps import Step
from gbrain.domain.tree import TreeEntry
from gbrain.errors import DatabaseUnusable, DiskFull, GbrainError, LeaseLost, PathTwice, SchemaTooNew
from gbrain.git.process import GitError
from gbrain.machine.process import steady_seconds, this_process
from gbrain.postgres.pool import Connection, Pool, connect, open_pool
from gbrain.services.cancelling import let_through
from gbrain.services.leasing import LeaseKeeper
from gbrain.services.planning import plan_afresh
from gbrain.services.troubles import trouble_of
from gbrain.services.windows import windows
from gbrain.spool.spool import Spool
from gbrain.store import leases, sources
from gbrain.store.connection import answering
from support.commands import BrainCommand
from support.databases import ask
from support.driven import poll
from support.driver import pieces_of, sync
from support.repositories import Repository

WIKI, OTHER = "gbrain-sync:wiki", "gbrain-sync:other"
ANSWER = "gbrain.store.connection.ANSWER_SECONDS"


@pytest.fixture
def wiki(brain: BrainCommand, repository: Repository) -> BrainCommand:
    """A brain with one source that was never synced."""
    brain.add("wiki", repository.folder)
    return brain


def test_a_sync_whose_reads_wait_for_somebody_elses_lock_ends_with_a_database_error(
    wiki: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ANSWER, 0.5)
    with psycopg.connect(wiki.url or "") as locking:
        locking.execute("LOCK TABLE gbrain.pages IN ACCESS EXCLUSIVE MODE")
        [row] = sync(wiki.env(), source="wiki")
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        assert ask(wiki.url or "", waiting) == [(0,)]
    assert row.trouble is not None
    assert (row.status, row.trouble.code) == (Status.ERROR, Code.DATABASE)
    assert row.trouble.message == "the database gave no answer for 0.5 s"
    assert _runs(wiki) == [("error", "database", 0)]


def test_a_lock_on_the_leases_ends_the_wait_for_one(wiki: BrainCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ANSWER, 0.5)
    with psycopg.connect(wiki.url or "") as locking:
        locking.execute("SELECT FROM gbrain.leases FOR UPDATE")
        [row] = sync(wiki.env(), source="wiki")
    assert row.trouble is not None
    assert row.trouble.code is Code.DATABASE


async def test_a_lease_lost_while_the_database_is_asked_is_not_taken_for_its_silence(wiki: BrainCommand) -> None:
    async with _keeper(wiki, timedelta(seconds=0.4), _never) as (keeper, pool):
        lease = await _taken(keeper, pool, WIKI)
        since = steady_seconds()
        with pytest.raises(LeaseLost):
            async with keeper.hold(lease), answering(pool) as conn:
                await conn.execute("SELECT pg_sleep(30)")
        assert steady_seconds() - since < 5


async def test_a_locked_lease_row_does_not_keep_the_others_from_being_renewed(wiki: BrainCommand) -> None:
    ask(wiki.url or "", "INSERT INTO gbrain.leases SELECT %s, 0, 'epoch', '', '', '', 0, '' RETURNING name", OTHER)
    async with _keeper(wiki, timedelta(seconds=3), _connecting(wiki)) as (keeper, pool):
        locked, free = await _taken(keeper, pool, WIKI), await _taken(keeper, pool, OTHER)
        async with keeper.hold(locked), keeper.hold(free):
            with psycopg.connect(wiki.url or "") as locking:
                locking.execute("SELECT FROM gbrain.leases WHERE name = %s FOR UPDATE", (WIKI,))
                before = _expiry(wiki, WIKI)
                await _renewed(wiki, OTHER)
                assert _expiry(wiki, WIKI) == before
            await _renewed(wiki, WIKI)


async def test_a_renewal_that_the_server_refuses_for_any_reason_is_tried_again(wiki: BrainCommand) -> None:
    modes = iter(["on", "off"])

    async def first_read_only() -> Connection:
        mode = next(modes, "off")
        return await connect(f"{wiki.url}?options=-cdefault_transaction_read_only%3D{mode}")

    async with _keeper(wiki, timedelta(seconds=1.5), first_read_only) as (keeper, pool):
        async with keeper.hold(await _taken(keeper, pool, WIKI)):
            await _renewed(wiki, WIKI)
        assert next(modes, None) is None


async def test_a_removal_ends_the_run_before_it_deletes_and_waits_without_end_for_nobody(
    wiki: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(before,)] = ask(wiki.url or "", "SELECT token FROM gbrain.leases")
    monkeypatch.setitem(sources.SQL, "bound_removal", sources.SQL["bound_removal"].replace(b"'60s'", b"'500ms'"))
    with psycopg.connect(wiki.url or "") as locking:
        locking.execute("LOCK TABLE gbrain.links IN ACCESS EXCLUSIVE MODE")
        async with await connect(wiki.url or "") as conn:
            with pytest.raises(psycopg.errors.LockNotAvailable):
                await asyncio.wait_for(sources.remove(conn, "wiki"), 20)
    assert ask(wiki.url or "", "SELECT token > %s FROM gbrain.leases", before) == [(True,)]
    assert ask(wiki.url or "", "SELECT id FROM gbrain.sources") == [("wiki",)]


def test_a_run_that_its_lease_runs_out_on_tells_what_it_had_committed(
    wiki: BrainCommand, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiki.run("sync", "--source", "wiki")
    before = repository.git("rev-parse", "HEAD").strip()
    repository.commit({"a.md": "# A\n", "b.md": "# B\n"})
    monkeypatch.setattr(LeaseKeeper, "_trust", 1.5)
    monkeypatch.setattr(LeaseKeeper, "run", lambda keeper: asyncio.Event().wait())
    ask(wiki.url or "", "UPDATE gbrain.states SET failures_open = 3 RETURNING source_id")
    with psycopg.connect(wiki.url or "") as locking, pieces_of(1):

        def lock_after_the_first(source_id: str, step: Step) -> None:
            if step is Step.COMMITTED:
                locking.execute("LOCK TABLE gbrain.pages IN ACCESS EXCLUSIVE MODE")

        [row] = sync(wiki.env(), source="wiki", probe=lock_after_the_first)
    assert row.trouble is not None
    assert (row.trouble.code, row.counts.added, row.from_revision, row.failures_open) == (
        Code.LEASE_LOST,
        1,
        before,
        3,
    )
    assert _runs(wiki)[-1] == ("error", "lease_lost", 1)


def test_a_lease_row_that_is_missing_is_made_again(wiki: BrainCommand) -> None:
    ask(wiki.url or "", "DELETE FROM gbrain.leases RETURNING name")
    [row] = sync(wiki.env(), source="wiki")
    assert row.status is Status.OK


async def test_a_lease_row_that_can_neither_be_made_nor_taken_is_an_error(wiki: BrainCommand) -> None:
    with psycopg.connect(wiki.url or "") as conn:
        conn.execute("CREATE FUNCTION gbrain.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        conn.execute(
            "CREATE TRIGGER nothing BEFORE INSERT OR UPDATE ON gbrain.leases"
            " FOR EACH ROW EXECUTE FUNCTION gbrain.nothing()"
        )
    async with _keeper(wiki, timedelta(seconds=30), _never) as (keeper, pool):
        with pytest.raises(DatabaseUnusable, match="could neither be taken nor seen to be held"):
            await asyncio.wait_for(keeper.take(pool, WIKI), 10)


async def test_a_lease_under_a_newer_schema_is_given_back(wiki: BrainCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _keeper(wiki, timedelta(hours=1), _never) as (keeper, pool):
        with monkeypatch.context() as older:
            older.setattr("gbrain.store.schema.newest_version", lambda: 0)
            with pytest.raises(SchemaTooNew):
                await keeper.take(pool, WIKI)
        assert isinstance(await keeper.take(pool, WIKI), Lease)


async def test_a_grant_is_believed_from_when_it_was_asked_for(
    wiki: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = leases.take_lapsed

    async def slowly(*args: Any, **kwargs: Any) -> leases.Granted | None:
        granted = await take(*args, **kwargs)
        await asyncio.sleep(0.6)
        return granted

    monkeypatch.setattr(leases, "take_lapsed", slowly)
    async with _keeper(wiki, timedelta(seconds=0.6), _never) as (keeper, pool):
        lease = await _taken(keeper, pool, WIKI)
        with pytest.raises(LeaseLost):
            async with keeper.hold(lease):
                await asyncio.sleep(0.2)


@pytest.mark.parametrize("hidden_as", [None, RuntimeError("torn"), ExceptionGroup("", [RuntimeError("torn")])])
async def test_work_that_a_lost_lease_cancels_ends_as_lease_lost_whatever_it_makes_of_it(
    wiki: BrainCommand, hidden_as: Exception | None
) -> None:
    async with _keeper(wiki, timedelta(seconds=0.3), _never) as (keeper, pool):
        lease = await _taken(keeper, pool, WIKI)
        with pytest.raises(LeaseLost):
            await _hide_cancellation(keeper, lease, hidden_as)


def test_a_source_that_was_not_looked_at_still_tells_of_its_failures(wiki: BrainCommand) -> None:
    ask(wiki.url or "", "UPDATE gbrain.states SET failures_open = 3 RETURNING source_id")
    ask(wiki.url or "", "UPDATE gbrain.sources SET enabled = false RETURNING id")
    row = wiki.run("sync", "--all", "--json", code=1).sources()["wiki"]
    assert (row["status"], row["error_code"], row["failures_open"]) == ("skipped", "disabled", 3)


def test_cancelling_a_sync_is_not_swallowed_by_an_error_it_causes(
    wiki: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def torn(*args: Any, **kwargs: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("torn") from None

    monkeypatch.setattr("gbrain.services.acquiring.acquire", torn)
    with pytest.raises(asyncio.CancelledError):
        sync(wiki.env(), source="wiki")


async def test_what_a_group_holds_that_is_no_exception_passes() -> None:
    with pytest.raises(asyncio.CancelledError):
        let_through(BaseExceptionGroup("", [RuntimeError(), BaseExceptionGroup("", [asyncio.CancelledError()])]))
    with pytest.raises(BaseExceptionGroup):
        let_through(BaseExceptionGroup("", [KeyboardInterrupt()]))
    let_through(ExceptionGroup("", [RuntimeError()]))


class _At(NamedTuple):
    path: bytes


async def test_streams_are_closed_when_one_of_them_fails_or_their_reader_does() -> None:
    closed: list[str] = []

    async def stream(name: str, *, fails: bool = False) -> AsyncGenerator[list[_At], None]:
        try:
            yield [_At(b"a")]
            if fails:
                raise GitError("broken")
            yield [_At(b"b")]
        finally:
            closed.append(name)

    with pytest.raises(GitError):
        async for _ in windows(stream("1"), stream("2", fails=True), stream("3")):
            pass
    assert sorted(closed) == ["1", "2", "3"]

    async def entries() -> AsyncGenerator[list[TreeEntry], None]:
        try:
            yield [_entry(b"a.md"), _entry(b"a.md")]
        finally:
            closed.append("entries")

    with Spool() as spool, pytest.raises(PathTwice):
        await plan_afresh(spool, entries(), Rules(wanted=lambda path: bool(kind_of(path)), fingerprint=b"", full=False))
    assert closed[-1] == "entries"


def test_of_several_errors_the_one_that_explains_the_others_is_told() -> None:
    lost, full, silent = LeaseLost("lost"), DiskFull("full"), psycopg.OperationalError("gone")
    many: list[Exception] = [ValueError("defect"), GbrainError("other"), GitError("git"), silent, full, lost]
    told = []
    while many:
        told.append(_told(ExceptionGroup("", [ExceptionGroup("", many[:1]), *many[1:]])).code)
        many.pop()
    assert told == [Code.LEASE_LOST, Code.DISK_FULL, Code.DATABASE, Code.NOT_A_REPOSITORY, Code.INTERNAL, Code.INTERNAL]


def test_a_database_error_is_told_without_our_statement(wiki: BrainCommand) -> None:
    with psycopg.connect(wiki.url or "") as conn, pytest.raises(psycopg.Error, match="LINE 1") as caught:
        conn.execute("SELECT 1 WHERE NOT EXISTS (SELECT FROM nowhere)")
    assert _told(caught.value).message == 'the database: relation "nowhere" does not exist'


def test_a_tree_that_holds_a_path_twice_is_a_damaged_repository() -> None:
    with Spool() as spool, pytest.raises(PathTwice, match="holds a path twice") as caught:
        spool.add([Write(_entry(b"a.md"), None, None)] * 2)
    trouble = _told(caught.value)
    assert (trouble.code, "git fsck" in trouble.hint) == (Code.NOT_A_REPOSITORY, True)


def test_a_plan_that_finds_no_file_to_spill_to_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gbrain.spool.private.CACHE_KIBIBYTES", 64)
    with Spool() as spool, _no_more_files(), pytest.raises(DiskFull, match="folder for temporary files"):
        spool.add(Write(_entry(b"%06d" % number), None, None) for number in range(20_000))


def test_a_plan_that_runs_out_of_room_while_it_is_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(*args: object) -> Iterator[object]:
        yield "writing", 1
        raise sqlite3.OperationalError("database or disk is full")

    with Spool() as spool:
        monkeypatch.setattr(spool._db, "_db", SimpleNamespace(execute=execute, close=spool._db._db.close))
        with pytest.raises(DiskFull):
            spool.touched_bases("", 10)


def _entry(path: bytes) -> TreeEntry:
    return TreeEntry(path, 0o100644, b"\1" * 20, 10)


def _told(error: BaseException) -> Any:
    return trouble_of(error, "wiki", lambda: False)


@contextmanager
def _no_more_files() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def _runs(brain: BrainCommand) -> list[tuple]:
    return ask(brain.url or "", "SELECT status, error_code, added FROM gbrain.runs ORDER BY id")


def _expiry(brain: BrainCommand, name: str) -> list[tuple]:
    return ask(brain.url or "", "SELECT expires_at FROM gbrain.leases WHERE name = %s", name)


async def _renewed(brain: BrainCommand, name: str) -> None:
    before = _expiry(brain, name)
    await asyncio.to_thread(poll, lambda: _expiry(brain, name) != before, f"{name} is renewed", within_s=10)


def _connecting(brain: BrainCommand) -> Callable[[], Awaitable[Connection]]:
    return lambda: connect(brain.url or "")


async def _hide_cancellation(keeper: LeaseKeeper, lease: Lease, hidden_as: Exception | None) -> None:
    async with keeper.hold(lease):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if hidden_as is not None:
                raise hidden_as from None


async def _never() -> Connection:
    raise DatabaseUnusable("no answer")


@asynccontextmanager
async def _keeper(
    brain: BrainCommand, term: timedelta, connecting: Callable[[], Awaitable[Connection]]
) -> AsyncIterator[tuple[LeaseKeeper, Pool]]:
    """A keeper that renews, and a pool to take leases by."""
    async with open_pool(brain.url or "", size=2) as pool, asyncio.TaskGroup() as group:
        keeper = LeaseKeeper(connect=connecting, me=this_process(), term=term)
        renewing = group.create_task(keeper.run())
        yield keeper, pool
        renewing.cancel()


async def _taken(keeper: LeaseKeeper, pool: Pool, name: str) -> Lease:
    lease = await keeper.take(pool, name)
    assert isinstance(lease, Lease)
    return lease
