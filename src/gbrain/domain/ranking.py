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

from gbrain.domain.bm25 import rarity, saturation
from gbrain.domain.postings import ENTRY_BYTES, unpacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEW = 20_000
"""So many entries are added up without numpy, which takes 0.1 s to import; fewer where it is imported already."""
_FEW_BESIDE_NUMPY = 500


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
        return (first + (entry >> 16) for first, data in self.entries for entry in unpacked(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What is ranked: how many texts there are, and how many lexemes a text has on average."""

    texts: int
    mean_length: float


class Ranking:
    """The texts that have any of some words, each with its score."""

    def __init__(self, words: Mapping[Word, float], collection: Collection) -> None:
        """`words` with how often each was asked for."""
        self._words = list(words)
        self._weights = [times * rarity(collection.texts, word.texts) for word, times in words.items()]
        self._mean_length = round(collection.mean_length, 1)
        self._scores: Mapping[int, float] | _Dense
        if sum(word.texts for word in words) <= (_FEW_BESIDE_NUMPY if "numpy" in sys.modules else _FEW):
            self._scores = self._added()
        else:
            self._scores = _Dense(self._words, self._weights, self._mean_length, collection.texts)

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
        if isinstance(self._scores, _Dense):
            return self._scores.of(numbers)
        return [self._scores.get(number, 0.0) for number in numbers]

    def parts(self, number: int) -> dict[str, float]:
        """What each word adds to the score of a text."""
        table = saturation(self._mean_length)
        found = {}
        for word, weight in zip(self._words, self._weights, strict=True):
            entry = _entry_of(word, number)
            if entry is not None:
                found[word.lexeme] = weight * table[entry >> 8 & 255][entry & 255]
        return found

    def _added(self) -> dict[int, float]:
        table = saturation(self._mean_length)
        found: dict[int, float] = {}
        for word, weight in zip(self._words, self._weights, strict=True):
            for first, data in word.entries:
                for entry in unpacked(data):
                    number = first + (entry >> 16)
                    found[number] = found.get(number, 0.0) + weight * table[entry >> 8 & 255][entry & 255]
        return found


class _Dense:
    """A score for each text there is, where many have one."""

    def __init__(self, words: Sequence[Word], weights: Sequence[float], mean_length: float, texts: int) -> None:
        import numpy as np

        table = _table(mean_length)
        numbers, added = [np.zeros(0, np.int64)], [np.zeros(0)]
        for word, weight in zip(words, weights, strict=True):
            firsts = np.array([first for first, _ in word.entries], np.int64)
            sizes = np.array([len(data) // ENTRY_BYTES for _, data in word.entries], np.int64)
            entries = np.frombuffer(b"".join([data for _, data in word.entries]), "<i8")
            numbers.append((entries >> 16) + np.repeat(firsts, sizes))
            added.append(weight * table[entries & 0xFFFF])
        self._touched, self._words = np.concatenate(numbers), len(words)
        self._all = np.bincount(self._touched, np.concatenate(added), texts)
        self._scores = self._all[self._touched]
        self.top = float(self._scores.max(initial=0.0))

    def best(self, count: int, among: frozenset[int] | None) -> list[tuple[int, float]]:
        import numpy as np

        numbers, scores = self._touched, self._scores  # each as often as words stand in it
        if among is not None:
            fit = np.isin(numbers, np.fromiter(among, np.int64, len(among)))
            numbers, scores = numbers[fit], scores[fit]
        most = count * self._words
        if most < len(numbers):
            numbers = numbers[scores >= np.partition(scores, len(scores) - most)[len(scores) - most]]
        numbers = np.unique(numbers)
        scores = self._all[numbers]
        order = np.lexsort((numbers, -scores))[:count]
        return list(zip(numbers[order].tolist(), scores[order].tolist(), strict=True))

    def of(self, numbers: Iterable[int]) -> list[float]:
        return [float(self._all[number]) for number in numbers]


@lru_cache(maxsize=8)
def _table(mean_length: float) -> NDArray[np.float64]:
    import numpy as np

    return np.array(saturation(mean_length)).reshape(-1)


def _entry_of(word: Word, number: int) -> int | None:
    at = bisect_right(word.entries, number, key=itemgetter(0)) - 1
    if at < 0:
        return None
    first, data = word.entries[at]
    entries = memoryview(data).cast("Q") if sys.byteorder == "little" else unpacked(data)
    place = bisect_left(entries, (number - first) << 16)
    found = place < len(entries) and entries[place] >> 16 == number - first
    return entries[place] if found else None
