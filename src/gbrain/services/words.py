"""The words of a query, looked up: which texts have them, and which pages those are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from gbrain.domain import ranking
from gbrain.domain.lexing import asked, term
from gbrain.domain.ranking import Ranking, Word
from gbrain.store import search
from gbrain.store.connection import Connection
from gbrain.store.search import SegmentHead, SegmentPages

MOST_LEXEMES = 500
"""So many are looked up for one query."""

_KEPT_PAGES = 4_000_000
"""Pages of segments that are kept, 12 bytes each."""

KEPT_ENTRIES_BYTES = 256 << 20
_ENTRY_OVERHEAD_BYTES, _TERM_OVERHEAD_BYTES = 250, 400
"""What is kept of where words stand: all of a small brain, of a large one the words that are asked for often."""


class Place(NamedTuple):
    """Where a text stands, as the index knows it."""

    number: int
    edition: int
    ordinal: int


Segment = tuple[int, bytes]
"""What tells a segment from all others: a brain that was restored may have others under the same numbers."""


def segment_of(head: SegmentHead) -> Segment:
    """What tells this one."""
    return head.id, head.checksum


class Kept:
    """What was asked for before of segments, which never change: their pages, and where words stand in them."""

    def __init__(self) -> None:
        self._pages: dict[SegmentHead, SegmentPages] = {}
        self._entries: dict[int, Mapping[Segment, bytes]] = {}
        self._entries_bytes = 0
        self._there: Collection[Segment] | None = None

    def keep_only(self, segments: Collection[Segment]) -> None:
        """From now on these are all there are: what is known of others goes with the next that is learnt."""
        self._there = segments

    def pages(self, segment: SegmentHead) -> SegmentPages | None:
        """The pages of a segment; None where they are not known."""
        return self._pages.get(segment)

    def keep_pages(self, segment: SegmentHead, found: SegmentPages) -> None:
        """Keep the pages of a segment. The oldest are let go of."""
        if self._there is not None:
            self._pages = {one: pages for one, pages in self._pages.items() if segment_of(one) in self._there}
        self._pages[segment] = found
        while sum(len(one.editions) for one in self._pages.values()) > _KEPT_PAGES and len(self._pages) > 1:
            del self._pages[next(iter(self._pages))]

    def entries(self, term: int) -> Mapping[Segment, bytes]:
        """Where a term stands in segments, as far as that is known; no entries in one where it stands nowhere."""
        held = self._entries.pop(term, None)
        if held is None:
            return {}
        self._entries[term] = held  # the last to be let go of
        return held

    def keep_entries(self, term: int, found: Mapping[Segment, bytes]) -> None:
        """Keep where a term stands in some segments. The terms that were asked for longest ago are let go of."""
        old = self._entries.get(term)
        self._entries_bytes -= _bytes_of(old) if old is not None else 0
        there = self._there
        held = {one: data for one, data in (old or {}).items() if there is None or one in there} | dict(found)
        self._entries[term] = held
        self._entries_bytes += _bytes_of(held)
        while self._entries_bytes > KEPT_ENTRIES_BYTES:
            self._entries_bytes -= _bytes_of(self._entries.pop(next(iter(self._entries))))


def _bytes_of(entries: Mapping[Segment, bytes]) -> int:
    return sum(map(len, entries.values())) + _ENTRY_OVERHEAD_BYTES * len(entries) + _TERM_OVERHEAD_BYTES


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
        self._segments: dict[Segment, int] = dict(zip(map(segment_of, heads), self._firsts, strict=True))
        self._sizes = {head.id: head.texts for head in heads}
        firsts = dict(zip(self._ids, self._firsts, strict=True))
        self._of_source = {source: {one.id: firsts[one.id] for one in each} for source, each in segments.items()}
        lexemes = sum(head.lexemes for head in heads)
        self.collection = ranking.Collection(texts=texts, mean_length=lexemes / texts if texts else 1.0)
        self._pages: dict[int, SegmentPages] = {}

    async def words(self, lexemes: Iterable[str]) -> dict[str, Word]:
        """The lexemes, looked up."""
        wanted = {term(lexeme): lexeme for lexeme in lexemes}
        known = {one: self._kept.entries(one) for one in wanted}
        missing = {one: unknown for one, held in known.items() if (unknown := self._segments.keys() - held.keys())}
        looked_up = await self._looked_up(missing) if missing else {}
        found = {}
        for one, lexeme in wanted.items():
            held = {**known[one], **looked_up.get(one, {})}
            entries = [(first, data) for segment, first in self._segments.items() if (data := held[segment])]
            found[lexeme] = Word(lexeme=lexeme, entries=entries)
        return found

    async def _looked_up(self, missing: Mapping[int, Collection[Segment]]) -> dict[int, dict[Segment, bytes]]:
        """Where terms stand in segments in which that was not known. It is kept."""
        ids = {segment_id for segments in missing.values() for segment_id, _ in segments}
        rows = await search.postings(self._conn, sorted(ids), list(missing))
        found = {}
        for one, segments in missing.items():
            held = dict(rows.get(one, ()))
            found[one] = {segment: held.get(segment[0], b"") for segment in segments}
            self._kept.keep_entries(one, found[one])
        return found

    def ranking(self, words: Mapping[Word, float], also: Iterable[int]) -> Ranking:
        """The texts that have any of the words, which were asked for so often; `also` will be asked for too."""
        return Ranking(words, self.collection, also)

    async def places(self, numbers: Sequence[int]) -> Iterator[Place]:
        """Where the texts with these numbers stand, one after the other."""
        await self._load({self._ids[bisect_right(self._firsts, number) - 1] for number in numbers})
        return map(self._place, numbers)

    async def numbers_at(self, texts: Iterable[tuple[str, int, int]]) -> list[int | None]:
        """The numbers of texts, given by source, edition and ordinal; None where the index does not have one."""
        wanted = list(texts)
        await self._load(segment for source in {source for source, *_ in wanted} for segment in self._of_source[source])
        return [self._number_of(*one) for one in wanted]

    def _number_of(self, source: str, edition: int, ordinal: int) -> int | None:
        for segment, first in self._of_source[source].items():
            editions, starts = self._pages[segment]
            at = bisect_left(editions, edition)
            if at < len(editions) and editions[at] == edition:
                number = starts[at] + ordinal
                return first + number if number < self._end_of(segment, at) else None
        return None

    def _end_of(self, segment: int, at: int) -> int:
        """Where the texts of a segment's page end, which is the one at that place."""
        starts = self._pages[segment].starts
        return starts[at + 1] if at + 1 < len(starts) else self._sizes[segment]

    def _texts(self, segment: int, edition: int) -> range | None:
        """Which of a segment's texts are those of a page; None where it does not have the page."""
        editions, starts = self._pages[segment]
        at = bisect_left(editions, edition)
        if at == len(editions) or editions[at] != edition:
            return None
        return range(starts[at], self._end_of(segment, at))

    async def numbers_of(self, pages: Iterable[tuple[str, int]]) -> frozenset[int]:
        """The numbers of all texts of some pages, given by source and edition."""
        found = set[int]()
        await self._load(self._ids)
        for source, edition in pages:
            for segment, first in self._of_source[source].items():
                found.update(first + text for text in self._texts(segment, edition) or ())
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

    def _place(self, number: int) -> Place:
        segment = bisect_right(self._firsts, number) - 1
        editions, starts = self._pages[self._ids[segment]]
        local = number - self._firsts[segment]
        at = bisect_right(starts, local) - 1
        return Place(number, editions[at], local - starts[at])


def lexemes_of(texts: Iterable[str]) -> dict[str, float]:
    """The lexemes of what was written, and how often each was; of very much, those that come first."""
    found: dict[str, float] = {}
    for text in texts:
        for lexeme, times in asked(text).items():
            if lexeme in found or len(found) < MOST_LEXEMES:
                found[lexeme] = found.get(lexeme, 0.0) + times
    return found
