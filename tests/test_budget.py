"""A sync opens `parallel + 2` connections at most, and writes fewer sources at once where fewer are granted."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.inside import Inside
from support.repositories import Repository
from support.servers import Server


@pytest.fixture
def wide(brain: BrainCommand, inside: Inside, tmp_path: Path) -> BrainCommand:
    """A brain of four sources, as its owner, who is a superuser, reaches it."""
    for name in "abcd":
        folder = Repository.create(tmp_path / name, {"page.md": f"# {name}\n"}).folder
        inside.run(brain, "sources", "add", name, "--path", str(folder))
    return brain


@pytest.fixture
def limited(wide: BrainCommand) -> Iterator[Callable[[int], BrainCommand]]:
    """The same brain reached by a role that may have only so many connections."""
    role = f"role_{uuid.uuid4().hex}"
    assert wide.url is not None
    with psycopg.connect(wide.url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {role} LOGIN IN ROLE gbrain".encode())

        def reached(limit: int) -> BrainCommand:
            conn.execute(f"ALTER ROLE {role} CONNECTION LIMIT {limit}".encode())
            return replace(wide, url=(wide.url or "").replace("gbrain@", f"{role}@"))

        yield reached


def test_what_the_role_may_not_open_is_not_written_side_by_side(
    limited: Callable[[int], BrainCommand], inside: Inside
) -> None:
    done = inside.run(limited(4), "sync", "--all", "--json")
    document = checked(done, "sync")
    assert (document["parallel"], document["ok_count"]) == (2, 4)
    assert document["connections_peak"] <= 4
    sum_ = "it takes 6 connections, and the role grants 4 (4, none taken)"
    assert done.err == f"--parallel lowered from 4 to 2: {sum_}\n"
    assert inside.run(limited(4), "-q", "sync", "--all", "--json").err == ""


def test_what_others_have_of_a_database_is_taken_off(limited: Callable[[int], BrainCommand], inside: Inside) -> None:
    brain = limited(-1)
    assert brain.url is not None
    with (
        psycopg.connect(brain.url, autocommit=True) as other,
        psycopg.connect(brain.url.replace(other.info.user, "gbrain"), autocommit=True) as owner,
    ):
        owner.execute(f"ALTER DATABASE {other.info.dbname} CONNECTION LIMIT 8".encode())
        done = inside.run(brain, "sync", "--all", "--json")
    # The connection that made the role is the third of the others; one that was closed might be there a moment longer.
    assert done.err.endswith("the database grants 5 (8, 3 taken)\n")
    assert (done.document["parallel"], done.document["ok_count"]) == (3, 4)


def test_below_three_connections_the_command_refuses_and_says_the_sum(
    limited: Callable[[int], BrainCommand], inside: Inside
) -> None:
    error = checked(inside.run(limited(2), "sync", "--all", "--json", code=6), "error")["error"]
    assert error["code"] == "database"
    assert error["message"] == "a sync needs 3 connections, and the role grants 2 (2, none taken)"
    assert "raise the limit" in error["hint"]


def test_without_a_single_connection_the_command_says_at_once_what_is_wrong(
    limited: Callable[[int], BrainCommand], inside: Inside
) -> None:
    error = checked(inside.run(limited(0), "sync", "--all", "--json", code=6), "error")["error"]
    assert error["code"] == "database"
    assert "too many connections for role" in error["message"]
    assert "raise its limit" in error["hint"]


@pytest.fixture
def nearly_full(wide: BrainCommand) -> Iterator[None]:
    """A server of which three connections are left, beside those it keeps for administrators."""
    assert wide.url is not None
    ((free,),) = ask(
        wide.url,
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())",
    )
    with ExitStack() as others:
        for _ in range(free - 3):
            others.enter_context(psycopg.connect(wide.url))
        yield


@pytest.mark.usefixtures("nearly_full")
def test_a_server_that_is_nearly_full_keeps_what_is_reserved_for_its_administrators(
    wide: BrainCommand, inside: Inside
) -> None:
    done = inside.run(wide, "sync", "--all", "--json")
    assert "the server grants 3 (97, 94 taken)" in done.err
    assert (done.document["parallel"], done.document["ok_count"]) == (1, 4)
    assert done.document["connections_peak"] <= 3


def test_max_connections_in_the_configuration_bounds_a_process(wide: BrainCommand, inside: Inside) -> None:
    wide.configure("max_connections = 3\n")
    done = inside.run(wide, "sync", "--all", "--json")
    assert "max_connections in config.toml grants 3" in done.err
    assert (done.document["parallel"], done.document["ok_count"]) == (1, 4)
    assert done.document["connections_peak"] <= 3
    inside.run(wide, "sources", "verify", "--all")
    wide.configure("max_connections = 2\n")
    assert "a sync needs 3 connections" in inside.run(wide, "sync", "--all", code=6).err


def test_with_room_enough_nothing_is_said_and_the_flag_is_obeyed(wide: BrainCommand, inside: Inside) -> None:
    done = inside.run(wide, "sync", "--all", "--parallel", "3", "--json")
    assert (done.err, done.document["parallel"]) == ("", 3)
    assert done.document["connections_peak"] <= 5


@pytest.mark.usefixtures("nearly_full")
def test_behind_a_pooler_the_limits_of_the_server_are_the_poolers_business(
    wide: BrainCommand, server: Server, bouncer: int, inside: Inside
) -> None:
    pooled = replace(wide, url=(wide.url or "").replace(f":{server.port}/", f":{bouncer}/"))
    done = inside.run(pooled, "sync", "--all", "--json")
    assert (done.err, done.document["parallel"], done.document["ok_count"]) == ("", 4, 4)
