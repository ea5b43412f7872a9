"""The words of a query, looked up: which texts have them, and which pages those are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from gbrain.domain.lexing import asked, term
from gbrain.domain.ranking import Collection, Ranking, Word
from gbrain.store import search
from gbrain.store.connection import Connection
from gbrain.store.search import SegmentHead, SegmentPages

MOST_LEXEMES = 500
"""So many are looked up for one query."""

_KEPT_PAGES = 4_000_000
"""Pages of segments that are kept, 12 bytes each."""

KEPT_ENTRIES_BYTES = 256 << 20
_ENTRY_OVERHEAD_BYTES = 200
"""What is kept of where words stand: all of a small brain, of a large one the words that are asked for often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a text stands, as the index knows it."""

    number: int
    edition: int
    ordinal: int


class Kept:
    """What was asked for before of segments, which never change: their pages, and where words stand in them.

    A segment is known by its head: a brain that was restored may have others under the same numbers.
    """

    def __init__(self) -> None:
        self._pages: dict[SegmentHead, SegmentPages] = {}
        self._entries: dict[tuple[SegmentHead, int], bytes] = {}
        self._entries_bytes = 0

    def pages(self, segment: SegmentHead) -> SegmentPages | None:
        """The pages of a segment; None where they are not known."""
        return self._pages.get(segment)

    def keep_pages(self, segment: SegmentHead, found: SegmentPages) -> None:
        """Keep the pages of a segment. The oldest are let go of."""
        self._pages[segment] = found
        while sum(len(one.editions) for one in self._pages.values()) > _KEPT_PAGES and len(self._pages) > 1:
            del self._pages[next(iter(self._pages))]

    def entries(self, segment: SegmentHead, term: int) -> bytes | None:
        """Where a term stands in a segment; None where that is not known. What is asked for is let go of last."""
        data = self._entries.pop((segment, term), None)
        if data is not None:
            self._entries[segment, term] = data
        return data

    def keep_entries(self, segment: SegmentHead, term: int, data: bytes) -> None:
        """Keep where a term stands in a segment; no entries, where it stands nowhere. The oldest are let go of."""
        if (segment, term) in self._entries:
            return
        self._entries[segment, term] = data
        self._entries_bytes += len(data) + _ENTRY_OVERHEAD_BYTES
        while self._entries_bytes > KEPT_ENTRIES_BYTES:
            self._entries_bytes -= len(self._entries.pop(next(iter(self._entries)))) + _ENTRY_OVERHEAD_BYTES


class Index:
    """The index over some segments, as of one query: its texts are numbered through all of them.

    What segments hold is `kept` from one query for the next.
    """

    def __init__(self, conn: Connection, segments: Mapping[str, Sequence[SegmentHead]], kept: Kept) -> None:
        self._conn, self._kept = conn, kept
        heads = [head for of_source in segments.values() for head in of_source]
        self._heads, self._ids = heads, [head.id for head in heads]
        self._firsts = list(accumulate((head.texts for head in heads), initial=0))
        texts = self._firsts.pop()
        self._ends = [*self._firsts[1:], texts]
        firsts = dict(zip(self._ids, self._firsts, strict=True))
        self._of_source = {source: {one.id: firsts[one.id] for one in each} for source, each in segments.items()}
        lexemes = sum(head.lexemes for head in heads)
        self.collection = Collection(texts=texts, mean_length=lexemes / texts if texts else 1.0)
        self._pages: dict[int, SegmentPages] = {}
        self._places: dict[int, Place] = {}

    async def words(self, lexemes: Iterable[str]) -> dict[str, Word]:
        """The lexemes, looked up."""
        wanted = {term(lexeme): lexeme for lexeme in lexemes}
        entries: dict[int, list[tuple[int, bytes]]] = {one: [] for one in wanted}
        missing: dict[int, list[tuple[SegmentHead, int]]] = {}
        for head, first in zip(self._heads, self._firsts, strict=True):
            for one, found in entries.items():
                data = self._kept.entries(head, one)
                if data is None:
                    missing.setdefault(one, []).append((head, first))
                elif data:
                    found.append((first, data))
        for one, first, data in await self._looked_up(missing):
            entries[one].append((first, data))
        return {lexeme: Word(lexeme=lexeme, entries=tuple(sorted(entries[one]))) for one, lexeme in wanted.items()}

    async def _looked_up(
        self, missing: Mapping[int, Sequence[tuple[SegmentHead, int]]]
    ) -> list[tuple[int, int, bytes]]:
        """Where terms stand in segments, each of which is given with the number of its first text."""
        if not missing:
            return []
        segments = {head.id for of_term in missing.values() for head, _ in of_term}
        found = await search.postings(self._conn, sorted(segments), list(missing))
        there = []
        for one, of_term in missing.items():
            held = dict(found.get(one, ()))
            for head, first in of_term:
                data = held.get(head.id, b"")
                self._kept.keep_entries(head, one, data)
                if data:
                    there.append((one, first, data))
        return there

    def ranking(self, words: Mapping[Word, float], also: Iterable[int]) -> Ranking:
        """The texts that have any of the words, which were asked for so often; `also` will be asked for too."""
        return Ranking(words, self.collection, also)

    async def places(self, numbers: Sequence[int]) -> list[Place]:
        """Where the texts with these numbers stand."""
        at = [(number, bisect_right(self._firsts, number) - 1) for number in numbers if number not in self._places]
        await self._load({self._ids[segment] for _, segment in at})
        self._places.update({number: self._place(number, segment) for number, segment in at})
        return [self._places[number] for number in numbers]

    async def number_of(self, source: str, edition: int, ordinal: int) -> int | None:
        """The number of a text of a source; None where the index does not have it."""
        mine = self._of_source[source]
        await self._load(mine)
        for segment, first in mine.items():
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
        wanted = {segment for segment in segments if segment not in self._pages}
        if not wanted:
            return
        heads = {head.id: head for head in self._heads if head.id in wanted}
        known = {segment: self._kept.pages(head) for segment, head in heads.items()}
        self._pages |= {segment: pages for segment, pages in known.items() if pages is not None}
        if missing := [segment for segment, pages in known.items() if pages is None]:
            for segment, pages in (await search.pages_of(self._conn, missing)).items():
                self._pages[segment] = pages
                self._kept.keep_pages(heads[segment], pages)

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
