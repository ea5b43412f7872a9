"""Ranking texts by their words: the entries of what is asked for, added up by BM25."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from operator import itemgetter
from typing import TYPE_CHECKING

from gbrain.domain.bm25 import CODES, rarity, saturation
from gbrain.domain.postings import ENTRY_BYTES, NUMBER_SHIFT, unpacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CODE = CODES - 1
_FEW = 20_000
"""So many entries are added up without numpy, which takes 0.1 s to import; fewer where it is imported already."""
_FEW_BESIDE_NUMPY = 500
_LOOKED_AT = 64
"""So many of the best are found at once where there are many."""

_BLOCK_TEXTS = 1 << 18
"""Segments that begin within so many texts are added up together: their scores take two megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Word:
    """A lexeme that is asked for: its entries in each segment, behind the number that the segment's first text has; by
    that number.
    """

    lexeme: str
    entries: Sequence[tuple[int, bytes]]

    @property
    def texts(self) -> int:
        """In how many texts it stands."""
        return sum(len(data) for _, data in self.entries) // ENTRY_BYTES

    def numbers(self) -> Iterator[int]:
        """Those texts."""
        return (first + (entry >> NUMBER_SHIFT) for first, data in self.entries for entry in unpacked(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What is ranked: how many texts there are, and how many lexemes a text has on average."""

    texts: int
    mean_length: float


class Ranking:
    """The texts that have any of some words, each with its score."""

    def __init__(self, words: Mapping[Word, float], collection: Collection, also: Iterable[int] = ()) -> None:
        """`words` with how often each was asked for. The scores of `also` are asked for later, and known then."""
        self._words = list(words)
        self._weights = [times * rarity(collection.texts, word.texts) for word, times in words.items()]
        self._mean_length = round(collection.mean_length, 1)
        self._scores: Mapping[int, float] | _Dense
        if sum(word.texts for word in words) <= (_FEW_BESIDE_NUMPY if "numpy" in sys.modules else _FEW):
            self._scores = self._added()
        else:
            self._scores = _Dense(self._words, self._weights, self._mean_length, sorted(also))

    @property
    def top(self) -> float:
        """The highest score; 0 where there is none."""
        if isinstance(self._scores, _Dense):
            return self._scores.top
        return max(self._scores.values(), default=0.0)

    def best(self, count: int, among: frozenset[int] | None = None) -> list[tuple[int, float]]:
        """The texts with the highest scores, best first, of equal ones the lowest number; `among` bounds which."""
        if isinstance(self._scores, _Dense):
            return self._scores.best(count, among)
        found = ((score, -number) for number, score in self._scores.items() if among is None or number in among)
        return [(-number, score) for score, number in nlargest(count, found)]

    def scores_of(self, numbers: Iterable[int]) -> list[float]:
        """The scores of some texts; 0 where none of the words stands in one."""
        if not isinstance(self._scores, _Dense):
            return [self._scores.get(number, 0.0) for number in numbers]
        known = self._scores.known
        return [known[one] if one in known else sum(self.parts(one).values()) for one in numbers]

    def parts(self, number: int) -> dict[str, float]:
        """What each word adds to the score of a text."""
        table = saturation(self._mean_length)
        found = {}
        for word, weight in zip(self._words, self._weights, strict=True):
            entry = _entry_of(word, number)
            if entry is not None:
                found[word.lexeme] = weight * table[entry & _CODE]
        return found

    def _added(self) -> dict[int, float]:
        table = saturation(self._mean_length)
        found: dict[int, float] = {}
        for word, weight in zip(self._words, self._weights, strict=True):
            for first, data in word.entries:
                for entry in unpacked(data):
                    number = first + (entry >> NUMBER_SHIFT)
                    found[number] = found.get(number, 0.0) + weight * table[entry & _CODE]
        return found


class _Dense:
    """A score for each text there is, where many have one: block by block, as much as a processor has close at hand."""

    def __init__(
        self, words: Sequence[Word], weights: Sequence[float], mean_length: float, also: Sequence[int]
    ) -> None:
        self._words, self._table, self._also = len(words), _table(mean_length), also
        self._parts: dict[int, list[tuple[float, int, bytes]]] = {}
        for word, weight in zip(words, weights, strict=True):
            for first, data in word.entries:
                self._parts.setdefault(first // _BLOCK_TEXTS, []).append((weight, first, data))
        self.known = dict.fromkeys(also, 0.0)
        self._first = self._added(_LOOKED_AT, None)
        self._also = ()
        self.known |= dict(self._first)
        self.top = self._first[0][1] if self._first else 0.0

    def best(self, count: int, among: frozenset[int] | None) -> list[tuple[int, float]]:
        if among is None and (count <= len(self._first) or len(self._first) < _LOOKED_AT):
            return self._first[:count]
        return self._added(count, among)

    def _added(self, count: int, among: frozenset[int] | None) -> list[tuple[int, float]]:
        """Add up all blocks, and let go of what is not among the best as they come."""
        import numpy as np

        most, least = count * self._words, 0.0  # a text comes as often as words stand in it
        fit_too = None if among is None else np.fromiter(among, np.int64, len(among))
        found, found_scores = np.zeros(0, np.int64), np.zeros(0)
        for place in sorted(self._parts):
            base, numbers, scores, others = _block(self._parts[place], self._table, self._also)
            self.known |= others
            fit = scores >= least
            if fit_too is not None:
                fit &= np.isin(numbers + base, fit_too)
            found = np.concatenate((found, numbers[fit] + base))
            found_scores = np.concatenate((found_scores, scores[fit]))
            if 2 * most < len(found):
                least = float(np.partition(found_scores, len(found) - most)[len(found) - most])
                fit = found_scores >= least
                found, found_scores = found[fit], found_scores[fit]
        found, at = np.unique(found, return_index=True)
        found_scores = found_scores[at]
        order = np.lexsort((found, -found_scores))[:count]
        return list(zip(found[order].tolist(), found_scores[order].tolist(), strict=True))


def _block(
    parts: Sequence[tuple[float, int, bytes]], table: NDArray[np.float64], also: Sequence[int]
) -> tuple[int, NDArray[np.int64], NDArray[np.float64], dict[int, float]]:
    """Some segments: their first text, from there the texts that have a word, once for each, and the score of each.

    Each part is a word's weight, the first text of a segment, and the word's entries there. Last come the scores of
    those of `also`, which rise, that have any.
    """
    import numpy as np

    base = min(first for _, first, _ in parts)
    sizes = [len(data) // ENTRY_BYTES for _, _, data in parts]
    entries = np.frombuffer(b"".join([data for _, _, data in parts]), "<u4")
    numbers = (entries >> NUMBER_SHIFT) + np.repeat(np.array([first - base for _, first, _ in parts]), sizes)
    added = table[entries & _CODE] * np.repeat(np.array([weight for weight, _, _ in parts]), sizes)
    sums = _zeros(1 << int(numbers.max(initial=0)).bit_length())
    try:
        np.add.at(sums, numbers, added)
        others = also[bisect_left(also, base) : bisect_left(also, base + len(sums))]
        found = {number: float(sums[number - base]) for number in others}
        return base, numbers, sums[numbers], {number: score for number, score in found.items() if score}
    finally:
        sums[numbers] = 0


@lru_cache(maxsize=8)
def _zeros(size: int) -> NDArray[np.float64]:
    """Room for sums, which whoever uses it leaves all 0: memory that is new takes longer to get than to add up in."""
    import numpy as np

    return np.zeros(size)


@lru_cache(maxsize=8)
def _table(mean_length: float) -> NDArray[np.float64]:
    import numpy as np

    return np.array(saturation(mean_length))


def _entry_of(word: Word, number: int) -> int | None:
    at = bisect_right(word.entries, number, key=itemgetter(0)) - 1
    if at < 0:
        return None
    first, data = word.entries[at]
    entries = memoryview(data).cast("I") if sys.byteorder == "little" else unpacked(data)
    place = bisect_left(entries, (number - first) << NUMBER_SHIFT)
    found = place < len(entries) and entries[place] >> NUMBER_SHIFT == number - first
    return entries[place] if found else None
