"""Which pages fit a query: what its fields ask for, and none of what must not be there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from gbrain.domain.filtering import Filter
from gbrain.domain.lexing import exact, folded
from gbrain.domain.query_values import Query
from gbrain.domain.ranking import Word
from gbrain.services.candidates import is_said
from gbrain.services.words import Index
from gbrain.store import search
from gbrain.store.connection import Connection
from gbrain.store.search import PageRow


class Fitting:
    """The pages of some sources that fit, by edition.

    An unwanted word that one lexeme tells is looked up. Phrases, and words of several lexemes, are looked for in what a
    page says, once it is about to be shown.
    """

    def __init__(self, conn: Connection, query: Query, sources: Sequence[str]) -> None:
        self._conn, self._sources = conn, sources
        self._filter, unwanted = Filter(query), query.unwanted
        one = {word: exact(word) for word in unwanted.words}
        self.lexemes = [lexeme for lexeme in one.values() if lexeme is not None]
        written = [*unwanted.phrases, *(word for word, lexeme in one.items() if lexeme is None)]
        self._phrases = [phrase for phrase in map(folded, written) if phrase]
        self._barred: frozenset[int] = frozenset()
        self._looked_at: dict[int, bool] = {}
        self.pages: dict[int, PageRow] | None = None
        """Those that the fields let through; None where nothing is asked of fields."""

    async def find(self, index: Index, words: Mapping[str, Word]) -> None:
        """Find out what the index and the fields of pages tell; `words` are those of `lexemes`."""
        numbers = {number for lexeme in self.lexemes for number in words[lexeme].numbers()}
        self._barred = frozenset(place.edition for place in await index.places(sorted(numbers)))
        if self._filter:
            self.pages = await self._let_through()

    def has(self, edition: int) -> bool:
        """Whether a page fits, as far as it can be told without reading it."""
        return edition not in self._barred and (self.pages is None or edition in self.pages)

    async def fit(self, editions: Iterable[int]) -> Collection[int]:
        """Those of the pages, which the index lets through, that do not say what they must not."""
        wanted = list(dict.fromkeys(editions))
        if not self._phrases:
            return wanted
        new = [edition for edition in wanted if edition not in self._looked_at]
        self._looked_at |= dict.fromkeys(new, True)
        for edition, said in await search.said(self._conn, new) if new else ():
            texts = [folded(text) for text in said]
            if any(is_said(phrase, texts) for phrase in self._phrases):
                self._looked_at[edition] = False
        return [edition for edition in wanted if self._looked_at[edition]]

    async def _let_through(self) -> dict[int, PageRow]:
        found: dict[int, PageRow] = {}
        matter = self._filter.needs_front_matter
        async for pages in search.pages_of_sources(self._conn, self._sources, matter=matter):
            fit = [page for page in pages if self._filter.fits(page.path, page.kind, page.front_matter)]
            found |= {page.edition: page for page in fit}
        return found
