"""Search over a brain: what is asked is embedded where a model serves, and what stood in the way is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gbrain.app.brain import Brain
from gbrain.app.embedders import opened
from gbrain.domain.models import NONE, Model
from gbrain.domain.query import parse
from gbrain.domain.query_values import Query
from gbrain.domain.search import Asked, Found, Hit, Mode, Note
from gbrain.embedding.answers import Embedder, Vectors
from gbrain.errors import CouldNotRun, NotFound
from gbrain.services import models
from gbrain.services.searching import Meant, Search, said
from gbrain.services.words import lexemes_of
from gbrain.store import search as store
from gbrain.store.connection import Connection

_EMBED_S = 5.0
"""A provider that does not embed what is asked within this is gone without."""


class Searcher:
    """Searches a brain, one question after another or side by side; the model that embeds them is loaded once."""

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self._embedders: dict[int, Embedder] = {}

    async def search(self, asked: Asked) -> Found:
        """The pages that answer best; raises NotFound for a source there is not, or that the caller may not see."""
        query = parse(asked.query)
        sources = await self.brain.ask(lambda conn: _scope(conn, asked, query))
        text = said(query)
        notes: list[Note] = []
        meant = (
            None
            if asked.mode is Mode.KEYWORD
            else await self._meant(" ".join(text), notes, may_count=asked.visible is None)
        )
        by_words = asked.mode is not Mode.VECTOR or meant is None
        if by_words and meant is None and not lexemes_of(text):
            notes.append(_NO_WORDS)
        is_outdated = await self.brain.ask(lambda conn: store.any_outdated(conn, sources))
        if is_outdated:
            notes.append(_OUTDATED)
        end = asked.offset + asked.limit
        hits = await self.brain.ask(lambda conn: _pages(conn, query, sources, by_words, meant, end + 1))
        return Found(
            mode=Mode.KEYWORD if meant is None else asked.mode,
            hits=tuple(hits[asked.offset : end]),
            notes=tuple(notes),
            is_more=len(hits) > end,
        )

    async def close(self) -> None:
        """Let go of what embeds."""
        while self._embedders:
            await self._embedders.popitem()[1].close()

    async def _meant(self, text: str, notes: list[Note], *, may_count: bool) -> Meant | None:
        """What was asked as a vector; None, with a note, where there is none to be had."""
        if not text.strip():
            return None
        model = None if self.brain.settings.embedder == NONE else (await self.brain.ask(models.in_use)).active
        if model is None:
            notes.append(_NO_MODEL)
            return None
        covered = await self.brain.ask(lambda conn: models.covered(conn, model))
        if covered.pending:
            notes.append(_incomplete(covered if may_count else None))
        try:
            async with asyncio.timeout(_EMBED_S):
                answer = await self._embedder(model).embed([text])
        except (TimeoutError, CouldNotRun) as error:
            notes.append(_unreachable(str(error) or f"no answer within {_EMBED_S:g} s"))
            return None
        if not isinstance(answer, Vectors):
            notes.append(_unreachable(answer.message))
            return None
        vector = [float(number) for number in answer.rows[0]]
        return Meant(model_id=model.id, vector=vector) if any(vector) else None

    def _embedder(self, model: Model) -> Embedder:
        if model.id not in self._embedders:
            self._embedders[model.id] = opened(self.brain.settings, model, self.brain.pool).embedder
        return self._embedders[model.id]


@asynccontextmanager
async def searching(brain: Brain) -> AsyncIterator[Searcher]:
    """What searches the brain for as long as the block runs."""
    searcher = Searcher(brain)
    try:
        yield searcher
    finally:
        await searcher.close()


async def _scope(conn: Connection, asked: Asked, query: Query) -> list[str]:
    """The sources to look at: those named, else the federated ones; of neither any that the caller may not see."""
    federated = await store.scope(conn)
    known = {source for source in federated if asked.visible is None or source in asked.visible}
    named = [*(asked.sources or ()), *query.wanted.sources]
    for source in named:
        if source not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise NotFound(f"there is no source {source!r} to search", hint=f"there are: {listed}")
    found = set(asked.sources) if asked.sources is not None else {one for one in known if federated[one]}
    if query.wanted.sources:
        found = set(query.wanted.sources) & (found if asked.sources is not None else known)
    return sorted(found - set(query.unwanted.sources))


async def _pages(
    conn: Connection, query: Query, sources: Sequence[str], by_words: bool, meant: Meant | None, count: int
) -> list[Hit]:
    if not sources:
        return []
    return await Search(conn, query, sources, by_words=by_words, meant=meant).pages(count)


def _incomplete(covered: models.Covered | None) -> Note:
    """How many of all sources' texts have a vector is told only to whoever may see all of them."""
    places = covered.places if covered is not None else 0
    share = f"only {100 * (places - covered.pending) / places:.1f} %" if covered is not None and places else "not all"
    return Note(
        code="vectors_incomplete",
        message=f"{share} of the texts have a vector: the others are found by their words alone",
        hint="gbrain embed fills in the rest",
    )


def _unreachable(why: str) -> Note:
    return Note(
        code="no_vector",
        message=f"what was asked could not be embedded, and pages are found by their words alone: {why}",
        hint="see gbrain models list, and the embedder in config.toml",
    )


_NO_MODEL = Note(
    code="no_model",
    message="there is no embedding model: pages are found by their words alone",
    hint="gbrain embed makes vectors",
)
_NO_WORDS = Note(
    code="no_words",
    message="nothing of what was asked can be looked up by words",
    hint="ask for words that tell texts apart: those that stand in nearly every text are left out",
)
_OUTDATED = Note(
    code="index_outdated",
    message="some sources were indexed by another version: what was not synced since is not found by words",
    hint="gbrain sync --all",
)
