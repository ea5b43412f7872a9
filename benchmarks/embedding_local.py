"""The local model inside a first sync, and moves that must ask for nothing."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from benchmarks import corpus
from benchmarks.figures import Figure, runs
from benchmarks.home import Home
from benchmarks.measure import settle_disk
from gbrain.domain.passages import passage_of
from gbrain.embedding.local import LocalEmbedder
from gbrain.postgres.embedded import EmbeddedServer
from support.endpoint import endpoint
from support.servers import postgres

SOURCES = ("s0", "s1", "s2", "s3")
PAGES = 2000
MOVED = 500
_BATCH = 256


def local_cases(work: Path) -> Iterator[Figure]:
    """A first sync with the local model, against one without and the model's own time over the same texts."""
    repositories = {name: str(work / name) for name in SOURCES}
    for number, folder in enumerate(repositories.values()):
        first = number * PAGES
        corpus.write_repository(Path(folder), ((corpus.path(i), corpus.page(first + i)) for i in range(PAGES)))
    alone, with_it = [], []
    home = Home(work / "unused")
    for turn in range(3):
        for times, flags in ((alone, ("--no-embed",)), (with_it, ())):
            home.destroy()
            home = Home(work / f"home-{turn}-{len(flags)}", embedder="local")
            home.register("path", repositories)
            settle_disk()
            times.append(home.timed("sync", "--all", *flags))
    shown = json.loads(home.run("sources", "status", "--json"))["sources"]
    if any(source["embedding_coverage_pct"] != 100.0 for source in shown):
        raise RuntimeError("the sync left something without a vector")
    texts = _texts(home)
    own = _own_seconds(texts)
    home.destroy()
    least = statistics.median(alone) + own / 2
    found = statistics.median(with_it)
    yield Figure(
        f"first sync of {PAGES * len(SOURCES):,} pages with the local model ({len(texts):,} texts)",
        f"{found:.2f} s = {found / least:.2f} × {least:.2f} s ({statistics.median(alone):.2f} s without, half of the "
        f"model's own {own:.2f} s); runs {runs(with_it)}, without {runs(alone)}",
        "at most 1.3 × that",
        found <= 1.3 * least,
    )


def moved_cases(work: Path) -> Iterator[Figure]:
    """Pages that move, and a repository that is registered twice."""
    with postgres(18) as server, endpoint(dimensions=256, fast=True) as played:
        repository = work / "repository"
        corpus.write_repository(repository, ((f"old/{corpus.path(i)}", corpus.page(i)) for i in range(MOVED)))
        home = Home(work / "home", server.url("postgres"), embedder="played")
        home.configure('embed_budget = "10m"\n' + played.toml("played"))
        home.register("path", {"one": str(repository)})
        home.run("sync", "--all")
        before = len(played.journal())
        corpus.move(repository, "old", "new")
        moved = json.loads(home.run("sync", "--all", "--json"))["sources"][0]
        home.run("sources", "add", "two", "--path", str(repository))
        twice = json.loads(home.run("sync", "--all", "--json"))["sources"][1]
        asked = len(played.journal()) - before
        pending = moved["embeddings_pending"] + twice["embeddings_pending"]
    yield Figure(
        f"{MOVED} pages with headings moved to another folder, and the same repository registered twice",
        f"{asked} requests ({moved['renamed']} renamed, {twice['added']} added, {pending} without a vector)",
        "no request at all",
        asked == 0 and before > 0 and not pending and moved["renamed"] == twice["added"] == MOVED,
    )


def minute_cases(work: Path) -> Iterator[Figure]:
    """Budgets of a sliding minute, on a clock that jumps."""
    from support import minutes

    with postgres(18) as server:
        url = server.url("postgres")
        Home(work / "home", url).run("init")
        took, sending = minutes.fill(url, texts=47, requests=3, tokens=10_000, tokens_a_text=400, estimated=420)
    least = 60 + minutes.LATENCY_S
    yield Figure(
        "47 texts of 400 tokens at 3 requests and 10,000 tokens a sliding minute, virtual clock",
        f"{took:.1f} s = {took / least:.2f} × the least of {least:.0f} s, in {len(sending.sent)} requests",
        "at most 1.1 × the least",
        took <= 1.1 * least,
    )


def _texts(home: Home) -> list[str]:
    """Each text that was embedded, once."""
    with EmbeddedServer.open(home.folder, say=lambda text: None) as server, psycopg.connect(server.conninfo) as conn:
        rows = conn.execute(
            "SELECT DISTINCT ON (c.passage) p.title, c.headings, t.text"
            " FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id"
            " JOIN gbrain.texts AS t ON t.id = c.text_id"
            " WHERE c.passage IS NOT NULL"
        ).fetchall()
    return [passage_of(title, headings, text) for title, headings, text in rows]


def _own_seconds(texts: list[str]) -> float:
    """The model's own time over the texts, loading included."""

    async def embed() -> None:
        embedder = LocalEmbedder()
        for start in range(0, len(texts), _BATCH):
            await embedder.embed(texts[start : start + _BATCH])
        await embedder.close()

    started = time.perf_counter()
    asyncio.run(embed())
    return time.perf_counter() - started
