"""The whole job on served databases: both majors, behind a pooler, and within the budget of connections."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from gbrain.postgres.embedded import EmbeddedServer
from gbrain.services.registry import add_source
from gbrain.services.source_settings import Told
from support.commands import DEADLINE_S, BrainCommand
from support.repositories import Repository
from support.rows import differences, rows
from support.servers import Server, pgbouncer

pytestmark = pytest.mark.xdist_group("served")
"""What is laid out for all of them is laid out once."""

Rows = dict[str, list[tuple]]
_PAGES = {
    f"docs/{n // 5}/page {n}.md": f"# Page {n}\n\nAbout [{n}](page.md).\n\n" + "word " * 40 * n for n in range(25)
}


@dataclass(frozen=True)
class Done:
    """What was left at each stop of the main job."""

    stops: list[Rows]
    documents: list[dict]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def reference(folder: Path) -> Iterator[Done]:
    """The main job on the embedded server."""
    brain = BrainCommand(home=folder / "embedded")
    with EmbeddedServer.open(_made(brain.home), say=lambda text: None) as server:
        yield main_job(brain, server.conninfo, folder)
    brain.destroy()


def main_job(brain: BrainCommand, conninfo: str, folder: Path) -> Done:
    """Add, sync, change, sync, look at it from all sides, remove. The repositories are the same each time."""
    one, two = _repositories(folder)
    brain.add("one", one.folder)
    brain.add("two", two.folder, "--name", "The second")
    documents = [brain.run("sync", "--all", "--json").document]
    stops = [rows(conninfo)]
    one.git("reset", "-q", "--hard", "after")
    documents.append(brain.run("sync", "--all", "--json", code=1).document)
    stops.append(rows(conninfo))
    documents.append(brain.run("sources", "status", "--json").document)
    documents.append(brain.run("sources", "verify", "--all", "--json").document)
    documents.append(brain.run("show", "one:moved/page-3", "--json").document)
    brain.run("sources", "remove", "one", "--yes")
    stops.append(rows(conninfo))
    documents.append(brain.run("sources", "list", "--json").document)
    one.git("reset", "-q", "--hard", "before")
    return Done(stops=stops, documents=documents)


def _repositories(folder: Path) -> tuple[Repository, Repository]:
    one, two = Repository(folder / "one"), Repository(folder / "two")
    if not one.folder.exists():
        Repository.create(one.folder, _PAGES)
        one.git("tag", "before")
        one.commit({"docs/0/page 1.md": None, "docs/0/page 2.md": "# Other\n", "bad.md": "---\na: [\n---\n"})
        (one.folder / "moved").mkdir()
        one.git("mv", "docs/0/page 3.md", "moved/page 3.md")
        one.commit_all()
        one.git("tag", "after")
        one.git("reset", "-q", "--hard", "before")
        Repository.create(
            two.folder, {"README.md": "# Two\n", "docs/a.md": "same\n", "docs/b.md": "same\n", "pic.md": b"\0"}
        )
    return one, two


def _made(home: Path) -> Path:
    home.mkdir(mode=0o700)
    return home


_VOLATILE = {"generated_at", "duration_ms", "connections_peak", "last_sync_at", "last_attempt_at", "staleness_hours"}
_VOLATILE |= {"id"}


def steady(found: object) -> object:
    """A document without times and ids."""
    if isinstance(found, dict):
        return {key: steady(value) for key, value in found.items() if key not in _VOLATILE}
    return [steady(value) for value in found] if isinstance(found, list) else found


def hold_against(done: Done, reference: Done) -> None:
    for mine, other in zip(done.stops, reference.stops, strict=True):
        assert differences(mine, other) == []
    for mine, other in zip(done.documents, reference.documents, strict=True):
        assert steady(mine) == steady(other)


def test_the_reference_itself_went_through_every_kind_of_change(reference: Done) -> None:
    first, second, _, verified, *_ = reference.documents
    assert [row["sync_status"] for row in first["sources"]] == ["first_sync", "first_sync"]
    counts = {key: second["sources"][0][key] for key in ("added", "modified", "renamed", "deleted", "failed")}
    assert counts == {"added": 0, "modified": 1, "renamed": 1, "deleted": 1, "failed": 1}
    assert not any(report["findings"] for report in verified["sources"])
    assert {row[0] for row in reference.stops[2]["pages"]} == {"two"}


def test_on_postgresql_16_the_whole_job_ends_in_the_same_rows(
    server16: Server, new_database16: Callable[[], str], reference: Done, folder: Path
) -> None:
    url = server16.url(new_database16())
    hold_against(main_job(BrainCommand(home=folder / "sixteen", url=url), url, folder), reference)


def test_on_postgresql_18_the_whole_job_ends_in_the_same_rows(
    server: Server, new_database: Callable[[], str], reference: Done, folder: Path
) -> None:
    url = server.url(new_database())
    hold_against(main_job(BrainCommand(home=folder / "eighteen", url=url), url, folder), reference)


def test_through_a_pooler_in_transaction_mode_the_whole_job_ends_in_the_same_rows(
    server: Server, new_database: Callable[[], str], reference: Done, folder: Path
) -> None:
    name = new_database()
    with pgbouncer(server, pool_size=3) as port:
        brain = BrainCommand(home=folder / "pooled", url=f"postgresql://gbrain@127.0.0.1:{port}/{name}")
        hold_against(main_job(brain, server.url(name), folder), reference)


def test_thirty_syncs_of_different_sources_through_two_server_connections_all_come_out_right(
    server: Server, new_database: Callable[[], str], tmp_path: Path
) -> None:
    name = new_database()
    names = [f"s{n:02}" for n in range(30)]
    with pgbouncer(server, pool_size=2) as port:
        brain = BrainCommand(home=tmp_path / "home", url=f"postgresql://gbrain@127.0.0.1:{port}/{name}")
        for n, source in enumerate(names):
            Repository.create(tmp_path / source, {f"page-{m}.md": f"# {source}\n\n{m}\n" for m in range(n % 4 + 1)})
        register(server.url(name), tmp_path, names)
        for wave in (names[:10], names[10:20], names[20:]):
            _all_end_well([brain.start("sync", "--source", source, "--json") for source in wave])
        brain.run("sources", "verify", "--all")
    found = rows(server.url(name))
    assert len(found["pages"]) == sum(n % 4 + 1 for n in range(30))
    assert [(row[0], row[6]) for row in found["states"]] == [(s, n % 4 + 1) for n, s in enumerate(names)]


def register(url: str, folder: Path, names: list[str]) -> None:
    """Each folder of these names as a source."""

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            for name in names:
                await add_source(conn, name, Told(path=folder / name), allow_private_hosts=False)

    asyncio.run(work())


def _all_end_well(processes: list[subprocess.Popen[bytes]]) -> None:
    ended = [(process.communicate(timeout=DEADLINE_S), process.returncode) for process in processes]
    assert {code for _, code in ended} == {0}, ended


def test_a_sync_never_has_more_connections_than_two_beside_its_writers(
    server: Server, new_database: Callable[[], str], tmp_path: Path
) -> None:
    name = new_database()
    brain = BrainCommand(home=tmp_path / "home", url=server.url(name))
    brain.configure('lease_term = "2s"\n')
    names = [f"s{n}" for n in range(6)]
    for source in names:
        text = f"# {source}\n\n" + "some words here " * 200
        Repository.create(tmp_path / source, {f"page-{m}.md": f"{text}{m}" for m in range(150)})
    register(server.url(name), tmp_path, names)
    process = brain.start("sync", "--all", "--parallel", "2", "--json")
    seen = _connections_until_it_ends(server, name, process)
    assert process.returncode == 0
    assert 2 <= max(seen) <= 4


def _connections_until_it_ends(server: Server, database: str, process: subprocess.Popen[bytes]) -> list[int]:
    """How many sessions of ours the server has, every 50 ms."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'gbrain'"
    reader = threading.Thread(target=process.communicate)
    reader.start()
    seen = []
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        while reader.is_alive():
            seen.append(conn.execute(query, (database,)).fetchone()[0])
            time.sleep(0.05)
    reader.join()
    return seen
