"""The words of a query, looked up: which texts have them, and which pages those are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gbrain.domain.lexing import asked, term
from gbrain.domain.ranking import Collection, Ranking, Word
from gbrain.store import search
from gbrain.store.connection import Connection
from gbrain.store.search import SegmentHead, SegmentPages

MOST_LEXEMES = 500
"""So many are looked up for one query."""

_KEPT_PAGES = 4_000_000
"""Pages of segments that are kept, 12 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a text stands, as the index knows it."""

    number: int
    edition: int
    ordinal: int


class Kept(dict[int, SegmentPages]):
    """The pages of segments that were asked for before: a segment never changes. The oldest are let go of."""

    def keep(self, found: Mapping[int, SegmentPages]) -> None:
        """Keep these too."""
        self.update(found)
        while sum(len(pages.editions) for pages in self.values()) > _KEPT_PAGES and len(self) > len(found):
            del self[next(iter(self))]


class Index:
    """The index over some segments, as of one query: its texts are numbered through all of them.

    What segments hold is `kept` from one query for the next.
    """

    def __init__(self, conn: Connection, segments: Mapping[str, Sequence[SegmentHead]], kept: Kept) -> None:
        self._conn, self._kept = conn, kept
        heads = [head for of_source in segments.values() for head in of_source]
        self._of_source = {source: {head.id for head in of_source} for source, of_source in segments.items()}
        self._ids = [head.id for head in heads]
        self._firsts: list[int] = []
        texts = 0
        for head in heads:
            self._firsts.append(texts)
            texts += head.texts
        self._ends = [*self._firsts[1:], texts]
        lexemes = sum(head.lexemes for head in heads)
        self.collection = Collection(texts=texts, mean_length=lexemes / texts if texts else 1.0)
        self._pages: dict[int, SegmentPages] = {}

    async def words(self, lexemes: Iterable[str]) -> dict[str, Word]:
        """The lexemes, looked up."""
        wanted = {term(lexeme): lexeme for lexeme in lexemes}
        found = await search.postings(self._conn, self._ids, list(wanted)) if wanted and self._ids else {}
        first_of = dict(zip(self._ids, self._firsts, strict=True))
        return {
            lexeme: Word(
                lexeme=lexeme,
                entries=tuple(sorted((first_of[segment], data) for segment, data in found.get(one, ()))),
            )
            for one, lexeme in wanted.items()
        }

    def ranking(self, words: Mapping[Word, float]) -> Ranking:
        """The texts that have any of the words, which were asked for so often."""
        return Ranking(words, self.collection)

    async def places(self, numbers: Sequence[int]) -> list[Place]:
        """Where the texts with these numbers stand."""
        at = [(number, bisect_right(self._firsts, number) - 1) for number in numbers]
        await self._load({self._ids[segment] for _, segment in at})
        return [self._place(number, segment) for number, segment in at]

    async def number_of(self, source: str, edition: int, ordinal: int) -> int | None:
        """The number of a text of a source; None where the index does not have it."""
        mine = self._of_source[source]
        await self._load(mine)
        for segment, first in zip(self._ids, self._firsts, strict=True):
            if segment in mine:
                pages = self._pages[segment]
                at = bisect_right(pages.editions, edition) - 1
                if at >= 0 and pages.editions[at] == edition:
                    return first + pages.starts[at] + ordinal
        return None

    async def numbers_of(self, pages: Iterable[tuple[str, int]]) -> frozenset[int]:
        """The numbers of all texts of some pages, given by source and edition."""
        found = set[int]()
        await self._load(self._ids)
        for source, edition in pages:
            for segment, first, end in zip(self._ids, self._firsts, self._ends, strict=True):
                if segment in self._of_source[source]:
                    held = self._pages[segment]
                    at = bisect_right(held.editions, edition) - 1
                    if at >= 0 and held.editions[at] == edition:
                        behind = held.starts[at + 1] if at + 1 < len(held.starts) else end - first
                        found.update(range(first + held.starts[at], first + behind))
        return frozenset(found)

    async def _load(self, segments: Iterable[int]) -> None:
        wanted = [segment for segment in segments if segment not in self._pages]
        self._pages |= {segment: self._kept[segment] for segment in wanted if segment in self._kept}
        if missing := [segment for segment in wanted if segment not in self._pages]:
            found = await search.pages_of(self._conn, missing)
            self._pages |= found
            self._kept.keep(found)

    def _place(self, number: int, segment: int) -> Place:
        pages, local = self._pages[self._ids[segment]], number - self._firsts[segment]
        at = bisect_right(pages.starts, local) - 1
        return Place(number=number, edition=pages.editions[at], ordinal=local - pages.starts[at])


def lexemes_of(texts: Iterable[str]) -> dict[str, float]:
    """The lexemes of what was written, and how often each was; of very much, those that come first."""
    found: dict[str, float] = {}
    for text in texts:
        for lexeme, times in asked(text).items():
            if lexeme in found or len(found) < MOST_LEXEMES:
                found[lexeme] = found.get(lexeme, 0.0) + times
    return found
