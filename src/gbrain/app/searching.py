"""Search over a brain: what is asked is embedded where a model serves, and what stood in the way is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from gbrain.app.asking import Asker
from gbrain.app.brain import Brain
from gbrain.domain.models import NONE
from gbrain.domain.query import parse
from gbrain.domain.query_values import Query
from gbrain.domain.search import Asked, Found, Hit, Mode, Note
from gbrain.errors import CouldNotRun, NotFound
from gbrain.services.nearness import Meant
from gbrain.services.searching import Search, said
from gbrain.services.words import Kept, lexemes_of
from gbrain.store import faults
from gbrain.store import search as store
from gbrain.store.connection import Connection
from gbrain.store.search import Scope

if TYPE_CHECKING:
    from gbrain.services.models import Covered

_TRIES = 2


class Searcher:
    """Searches a brain, one question after another or side by side; the model that embeds them is loaded once."""

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self._asker = Asker(brain)
        self._kept = Kept()

    async def search(self, asked: Asked) -> Found:
        """The pages that answer best; raises NotFound for a source there is not, or that the caller may not see."""
        query = parse(asked.query)
        text, notes = said(query), list[Note]()
        hits, meant, is_outdated = await self._tried(asked, query, text, notes)
        if meant is None and text and not lexemes_of(text) and not any(hit.score for hit in hits):
            notes.append(_NO_WORDS)
        if is_outdated:
            notes.append(_OUTDATED)
        end = asked.offset + asked.limit
        return Found(
            mode=Mode.KEYWORD if meant is None else asked.mode,
            hits=tuple(hits[asked.offset : end]),
            notes=tuple(notes),
            is_more=len(hits) > end,
        )

    async def _tried(
        self, asked: Asked, query: Query, text: list[str], notes: list[Note]
    ) -> tuple[list[Hit], Meant | None, bool]:
        """What is found. A model that was dropped is asked for once more; what takes too long is gone without."""
        why = ""
        for _ in range(_TRIES):
            meant, found_notes = None, list[Note]()
            if asked.mode is not Mode.KEYWORD:
                meant = await self._meant(" ".join(text), found_notes, may_count=asked.visible is None)
            by_words = asked.mode is not Mode.VECTOR or meant is None
            try:
                hits, is_outdated = await self.brain.ask(
                    partial(self._pages, asked=asked, query=query, by_words=by_words, meant=meant)
                )
            except (*faults.GONE, *faults.TOOK_TOO_LONG) as error:
                if meant is None:
                    raise
                why = faults.message(error)
                continue
            notes += found_notes
            return hits, meant, is_outdated
        notes.append(_unreachable(why))
        hits, is_outdated = await self.brain.ask(
            partial(self._pages, asked=asked, query=query, by_words=True, meant=None)
        )
        return hits, None, is_outdated

    async def close(self) -> None:
        """Let go of what embeds."""
        await self._asker.close()

    async def _meant(self, text: str, notes: list[Note], *, may_count: bool) -> Meant | None:
        """What was asked as a vector; None, with a note, where there is none to be had."""
        if not text.strip():
            return None
        from gbrain.services import models

        model = None if self.brain.settings.embedder == NONE else (await self.brain.ask(models.in_use)).active
        if model is None:
            notes.append(_NO_MODEL)
            return None
        covered = await self.brain.ask(lambda conn: models.covered(conn, model))
        if covered.pending:
            notes.append(_incomplete(covered if may_count else None))
        try:
            vector = await self._asker.vector_of(text, model)
        except CouldNotRun as error:
            notes.append(_unreachable(str(error)))
            return None
        return Meant(model_id=model.id, vector=vector) if any(vector) else None

    async def _pages(
        self, conn: Connection, *, asked: Asked, query: Query, by_words: bool, meant: Meant | None
    ) -> tuple[list[Hit], bool]:
        """The best pages, one more than are asked for, and whether any of the sources is indexed by another rule."""
        async with store.moment(conn):
            scope = _scope(await store.scope(conn), asked, query)
            if not scope:
                return [], False
            search = Search(conn, query, scope, self._kept, by_words=by_words, meant=meant)
            hits = await search.pages(asked.offset + asked.limit + 1)
        return hits, any(one.is_outdated for one in scope.values())


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


def _incomplete(covered: Covered | None) -> Note:
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
