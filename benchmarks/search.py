"""Search: how good its rankings are on public collections, and how fast it answers."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import corpus, judged
from benchmarks.figures import Figure, at_most
from benchmarks.home import Home
from gbrain.app.brain import open_brain
from gbrain.app.searching import Searcher, searching
from gbrain.app.settings import read_settings
from gbrain.domain.search import Asked, Mode
from support.repositories import Repository
from support.servers import postgres

RETRIEVAL = os.environ.get("GBRAIN_TEST_RETRIEVAL")
CORPORA = os.environ.get("GBRAIN_TEST_CORPORA")

_SOURCES, _PAGES = 16, 16_000
_QUERIES, _CALLERS = 400, 4
_COMMON = 0.1
SERVED = ("shared_buffers=2GB",)
"""As a server for so much would be set; it is 64 MB in the other cases."""


def quality_cases(work: Path) -> Iterator[Figure]:
    """nDCG@10 on Cranfield and CISI, a page for each document; skipped where the collections are not there."""
    if RETRIEVAL is None:
        return
    with postgres(18) as server:
        home = Home(work / "home", server.url("postgres"), embedder="local")
        collections = [judged.cranfield(Path(RETRIEVAL)), judged.cisi(Path(RETRIEVAL))]
        for one in collections:
            corpus.write_repository(work / one.name.lower(), one.files())
        home.register("path", {one.name.lower(): str(work / one.name.lower()) for one in collections})
        home.run("sync", "--all")
        for one in collections:
            keyword, hybrid = (_ndcg(home, work, one, mode) for mode in (Mode.KEYWORD, Mode.HYBRID))
            yield Figure(
                f"{one.name}, {len(one.documents):,} documents: nDCG@10 by words",
                f"{keyword:.4f}",
                f"at or above {one.floor}, BM25 of the collection's page",
                keyword >= one.floor,
            )
            yield Figure(
                f"{one.name}: nDCG@10 with the local model too",
                f"{hybrid:.4f}",
                f"above {keyword:.4f}, by words alone",
                hybrid > keyword,
            )


def _ndcg(home: Home, work: Path, one: judged.Collection, mode: Mode) -> float:
    """As `gbrain search --eval` measures it."""
    source, file = one.name.lower(), work / "judged.jsonl"
    lines = [
        {"query": one.queries[number], "relevant": [f"{source}:{page}" for page in sorted(pages)]}
        for number, pages in one.relevant.items()
        if pages
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    said = json.loads(home.run("search", "--eval", str(file), "--source", source, "--mode", mode.value, "--json"))
    return float(said["means"]["ndcg_at_10"])


def command_cases(work: Path) -> Iterator[Figure]:
    """`gbrain search` as a whole process, on a server that is running, over 8,000 pages."""
    with postgres(18) as server:
        home = Home(work / "home", server.url("postgres"), embedder="local")
        repositories = {f"s{number}": str(work / f"s{number}") for number in range(4)}
        for number, folder in enumerate(repositories.values()):
            first = number * 2000
            corpus.write_repository(Path(folder), ((corpus.path(i), corpus.page(first + i)) for i in range(2000)))
        home.register("path", repositories)
        home.run("sync", "--all")
        queries = [" ".join(corpus.title_words(seed)) for seed in range(7)]
        for mode, seconds in ((Mode.KEYWORD, 0.40), (Mode.HYBRID, 0.60)):
            times = [home.timed("search", "--mode", mode.value, query) for query in queries]
            yield at_most(f"gbrain search --mode {mode.value}, 8,000 pages, whole process", times, seconds)


def japanese_cases(work: Path) -> Iterator[Figure]:
    """A phrase in Japanese on a real repository; skipped where it is not there."""
    if CORPORA is None:
        return
    Repository(work).git("clone", "-q", str(Path(CORPORA) / "astro.bundle"), "astro")
    home = Home(work / "home", embedder="none")
    home.register("path", {"astro": str(work / "astro")})
    home.run("sync", "--all")
    phrase = "ライトモードとダークモードのテーマを設定する"
    said = json.loads(home.run("search", "--mode", "keyword", f'"{phrase}"', "--json"))
    home.destroy()
    paths = [hit["path"] for hit in said["results"]]
    held = [path for path in paths if phrase in (work / "astro" / path).read_text()]
    yield Figure(
        "a Japanese phrase on astro.bundle",
        f"{len(held)} of {len(paths)} pages that were found hold it",
        "finds the page that holds it",
        bool(paths) and held == paths,
    )


def scale_cases(work: Path) -> Iterator[Figure]:
    """A million chunks, served, by words."""
    yield from _at_scale(work, Mode.KEYWORD, 0.030)


def vectors_at_scale_cases(work: Path) -> Iterator[Figure]:
    """The same with a vector for each and the index over them, which takes most of an hour to make."""
    yield from _at_scale(work, Mode.HYBRID, 0.040)


def _at_scale(work: Path, mode: Mode, seconds: float) -> Iterator[Figure]:
    with postgres(18, durable=False, settings=SERVED) as server:
        home = Home(work / "home", server.url("postgres"), embedder="local" if mode is Mode.HYBRID else "none")
        repositories = {f"s{number}": str(work / f"s{number}") for number in range(_SOURCES)}
        for number, folder in enumerate(repositories.values()):
            first = number * _PAGES
            corpus.write_repository(Path(folder), ((corpus.path(i), corpus.page(first + i)) for i in range(_PAGES)))
        home.register("path", repositories)
        home.run("sync", "--all")
        yield from answers_at_scale(home, work, mode, seconds)


def answers_at_scale(home: Home, work: Path, mode: Mode, seconds: float) -> Iterator[Figure]:
    """How fast a brain that is there answers four callers in one process, alone and beside a sync."""
    shown = json.loads(home.run("sources", "status", "--json"))["sources"]
    chunks = sum(source["chunks_total"] for source in shown)
    how = "by words" if mode is Mode.KEYWORD else "by words and vectors"
    queries = asyncio.run(_chosen(home))
    alone = asyncio.run(_asked(home, queries, mode))
    yield _answers(f"{chunks:,} chunks, served, {_CALLERS} callers in one process, {how}", alone, seconds)
    corpus.write_repository(work / "more", ((corpus.path(i), corpus.page(9_000_000 + i)) for i in range(8000)))
    home.run("sources", "add", "more", "--path", str(work / "more"))
    syncing = home.start("sync", "--source", "more", "--workers", "1")
    beside: list[float] = []
    while syncing.poll() is None:
        beside += asyncio.run(_asked(home, queries[:100], mode))
    if syncing.returncode:
        raise RuntimeError(f"the sync beside ended with {syncing.returncode}")
    yield _answers(f"the same, {how}, while a sync with --workers 1 writes 8,000 pages", beside, 2 * _p95(alone))


def _answers(name: str, times: Sequence[float], seconds: float) -> Figure:
    middle, p95 = statistics.median(times), _p95(times)
    return Figure(
        name,
        f"p95 {p95 * 1000:.1f} ms, median {middle * 1000:.1f} ms, of {len(times):,} queries",
        f"p95 at most {seconds * 1000:.0f} ms",
        p95 <= seconds,
    )


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]


@asynccontextmanager
async def _open(home: Home) -> AsyncIterator[Searcher]:
    settings = read_settings(home.env())
    async with open_brain(settings, home.url or "", connections=_CALLERS + 2) as brain, searching(brain) as searcher:
        yield searcher


async def _asked(home: Home, queries: Sequence[str], mode: Mode) -> list[float]:
    """Seconds that each query took, four under way at a time."""
    times: list[float] = []
    gc.freeze()  # as each command does once it is loaded
    async with _open(home) as searcher:
        for query in queries[:20]:
            await searcher.search(Asked(query=query, mode=mode))
        waiting = iter(queries)

        async def call() -> None:
            for query in waiting:
                started = time.perf_counter()
                await searcher.search(Asked(query=query, mode=mode))
                times.append(time.perf_counter() - started)

        await asyncio.gather(*(call() for _ in range(_CALLERS)))
    return times


async def _chosen(home: Home) -> list[str]:
    """Queries of 2 to 6 words of titles that stand in fewer than a tenth of the texts; the last word of each tenth one
    stands in about a tenth. More frequent words are here what stop words are in prose.
    """
    share = await _shares(home)
    rng = random.Random(5)
    usual = [word for word in corpus.vocabulary() if share(word) < 0.8 * _COMMON]
    common = [word for word in corpus.vocabulary() if 0.8 * _COMMON <= share(word) <= 1.2 * _COMMON]
    known = set(usual)
    titles = (word for seed in iter(lambda: rng.randrange(_SOURCES * _PAGES), -1) for word in corpus.title_words(seed))
    words = (word for word in titles if word in known)
    queries = []
    for number in range(_QUERIES):
        chosen = [next(words) for _ in range(rng.randint(2, 6))]
        queries.append(" ".join([*chosen[:-1], rng.choice(common)] if number % 10 == 0 else chosen))
    return queries


async def _shares(home: Home) -> Callable[[str], float]:
    """In what share of the texts a word stands."""
    import psycopg

    from gbrain.domain.lexing import asked, term
    from gbrain.domain.postings import ENTRY_BYTES

    with psycopg.connect(home.url or "") as conn:
        rows = conn.execute("SELECT term, sum(length(entries)) FROM gbrain.postings GROUP BY term").fetchall()
        row = conn.execute("SELECT sum(texts) FROM gbrain.segments").fetchone()
    texts = {one: int(size) // ENTRY_BYTES for one, size in rows}
    total = int(row[0]) if row is not None else 1
    return lambda word: max((texts.get(term(lexeme), 0) for lexeme in asked(word)), default=0) / total


CASES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "quality": quality_cases,
    "command": command_cases,
    "japanese": japanese_cases,
    "scale": scale_cases,
}
BY_NAME_ALONE: dict[str, Callable[[Path], Iterator[Figure]]] = {"vectors_at_scale": vectors_at_scale_cases}
"""What takes too long to be run with the others."""
