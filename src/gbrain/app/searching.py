"""Search over a brain: what is asked is embedded where a model serves, and what stood in the way is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from gbrain.app.asking import Asker
from gbrain.app.brain import Brain
from gbrain.app.queueing import Queue
from gbrain.domain.models import NONE, Model, ModelState
from gbrain.domain.query import parse
from gbrain.domain.query_values import Query
from gbrain.domain.search import Asked, Found, Hit, Mode, Note
from gbrain.errors import CouldNotRun, NotFound
from gbrain.services.nearness import Meant
from gbrain.services.searching import Search, name_asked, said
from gbrain.services.words import Kept, lexemes_of, segment_of
from gbrain.store import faults
from gbrain.store import search as store
from gbrain.store.connection import Connection
from gbrain.store.search import Scope

_TRIES = 2
_AT_ONCE = 2
_COUNTED_FOR_S = 0.05
"""So many searches by words are under way at a time: while the server looks for one, this process ranks another. What
takes longer waits for the server, as those with vectors do most of their time.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    hits: tuple[Hit, ...]
    notes: tuple[Note, ...]
    by_vector: bool


class Searcher:
    """Searches a brain, one question after another or side by side; the model that embeds them is loaded once."""

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self._asker = Asker(brain)
        self._model: Model | None = None
        self._kept = Kept()
        self._queue = Queue(at_once=_AT_ONCE, counted_for_s=_COUNTED_FOR_S)

    async def search(self, asked: Asked) -> Found:
        """The pages that answer best; raises NotFound for a source there is not, or that the caller may not see."""
        query = parse(asked.query)
        text = said(query)
        answer = await self._tried(asked, query, " ".join(text))
        notes = list(answer.notes)
        if not answer.by_vector and text and not lexemes_of(text) and not any(hit.score for hit in answer.hits):
            notes.append(_NO_WORDS)
        end = asked.offset + asked.limit
        return Found(
            mode=asked.mode if answer.by_vector else Mode.KEYWORD,
            hits=answer.hits[asked.offset : end],
            notes=tuple(notes),
            is_more=len(answer.hits) > end,
        )

    async def close(self) -> None:
        """Let go of what embeds."""
        await self._asker.close()

    async def _tried(self, asked: Asked, query: Query, text: str) -> _Answer:
        """What is found. Where a model no longer serves, that which does is asked for once; what takes too long is gone
        without.
        """
        why = "the model that serves changed meanwhile, and again"
        for _ in range(_TRIES):
            meant, notes = None, list[Note]()
            if asked.mode is not Mode.KEYWORD and text.strip():
                meant = await self._meant(text, notes)
            try:
                question = partial(self._pages, asked=asked, query=query, meant=meant, notes=notes)
                found = await self.brain.ask(question) if meant is not None else await self._in_turn(question)
            except (*faults.GONE, *faults.TOOK_TOO_LONG) as error:
                if meant is None:
                    raise
                why = faults.message(error)
                if isinstance(error, faults.TOOK_TOO_LONG):
                    break
            else:
                if found is not None:
                    return found
            self._model = None
        return await self._by_words(asked, query, _not_found(why))

    async def _by_words(self, asked: Asked, query: Query, note: Note) -> _Answer:
        plainly = replace(asked, mode=Mode.KEYWORD)
        found = await self._in_turn(partial(self._pages, asked=plainly, query=query, meant=None, notes=[note]))
        if found is None:
            raise RuntimeError("words are looked up by no model")
        return found

    async def _in_turn(self, question: Callable[[Connection], Awaitable[_Answer | None]]) -> _Answer | None:
        async with self._queue.turn():
            return await self.brain.ask(question)

    async def _meant(self, text: str, notes: list[Note]) -> Meant | None:
        """What was asked as a vector; None, with a note, where there is none to be had."""
        model = self._model = self._model or await self._active()
        if model is None:
            notes.append(_NO_MODEL)
            return None
        try:
            vector = await self._asker.vector_of(text, model)
        except CouldNotRun as error:
            notes.append(_unreachable(str(error)))
            return None
        return Meant(model_id=model.id, vector=vector) if any(vector) else None

    async def _active(self) -> Model | None:
        if self.brain.settings.embedder == NONE:
            return None
        from gbrain.store import models

        found = await self.brain.ask(models.all_models)
        return next((model for model in found if model.state is ModelState.ACTIVE), None)

    async def _pages(
        self, conn: Connection, *, asked: Asked, query: Query, meant: Meant | None, notes: list[Note]
    ) -> _Answer | None:
        """The best pages, one more than are asked for; None where another model serves than that of what was meant."""
        near = meant is not None
        async with store.moment(conn, name_asked(query), asked.visible, near=near) as sources:
            self._kept.keep_only({segment_of(head) for one in sources.values() for head in one.segments})
            scope = _scope(sources, asked, query)
            if meant is not None and any(one.model_id != meant.model_id for one in scope.values()):
                return None
            by_words = asked.mode is not Mode.VECTOR or meant is None
            search = Search(conn, query, scope, self._kept, by_words=by_words, meant=meant)
            hits = await search.pages(asked.offset + asked.limit + 1) if scope else []
        found = [*notes, *_notes_of(scope.values(), by_vector=meant is not None)]
        return _Answer(hits=tuple(hits), notes=tuple(found), by_vector=meant is not None)


@asynccontextmanager
async def searching(brain: Brain) -> AsyncIterator[Searcher]:
    """What searches the brain for as long as the block runs."""
    searcher = Searcher(brain)
    try:
        yield searcher
    finally:
        await searcher.close()


def _scope(all_sources: Mapping[str, Scope], asked: Asked, query: Query) -> dict[str, Scope]:
    """The sources to look at: those named, else the federated ones; of neither any that the caller may not see."""
    known = {one: scope for one, scope in all_sources.items() if asked.visible is None or one in asked.visible}
    for source in [*(asked.sources or ()), *query.wanted.sources]:
        if source not in known:
            listed = ", ".join(known) or "none"
            raise NotFound(f"there is no source {source!r} to search", hint=f"there are: {listed}")
    wanted, unwanted = query.wanted.sources, query.unwanted.sources
    chosen = known.keys() if wanted else {one for one, scope in known.items() if scope.federated}
    chosen = set(asked.sources) if asked.sources is not None else set(chosen)
    chosen &= set(wanted) if wanted else chosen
    return {one: scope for one, scope in known.items() if one in chosen and one not in unwanted}


def _notes_of(scope: Collection[Scope], *, by_vector: bool) -> Iterator[Note]:
    """What the sources that are looked at lack."""
    places, pending = sum(one.places for one in scope), sum(one.pending for one in scope)
    if by_vector and pending:
        share = max(0.0, 100 * (places - pending) / places) if places else 0.0
        yield Note(
            code="vectors_incomplete",
            message=f"only {share:.1f} % of the texts have a vector: the others are found by their words alone",
            hint="gbrain embed fills in the rest",
        )
    if any(one.is_outdated for one in scope):
        yield _OUTDATED


def _unreachable(why: str) -> Note:
    return Note(
        code="no_vector",
        message=f"what was asked could not be embedded, and pages are found by their words alone: {why}",
        hint="see gbrain models list, and the embedder in config.toml",
    )


def _not_found(why: str) -> Note:
    return Note(
        code="no_vector",
        message=f"the nearest texts could not be looked up, and pages are found by their words alone: {why}",
        hint="ask again; see gbrain models list, and what keeps the database busy",
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
    message="some sources were indexed by another version: what was not synced since is not found",
    hint="gbrain sync --all",
)
