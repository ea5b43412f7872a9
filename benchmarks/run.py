"""`python -m benchmarks.run [CASE …]`: every case of the table, measured on this machine, printed and written down.

Whole processes are timed, start-up included. Nothing else should run meanwhile: these figures mean something only on
a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psycopg

from benchmarks import corpus, embedding, fleet, floor, search
from benchmarks.figures import Figure, at_most, line, runs, table
from benchmarks.home import GBRAIN, Home
from benchmarks.measure import MemorySampler, sample_until, settle_disk
from support.servers import pgbouncer, postgres

SOURCES = ("s0", "s1", "s2", "s3")
PAGES = 2000

GROUPS = {"fleet": list(fleet.CASES), "embedding": list(embedding.CASES), "search": list(search.CASES)}
"""Names for several cases."""


def main() -> None:
    """Run the cases named on the command line, or all of them."""
    cases: dict[str, Callable[[Path], Iterator[Figure]]] = {
        "sync": sync_cases,
        "large": large_cases,
        "memory": memory_cases,
        "start": start_cases,
        **embedding.CASES,
        **fleet.CASES,
        **search.CASES,
    }
    by_name = cases | search.BY_NAME_ALONE
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="*", default=[], help=f"any of {', '.join((*by_name, *GROUPS))}")
    parser.add_argument("--write", action="store_true", help="write these rows to benchmarks/RESULTS.md too")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    named = [case for name in arguments.case for case in GROUPS.get(name, [name])]
    for name in named or cases:
        work = Path(tempfile.mkdtemp(prefix="gbrain-bench-"))
        try:
            for figure in by_name[name](work):
                print(line(figure), flush=True)
                figures.append(figure)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    print(table(figures))
    if arguments.write:
        results = Path(__file__).with_name("RESULTS.md")
        results.write_text(table(figures, results.read_text() if results.exists() else ""))


def sync_cases(work: Path) -> Iterator[Figure]:
    """The 8,000 pages: first sync against the floor, ticks, changes, renames, verification, status, recovery."""
    repositories = [work / name for name in SOURCES]
    size = _write_corpus(repositories)
    synced, floors, home = _interleaved(work, repositories)
    least, ours = (statistics.median(sum(parts) for parts in each) for each in zip(*floors, strict=True))
    first = statistics.median(synced)
    reading = statistics.median(parts[0] for parts, _ in floors)
    yield Figure(
        f"first sync of {PAGES * len(SOURCES):,} pages ({size / 1e6:.1f} MB), embedded",
        f"{first:.2f} s = {first / least:.2f} × the floor of {least:.2f} s (of it {reading:.2f} s reading), in which "
        f"the server indexes words; {first / ours:.2f} × {ours:.2f} s, to copy our index; runs {runs(synced)}, floors "
        f"{runs([sum(parts) for parts, _ in floors])}",
        "at most 1.3 × the floor and 9 s",
        first <= 1.3 * least and first <= 9,
    )
    yield Figure(
        "the same, for words are indexed by us",
        f"{first:.2f} s",
        f"below the floor of {least:.2f} s",
        first < least,
    )
    yield at_most("the same again, nothing changed, server not running", _ticks(home), 0.6)
    yield at_most(f"verify of the {PAGES * len(SOURCES):,} pages", [home.timed("sources", "verify", "--all")], first)
    yield at_most("20 pages changed in each of the 4", _changed(home, repositories), 1.2)
    yield at_most("a folder of 5,000 pages renamed", _renamed(work), 3.0)
    yield _recovered(home, repositories)
    yield _connections(home, repositories)
    home.destroy()


Floors = tuple[tuple[float, float], tuple[float, float]]
"""The times of reading and of COPY: with the server's own index of words, and with ours."""


def _interleaved(work: Path, repositories: list[Path]) -> tuple[list[float], list[Floors], Home]:
    """Three first syncs and three floors by turns; the last synced home stays for the other cases."""
    synced, floors = [], []
    rows: dict[str, floor.Rows] = {}
    home = Home(work / "unused")
    for number in range(3):
        home.destroy()
        home = _registered(work / f"home-{number}", repositories)
        settle_disk()
        synced.append(home.timed("sync", "--all", "--no-embed"))
        rows = rows or floor.rows_of(home.folder, SOURCES)
        floors.append((_floor(work, number, repositories, rows, True), _floor(work, number, repositories, rows, False)))
    return synced, floors, home


def _floor(
    work: Path, number: int, repositories: list[Path], rows: dict[str, floor.Rows], with_servers_words: bool
) -> tuple[float, float]:
    empty = Home(work / f"floor-{number}-{with_servers_words}")
    empty.run("init")
    settle_disk()
    found = floor.seconds(empty.folder, repositories, rows, with_servers_words=with_servers_words)
    empty.destroy()
    return found


def _ticks(home: Home) -> list[float]:
    times = []
    for _ in range(5):
        home.wait_until_stopped()
        times.append(home.timed("sync", "--all", "--no-embed"))
    return times


def _changed(home: Home, repositories: list[Path]) -> list[float]:
    times = []
    for turn in range(3):
        for number, repository in enumerate(repositories):
            seeds = range(turn * 20, turn * 20 + 20)
            changes = [(corpus.path(i), corpus.page(900_000 + turn * 1000 + number * 100 + i)) for i in seeds]
            corpus.commit(repository, changes, message="change")
        home.wait_until_stopped()
        times.append(home.timed("sync", "--all", "--no-embed"))
    return times


def _renamed(work: Path) -> list[float]:
    repository = work / "renames"
    corpus.write_repository(repository, ((f"old/page-{i:05d}.md", corpus.page(i)) for i in range(5000)))
    home = _registered(work / "home-renames", [repository])
    home.run("sync", "--all", "--no-embed")
    times = []
    for before, after in (("old", "new"), ("new", "newer"), ("newer", "newest")):
        corpus.move(repository, before, after)
        home.wait_until_stopped()
        started = time.perf_counter()
        document = json.loads(home.run("sync", "--all", "--no-embed", "--json"))
        times.append(time.perf_counter() - started)
        renamed = document["sources"][0]["renamed"]
        if renamed != 5000:
            raise RuntimeError(f"{renamed} renamed, not 5,000")
    home.destroy()
    return times


def _recovered(home: Home, repositories: list[Path]) -> Figure:
    """Kill a sync in its writing with -9, then time how long the next one takes to hold the lease."""
    delays: list[float] = []
    batches: list[float] = []
    for turn in range(3):
        for number, repository in enumerate(repositories):
            changes = [
                (corpus.path(i), corpus.page(1_000_000 + turn * 10_000 + number * 3000 + i)) for i in range(PAGES)
            ]
            corpus.commit(repository, changes, message="rewrite")
        victim = home.start("sync", "--all", "--no-embed")
        time.sleep(1.5)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        working, first = _working(home)
        delays.append(working)
        batches.append(first)
    figure = at_most("kill -9, then sync: started, and working under all four leases after", delays, 1.0)
    first_batch = f"; first batch committed after {statistics.median(batches):.2f} s"
    return Figure(figure.case, figure.measured + first_batch, figure.target, figure.is_met)


def _working(home: Home) -> tuple[float, float]:
    """Seconds from starting a sync until all its runs have begun, and until one of them has committed a batch."""
    with (
        floor.EmbeddedServer.open(home.folder, say=lambda text: None) as server,
        psycopg.connect(server.conninfo, autocommit=True) as conn,
    ):
        newest = conn.execute("SELECT max(id) FROM gbrain.runs").fetchone()
        started = time.perf_counter()
        successor = home.start("sync", "--all", "--no-embed")
        begun = 0.0
        while True:
            found = conn.execute(
                "SELECT count(*), count(*) FILTER (WHERE done > 0) FROM gbrain.runs WHERE id > %s", newest
            ).fetchone()
            if found and found[0] == len(SOURCES) and not begun:
                begun = time.perf_counter() - started
            if found and found[1]:
                first = time.perf_counter() - started
                successor.wait()
                return begun, first
            time.sleep(0.005)


def _connections(home: Home, repositories: list[Path]) -> Figure:
    """Connections by application name every 50 ms during a full sync at --parallel 2.

    Those of the killed runs before it, whose server processes may not have noticed yet, are waited for first. The
    server's own workers for a large query go by the name of the connection they work for, and are none.
    """
    peak = 0
    with (
        floor.EmbeddedServer.open(home.folder, say=lambda text: None) as server,
        psycopg.connect(server.conninfo, autocommit=True) as conn,
    ):

        def count() -> int:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'gbrain' AND backend_type = 'client backend'"
            ).fetchone()
            return row[0] if row else 0

        def look() -> None:
            nonlocal peak
            peak = max(peak, count())

        until = time.monotonic() + 30
        while count() and time.monotonic() < until:
            time.sleep(0.05)
        sample_until(home.start("sync", "--all", "--full", "--no-embed", "--parallel", "2"), look, 0.05)
    return Figure(
        "connections of sync --all --parallel 2", f"{peak} at most", "never more than parallel + 2", peak <= 4
    )


def large_cases(work: Path) -> Iterator[Figure]:
    """Served brains: 4 sources of 50,000 pages through pgbouncer, and the status of 8,000 pages."""
    repositories = [work / name for name in SOURCES]
    for number, repository in enumerate(repositories):
        files = ((f"d{i % 50}/page-{i:05d}.md", corpus.small_page(number * 50_000 + i)) for i in range(50_000))
        corpus.write_repository(repository, files)
    with postgres(18) as server, pgbouncer(server) as port:
        direct = Home(work / "home-direct", server.url("postgres"))
        pooled = Home(work / "home-direct", f"postgresql://gbrain@127.0.0.1:{port}/postgres")
        _register(direct, repositories)
        direct.run("sync", "--all", "--no-embed")
        times = [pooled.timed("sync", "--all", "--no-embed") for _ in range(5)]
        yield at_most("4 sources of 50,000 pages, nothing changed, served, through pgbouncer", times, 1.5)
    repositories = [work / f"t{number}" for number in range(4)]
    _write_corpus(repositories)
    with postgres(18) as server:
        home = Home(work / "home-served", server.url("postgres"))
        _register(home, repositories)
        home.run("sync", "--all", "--no-embed")
        times = [home.timed("sources", "status", "--json") for _ in range(5)]
        yield at_most("sources status --json on 8,000 pages, served", times, 0.4)


def memory_cases(work: Path) -> Iterator[Figure]:
    """One source of 100,000 small pages and one of 400,000: memory, and whether batches slow down."""
    peaks = {}
    for pages in (100_000, 400_000):
        repository = work / f"r{pages}"
        files = ((f"d{i % 400}/page-{i:06d}.md", corpus.small_page(i)) for i in range(pages))
        corpus.write_repository(repository, files)
        home = _registered(work / f"home-{pages}", [repository])
        process = home.start("sync", "--all", "--no-embed")
        with MemorySampler(process.pid) as sampler:
            marks = _marks(home, process)
        if process.wait() != 0:
            raise RuntimeError(f"the sync of {pages} pages ended with {process.returncode}")
        peaks[pages] = sampler.peak_mib
        home.destroy()
        shutil.rmtree(repository)
        yield Figure(
            f"{pages:,} small pages: memory", f"{sampler.peak_mib:.0f} MiB", "under 400 MiB", sampler.peak_mib < 400
        )
        first, last = _speed(marks[: len(marks) // 10]), _speed(marks[-len(marks) // 10 :])
        yield Figure(
            f"{pages:,} small pages: median batch of the last tenth against the first",
            f"{last:,.0f} against {first:,.0f} pages/s = {last / first:.2f}",
            "at least 0.8 as fast",
            last >= 0.8 * first,
        )
    more = peaks[400_000] - peaks[100_000]
    yield Figure("memory of 400,000 pages beyond 100,000", f"{more:+.0f} MiB", "at most 60 MiB more", more <= 60)


def _marks(home: Home, process: subprocess.Popen[bytes]) -> list[tuple[float, int]]:
    """When each batch was committed, and how many items were in by then."""
    marks: list[tuple[float, int]] = []
    with (
        floor.EmbeddedServer.open(home.folder, say=lambda text: None) as server,
        psycopg.connect(server.conninfo, autocommit=True) as conn,
    ):

        def look() -> None:
            row = conn.execute("SELECT done FROM gbrain.runs ORDER BY id DESC LIMIT 1").fetchone()
            if row and row[0] and (not marks or marks[-1][1] != row[0]):
                marks.append((time.perf_counter(), row[0]))

        sample_until(process, look, 0.004)
    return marks


def _speed(marks: list[tuple[float, int]]) -> float:
    pairs = pairwise(marks)
    return statistics.median((after[1] - before[1]) / (after[0] - before[0]) for before, after in pairs)


def start_cases(work: Path) -> Iterator[Figure]:
    """What is paid before anything is done."""
    times = []
    for _ in range(11):
        started = time.perf_counter()
        subprocess.run([GBRAIN, "--version"], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    yield at_most("gbrain --version", times, 0.12)


def _write_corpus(repositories: list[Path]) -> int:
    size = 0
    for number, repository in enumerate(repositories):
        files = [(corpus.path(i), corpus.page(number * 100_000 + i)) for i in range(PAGES)]
        size += sum(len(content) for _, content in files)
        corpus.write_repository(repository, files)
    return size


def _registered(folder: Path, repositories: list[Path]) -> Home:
    home = Home(folder)
    _register(home, repositories)
    return home


def _register(home: Home, repositories: list[Path]) -> None:
    for repository in repositories:
        home.run("sources", "add", repository.name, "--path", str(repository))
    home.wait_until_stopped()


if __name__ == "__main__":
    main()
