"""Embedding: a fill against an endpoint that answers from prepared bytes, several at once, the local model, the claims.

The floor of a fill is what any program must at least do with the answers: decode them and COPY the vectors. The bodies
are those that the endpoint sends, decoded from memory with the fastest parsers there are.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import embedding_floor as floor
from benchmarks.embedding_claims import claim_cases
from benchmarks.embedding_local import local_cases, minute_cases, moved_cases
from benchmarks.figures import Figure, runs
from benchmarks.home import GBRAIN, Home
from benchmarks.measure import settle_disk
from support.endpoint import EndpointServer, endpoint
from support.servers import Server, postgres

TEXTS = 35_000
DIMENSIONS = 1536
ITEMS = 128
CAP = 16
_NAME = "played"


@dataclass
class Brains:
    """Brains that are alike: each has the same texts, and none of their vectors."""

    server: Server
    work: Path
    base: str
    number: int = 0
    made: list[str] = field(default_factory=list)

    def another(self, played: EndpointServer, **settings: object) -> Home:
        """A brain whose texts are to be embedded by the played endpoint."""
        self.number += 1
        name = f"{self.base}_{self.number}"
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {self.base} STRATEGY file_copy")
            conn.execute("CHECKPOINT")
        home = Home(self.work / name, self.server.url(name), embedder=_NAME)
        home.configure(played.toml(_NAME, **settings))
        return home

    def drop(self, home: Home) -> None:
        """The room is needed for the next."""
        name = home.url.rsplit("/", 1)[-1].partition("?")[0] if home.url else ""
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Fill:
    """A `gbrain embed`, start-up included: until the last vector was stored, and until it ended."""

    stored_s: float
    ended_s: float


def fill(home: Home, *, whole: bool = False) -> Fill:
    """Run it until the last vector is stored, or to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [GBRAIN, "embed", "--json", "--progress", "json"],
        env=home.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    stored, said = 0.0, []
    for line in process.stderr:
        event = json.loads(line)
        said.append(event)
        if event["event"] == "finish" and event["phase"] == "embed":
            stored = time.perf_counter() - started
            if not whole:
                process.terminate()
    out = process.stdout.read()
    code = process.wait()
    if code not in ((0,) if whole else (0, 143)) or not stored:
        raise RuntimeError(f"gbrain embed ended with {code}: {out.decode()} {said[-3:]}")
    _check(home)
    return Fill(stored, time.perf_counter() - started)


def _check(home: Home) -> None:
    """All texts have their vectors."""
    with psycopg.connect(home.url or "") as conn:
        row = conn.execute("SELECT count(vector) FROM gbrain.embedding_1").fetchone()
    if row is None or row[0] != TEXTS:
        raise RuntimeError(f"{row} vectors are stored")


def embed_cases(work: Path) -> Iterator[Figure]:
    """One process that fills 35,000 texts, as the endpoint is quick or slow, busy or not."""
    with postgres(18) as server, _brains(server, work, TEXTS) as brains:
        with _played(latency=0.05) as played:
            quick, least = _against_floor(brains, played)
            yield _times(f"{_what(50)}, base64, index afterwards", quick, least, 1.5)
            indexed = floor.index_seconds(server, DIMENSIONS, TEXTS)
            [whole], [alone] = _against_floor(brains, played, times=1, whole=True)
            yield _times(f"{_what(50)}, base64, with the index in the time", [whole], [alone + indexed], 1.5)
        with _played(latency=0.05, encoding="floats") as played:
            some, least_floats = _against_floor(brains, played, times=1)
            yield _times(f"{_what(50)}, plain JSON floats", some, least_floats, 1.5)
        with _played(latency=0.3) as played:
            slow, _ = _against_floor(brains, played, times=2)
            bound = max(statistics.median(least), -(-TEXTS // ITEMS) * 0.3 / CAP)
            yield _times(f"{_what(300)}, base64", slow, [bound], 1.3)
        with _played(latency=0.05, refuse_every=10, refusal_headers={"retry-after-ms": "200"}) as played:
            busy, _ = _against_floor(brains, played)
            case = "one answer in ten a 429 that asks for 200 ms, by header"
            yield _times(case, busy, quick, 1.3, what="the run without")


def together_cases(work: Path) -> Iterator[Figure]:
    """Eight processes on one backlog, against one."""
    texts = 12_000
    with postgres(18) as server, _brains(server, work, texts) as brains, _played(latency=0.3, dimensions=256) as played:
        settings = {"max_items": 16, "concurrency": 4, "dimensions": 256}
        one = _rate(brains, played, settings, processes=1, seconds=12.0)
        eight = _rate(brains, played, settings, processes=8, seconds=5.0)
        yield Figure(
            f"eight processes instead of one on {texts:,} texts, 300 ms, 16 a request, 256 dimensions, cap 4 each",
            f"{eight.rate:,.0f} texts/s against {one.rate:,.0f} = {eight.rate / one.rate:.1f} x; "
            f"{eight.twice} texts sent twice",
            "at least 5 x the rate, no text twice",
            eight.rate >= 5 * one.rate and not eight.twice and not one.twice,
        )


@dataclass(frozen=True)
class Rate:
    """Texts a second between the first and the last answer of a steady stretch, and how many were sent twice."""

    rate: float
    twice: int


def _rate(
    brains: Brains, played: EndpointServer, settings: dict[str, object], *, processes: int, seconds: float
) -> Rate:
    """The rate of the answers in so many seconds after all have begun to work."""
    home = brains.another(played, **settings)
    floor.register(home, played, _NAME)
    played.clear()
    command = [GBRAIN, "embed", "--progress", "none"]
    env = home.env()
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(processes)
    ]
    played.until(processes * 12)
    start = time.monotonic()
    time.sleep(seconds)
    journal = played.journal()
    for process in running:
        process.terminate()
    for process in running:
        process.wait()
    answered = [sent for sent in journal if sent.ended is not None and start <= sent.ended <= start + seconds]
    sent = [text for one in journal for text in one.texts]
    brains.drop(home)
    return Rate(sum(one.items for one in answered) / seconds, len(sent) - len(set(sent)))


def _against_floor(
    brains: Brains, played: EndpointServer, *, times: int = 3, whole: bool = False
) -> tuple[list[float], list[float]]:
    """The seconds of fills and floors by turns: of a fill to its last vector, or whole to its end."""
    fills, floors = [], []
    for _ in range(times):
        home = brains.another(played, max_items=ITEMS, concurrency=CAP, dimensions=DIMENSIONS)
        floor.register(home, played, _NAME)
        settle_disk()
        found = fill(home, whole=whole)
        fills.append(found.ended_s if whole else found.stored_s)
        floors.append(floor.seconds(brains.server, played, texts=TEXTS, items=ITEMS, dimensions=DIMENSIONS))
        brains.drop(home)
    return fills, floors


def _times(case: str, found: list[float], least: list[float], factor: float, *, what: str = "the floor") -> Figure:
    middle, bound = statistics.median(found), statistics.median(least)
    return Figure(
        case,
        f"{middle:.2f} s = {middle / bound:.2f} × {what} of {bound:.2f} s; runs {runs(found)}, floors {runs(least)}",
        f"at most {factor} × {what}",
        middle <= factor * bound,
    )


def _what(latency_ms: int) -> str:
    return f"embed {TEXTS:,} texts, {DIMENSIONS:,} dimensions, {latency_ms} ms, cap {CAP}"


@contextmanager
def _played(**script: object) -> Iterator[EndpointServer]:
    with endpoint(**{"dimensions": DIMENSIONS, "fast": True, **script}) as server:
        yield server


@contextmanager
def _brains(server: Server, work: Path, texts: int) -> Iterator[Brains]:
    base = "base"
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {base}")
    home = Home(work / "base", server.url(base))
    home.run("init")
    floor.fill_texts(server.url(base), texts)
    yield Brains(server, work, base)


CASES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "embed": embed_cases,
    "together": together_cases,
    "minute": minute_cases,
    "local": local_cases,
    "claim": claim_cases,
    "moved": moved_cases,
}
