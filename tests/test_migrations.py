"""How a database becomes a brain of this program's schema, whoever asks and however often."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gbrain.store.schema import newest_version
from support.commands import BrainCommand
from support.servers import Server, free_port


@pytest.fixture
def empty(server: Server) -> str:
    """The name of a database with nothing in it."""
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def limited(server: Server, empty: str) -> str:
    """A role that may log in and nothing more."""
    with psycopg.connect(server.url(empty), autocommit=True) as conn:
        role = f"limited_{uuid.uuid4().hex[:8]}"
        conn.execute(f"CREATE ROLE {role} LOGIN")
    return role


def applied(url: str) -> list[int]:
    with psycopg.connect(url) as conn:
        return [row[0] for row in conn.execute("SELECT version FROM gbrain.schema_versions ORDER BY version")]


def test_migrating_twice_is_harmless(server: Server, empty: str, tmp_path: Path) -> None:
    brain = BrainCommand(home=tmp_path, url=server.url(empty))
    first = brain.run("init", "--json").document["brain"]
    before = applied(server.url(empty))
    assert brain.run("init", "--json").document["brain"] == first
    assert applied(server.url(empty)) == before == list(range(1, newest_version() + 1))


def test_processes_that_migrate_at_once_do_it_once(server: Server, empty: str, tmp_path: Path) -> None:
    brain = BrainCommand(home=tmp_path, url=server.url(empty))
    processes = [brain.start("init") for _ in range(4)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert [code for _, code in ended] == [0, 0, 0, 0], ended
    assert applied(server.url(empty)) == list(range(1, newest_version() + 1))


@pytest.mark.parametrize("words", [["init"], ["sources", "list"], ["sync", "--all"], ["sources", "status"]])
def test_a_brain_of_a_newer_program_is_refused(brain: BrainCommand, words: list[str]) -> None:
    assert brain.url is not None
    with psycopg.connect(brain.url) as conn:
        conn.execute("INSERT INTO gbrain.schema_versions VALUES (%s)", (newest_version() + 1,))
    error = brain.run(*words, "--json", code=6).document["error"]
    assert error["code"] == "schema_too_new"
    assert str(newest_version() + 1) in error["message"]


@pytest.mark.parametrize("may_create", [True, False])
def test_a_role_that_may_not_create_the_extension_is_told_the_one_command_that_helps(
    server: Server, empty: str, limited: str, tmp_path: Path, may_create: bool
) -> None:
    with psycopg.connect(server.url(empty), autocommit=True) as conn:
        if may_create:
            conn.execute(f"GRANT CREATE ON DATABASE {empty} TO {limited}")
        brain = BrainCommand(home=tmp_path, url=make_conninfo(server.url(empty), user=limited))
        error = brain.run("init", "--json", code=6).document["error"]
        assert error["code"] == "database"
        assert error["hint"].count("psql") == 1
        commands = re.findall(r'-c "([^"]*)"', error["hint"])
        assert "CREATE EXTENSION vector" in commands
        for command in commands:
            conn.execute(command)
    brain.run("init")
    assert applied(server.url(empty)) == list(range(1, newest_version() + 1))


def test_a_role_that_may_not_create_a_schema_is_told_what_to_grant(
    server: Server, empty: str, limited: str, tmp_path: Path
) -> None:
    with psycopg.connect(server.url(empty), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION vector")
    brain = BrainCommand(home=tmp_path, url=make_conninfo(server.url(empty), user=limited))
    error = brain.run("init", "--json", code=6).document["error"]
    assert f'"GRANT CREATE ON DATABASE {empty} TO {limited}"' in error["hint"]


def test_a_migration_works_through_a_pooler(server: Server, bouncer: int, empty: str, tmp_path: Path) -> None:
    pooled = f"postgresql://gbrain@127.0.0.1:{bouncer}/{empty}"
    brain = BrainCommand(home=tmp_path, url=pooled)
    brain.run("init")
    assert applied(server.url(empty)) == list(range(1, newest_version() + 1))
    with psycopg.connect(server.url(empty)) as conn:
        held = conn.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    assert held == (0,)


def test_a_migration_goes_the_direct_way_where_there_is_one(
    server: Server, bouncer: int, empty: str, tmp_path: Path
) -> None:
    pooled = f"postgresql://gbrain@127.0.0.1:{bouncer}/{empty}"
    nowhere = {"GBRAIN_DIRECT_DATABASE_URL": f"postgresql://gbrain@127.0.0.1:{free_port()}/{empty}"}
    error = BrainCommand(home=tmp_path, url=pooled, environ=nowhere).run("init", "--json", code=6).document["error"]
    assert error["code"] == "database"
    direct = {"GBRAIN_DIRECT_DATABASE_URL": server.url(empty)}
    BrainCommand(home=tmp_path, url=pooled, environ=direct).run("init")
    assert applied(server.url(empty)) == list(range(1, newest_version() + 1))
