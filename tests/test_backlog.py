"""The backlog under everything at once: batches that add, change and remove, imports, workers that fill and that die.

What is kept must be what is there: the places that wait, counted; and each passage without a vector in the backlog.
With GBRAIN_TORTURE=1 in the environment it is tried forty times, each time otherwise.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pytest

from gbrain.domain.content import Chunk, PageContent, PageKind
from gbrain.domain.lease import lease_name
from gbrain.domain.models import Model, Spec
from gbrain.domain.source import newcomer
from gbrain.embedding.answers import Answer, Deferred, PushedBack, Vectors
from gbrain.machine.process import this_process
from gbrain.postgres.pool import Pool, open_pool
from gbrain.services import models, transfer_vectors
from gbrain.services.claims import Claims
from gbrain.services.filling import Filler
from gbrain.services.progress import Board
from gbrain.services.requests import Packing
from gbrain.services.throttling import Unthrottled
from gbrain.services.writing import retried
from gbrain.store import leases, runs, sources, vectors
from gbrain.store.backlog import WorkerProgress
from gbrain.store.batch import write_batch
from gbrain.store.encoded import encode_page
from gbrain.store.rows import Batch, PageRow, Writer
from gbrain.store.schema import migrate
from gbrain.store.vector_transfer import Carried, Piece
from support.servers import Server

_TEXTS = [f"text number {n}" for n in range(40)]
_PASSAGES = [f"{title}\n\n{text}" for title in ("one title", "another") for text in _TEXTS]
_SEEDS = 40 if os.environ.get("GBRAIN_TORTURE") == "1" else 2
_TERM = timedelta(seconds=20)
_DIMENSIONS = 8
_DEADLOCKS_SOON = "?options=-c%20deadlock_timeout%3D50ms"
"""A batch that waits in a circle for the usual second would be open for as long as the sweep here keeps things."""


@dataclass
class _Played:
    """An embedder whose vectors follow from the texts, and that now and then does not answer."""

    sent: list[str] = field(default_factory=list)
    moody: random.Random | None = None

    async def embed(self, texts: Sequence[str]) -> Answer:
        await asyncio.sleep(0)
        if self.moody is not None and self.moody.random() < 0.2:
            wait = timedelta(milliseconds=2)
            return self.moody.choice([PushedBack(wait=wait, message="busy"), Deferred(wait=wait, message="down")])
        self.sent += texts
        return Vectors(rows=np.stack([_vector(text) for text in texts]))

    async def close(self) -> None:
        pass

    def tokens_of(self, text: str) -> int:
        return len(text)


def _vector(text: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    raw = np.frombuffer(hashlib.sha256(text.encode()).digest()[:_DIMENSIONS], dtype=np.uint8).astype(np.float32) - 127.5
    return np.asarray(raw / np.linalg.norm(raw), dtype=np.float32)


@asynccontextmanager
async def _opened(server: Server, name: str) -> AsyncIterator[Pool]:
    async with open_pool(server.url(name) + _DEADLOCKS_SOON, size=12, gone_after_s=20) as pool:
        async with pool.connection() as conn:
            await migrate(conn)
        yield pool


async def _model(pool: Pool, name: str = "played") -> Model:
    return await models.register(pool, Spec(embedder=name, model="m", dimensions=_DIMENSIONS))


@dataclass
class _Author:
    """Writes the pages of one source in batches, and remembers which there are."""

    pool: Pool
    writer: Writer
    dice: random.Random
    first_page: int
    there: set[int] = field(default_factory=set)

    async def write(self) -> None:
        """A batch of some pages that are new, changed or gone."""
        chosen = self.dice.sample([self.first_page + number for number in range(12)], 4)
        gone = [page for page in chosen if page in self.there and self.dice.random() < 0.3]
        kept = [page for page in chosen if page not in gone]
        if self.dice.random() < 0.5:  # nothing but new pages: the short way through
            gone, kept = [], [page for page in chosen if page not in self.there]
        batch = Batch(items=4, removed=[(page, True) for page in gone], pages=[self._page(page) for page in kept])
        await retried(self.pool, self.writer, lambda conn: write_batch(conn, self.writer, batch, None))
        self.there = (self.there | set(kept)) - set(gone)

    def _page(self, page: int) -> PageRow:
        texts = self.dice.choices(_TEXTS, k=self.dice.randint(1, 6))
        chunks = tuple(Chunk(text, hashlib.sha256(text.encode()).digest(), (), 1, 1) for text in texts)
        content = PageContent(PageKind.TEXT, self.dice.choice(["one title", "another"]), None, 1, chunks, ())
        return PageRow(
            page_id=page,
            is_new=page not in self.there,
            renamed=False,
            path=b"%d.md" % page,
            blob=b"b",
            slug=str(page),
            content=encode_page(page, content),
        )


async def _author(pool: Pool, number: int, seed: int) -> _Author:
    source = f"s{number}"
    async with pool.connection() as conn:
        await sources.add(conn, replace(newcomer(source), url="https://host/repository"))
        granted = await leases.take_lapsed(conn, lease_name(source), this_process(), term=timedelta(hours=1))
        assert granted is not None
        run = await runs.begin(conn, source, granted.lease, this_process(), from_revision=None)
    writer = Writer(
        source_id=source,
        run_id=run.id,
        lease=granted.lease,
        fingerprint=b"f",
        limit=timedelta(seconds=10),
        probe=lambda step: None,
    )
    return _Author(pool, writer, random.Random(seed * 100 + number), first_page=number * 100)


def _filler(pool: Pool, model: Model, embedder: _Played, *, goes_on: Callable[[], bool]) -> Filler:
    claims = Claims(pool, model.id, this_process(), term=_TERM, source=None)
    progress = Board(lambda event: None).run_of(None)
    return Filler(pool, claims, embedder, Unthrottled(3), Packing(max_items=4), progress, goes_on=goes_on)


_LACKING = """
    SELECT p.source_id, c.passage FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
    WHERE c.passage IS NOT NULL AND NOT EXISTS (SELECT FROM gbrain.embedding_{0} AS v WHERE v.passage = c.passage)
"""


async def _check(pool: Pool, model: Model) -> int:
    """What is kept, held against what is there; how many places wait."""
    async with pool.connection() as conn:
        lacking = await (await conn.execute(_LACKING.format(model.id).encode())).fetchall()
        kept = dict(await (await conn.execute("SELECT source_id, pending FROM gbrain.coverage")).fetchall())
        backlog = {row[0] for row in await (await conn.execute("SELECT passage FROM gbrain.backlog")).fetchall()}
    assert Counter(source for source, _ in lacking) == Counter({source: n for source, n in kept.items() if n})
    assert {passage for _, passage in lacking} <= backlog
    return len(lacking)


@pytest.mark.parametrize("seed", range(_SEEDS))
async def test_counts_are_exact_and_nothing_is_missed_whatever_runs_side_by_side(
    server: Server, new_database: Callable[[], str], seed: int
) -> None:
    moody = random.Random(seed)
    async with _opened(server, new_database()) as pool:
        authors = [await _author(pool, number, seed) for number in range(3)]
        for author in authors[:2]:
            await author.write()  # what is there before the model comes
        writing, embedder = True, _Played(moody=moody)

        async def write(author: _Author) -> None:
            for _ in range(25):
                await author.write()

        async def fill(model: Model) -> None:
            await _filler(pool, model, embedder, goes_on=lambda: writing).fill()

        async def sweep(model: Model) -> None:
            while writing:
                async with pool.connection() as conn:
                    await vectors.sweep(conn, [model.id], keep=timedelta(seconds=3), limit=7)
                await asyncio.sleep(0.01)

        async def die(model: Model) -> None:
            """Workers that claim, and are gone."""
            while writing:
                claims = Claims(pool, model.id, this_process(), term=timedelta(milliseconds=100), source=None)
                async with claims.held(lambda: WorkerProgress()):
                    await claims.more(5)
                    await asyncio.sleep(0.01)

        async def carry(model: Model) -> None:
            """An import of vectors, of passages that stand somewhere and of such as stand nowhere."""
            dice = random.Random(seed)
            while writing:
                await transfer_vectors.bring_in(pool, [_carried(model)], [(0, _piece(dice))], _unlike)
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            written = [group.create_task(write(author)) for author in authors]
            model = await _model(pool)
            others = [group.create_task(work(model)) for work in (fill, fill, sweep, die, carry, carry)]
            await asyncio.gather(*written)
            writing = False
        del others
        await _check(pool, model)
        await _filler(pool, model, _Played(), goes_on=lambda: False).fill()
        assert await _check(pool, model) == 0
        await _each_vector_is_its_text(pool, model)


def _carried(model: Model) -> Carried:
    return Carried(**{name: getattr(model, name) for name in Carried.__dataclass_fields__})


def _piece(dice: random.Random) -> Piece:
    texts = dice.sample(_PASSAGES, 12)
    hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
    return Piece(passages=b"".join(hashes), vectors=b"".join(_vector(text).astype(">f2").tobytes() for text in texts))


def _unlike() -> Spec:
    raise AssertionError("nobody asks for the local embedder")


async def _each_vector_is_its_text(pool: Pool, model: Model) -> None:
    right = {hashlib.sha256(text.encode()).digest(): _vector(text) for text in _PASSAGES}
    async with pool.connection() as conn:
        rows = await (
            await conn.execute(f"SELECT passage, vector::real[] FROM gbrain.embedding_{model.id}".encode())
        ).fetchall()
    assert rows
    for passage, vector in rows:
        assert np.allclose(vector, right[passage], atol=1e-3)
