"""Servers for the session, and for each test a brain of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from support.commands import BrainCommand
from support.databases import drop
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository
from support.servers import Server, pgbouncer, postgres

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Commands are run as users run them: many would spend most of their time on compiling what was compiled before."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL 18."""
    with postgres(18, durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def server16() -> Iterator[Server]:
    """PostgreSQL 16."""
    with postgres(16, durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def bouncer(server: Server) -> Iterator[int]:
    """The port of a pgbouncer in transaction mode before PostgreSQL 18."""
    with pgbouncer(server) as port:
        yield port


@pytest.fixture(scope="session")
def new_database(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Makes databases of migrated, empty brains on PostgreSQL 18; each call gives the name of a new one."""
    return _maker(server, tmp_path_factory)


@pytest.fixture(scope="session")
def new_database16(server16: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """The same on PostgreSQL 16."""
    return _maker(server16, tmp_path_factory)


@pytest.fixture
def brain(server: Server, new_database: Callable[[], str], tmp_path: Path) -> Iterator[BrainCommand]:
    """An empty served brain on PostgreSQL 18, and the command that uses it."""
    name = new_database()
    yield BrainCommand(home=tmp_path / "home", url=server.url(name))
    drop(server, name)


@pytest.fixture
def embedded_brain(tmp_path: Path) -> Iterator[BrainCommand]:
    """A home in which the first command makes an embedded brain."""
    command = BrainCommand(home=tmp_path / "home")
    yield command
    command.destroy()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository of two pages."""
    return Repository.create(
        tmp_path / "repository",
        {
            "README.md": "# Wiki\n\nWhat there is to know. See [guide](docs/guide.md).\n",
            "docs/guide.md": "# Guide\n\nHow to.\n",
        },
    )


@pytest.fixture
def fresh(server: Server, new_database: Callable[[], str], tmp_path: Path) -> Iterator[Fresh]:
    """Tells in what a brain is not as a fresh one of the same sources would be."""
    made: list[str] = []

    def make() -> str:
        made.append(new_database())
        return made[-1]

    yield Fresh(server=server, new_database=make, folder=tmp_path / "fresh")
    for name in made:
        drop(server, name)


@pytest.fixture
def inside(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """Runs the command without a process of its own, for tests of many command lines."""
    return Inside(capture=capfdbinary, patch=monkeypatch)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real repositories; a test that needs it is skipped where it is not there."""
    folder = os.environ.get("GBRAIN_TEST_CORPORA")
    if not folder:
        pytest.skip("GBRAIN_TEST_CORPORA does not name the folder of real repositories")
    return Path(folder)


def _maker(server: Server, factory: pytest.TempPathFactory) -> Callable[[], str]:
    template = "brain_template"
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {template}")
    BrainCommand(home=factory.mktemp("template"), url=server.url(template)).run("init")

    def make() -> str:
        name = f"brain_{uuid.uuid4().hex}"
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    return make
