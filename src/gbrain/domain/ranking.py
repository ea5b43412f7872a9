"""Ranking texts by their words: the entries of what is asked for, added up by BM25."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING

from gbrain.domain.bm25 import CODES, rarity, saturation
from gbrain.domain.postings import ENTRY_BYTES, NUMBER_SHIFT, unpacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _OfWords = dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]]

_CODE = CODES - 1
_FEW = 20_000
"""So many entries are added up without numpy, which takes 0.1 s to import; fewer where it is imported already."""
_FEW_BESIDE_NUMPY = 500
_LOOKED_AT = 64
"""So many of the best are found at once where there are many."""

_BLOCK_TEXTS = 1 << 17
"""Segments that begin within so many texts are added up together: of small ones, their scores take a megabyte."""

_ROUNDED = 1 + 1e-9
"""What sums of the same numbers in another order may differ by, and more."""


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
        weights = {word: times * rarity(collection.texts, word.texts) for word, times in words.items()}
        self._words = sorted(words, key=weights.__getitem__, reverse=True)
        """In this order scores are added up, whichever way: sums of the same numbers are the same only in one order."""
        self._weights = [weights[word] for word in self._words]
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
        """The words come with the most valuable first."""
        table = _table(mean_length)
        self._tables = [table * weight for weight in weights]
        self._also = also
        self._blocks: dict[int, dict[int, list[tuple[int, bytes]]]] = {}
        for word, one in enumerate(words):
            for first, data in one.entries:
                block = self._blocks.setdefault(first // _BLOCK_TEXTS, {})
                block.setdefault(word, []).append((first, data))
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

        best = _Best(count)
        fit = None if among is None else np.fromiter(among, np.int64, len(among))
        for place in sorted(self._blocks):
            block = self._blocks[place]
            base = min(first for parts in block.values() for first, _ in parts)
            of_words = {word: _numbered(parts, base) for word, parts in block.items()}
            sums = _zeros(1 << max(int(numbers[-1]) for numbers, _ in of_words.values()).bit_length())
            try:
                most = self._add(of_words, sums)
                self._note_also(base, sums)
                _pick(of_words, most, sums, base, best, fit)
            finally:
                for numbers, _ in of_words.values():
                    sums[numbers] = 0
        return best.in_order()

    def _add(self, of_words: _OfWords, sums: NDArray[np.float64]) -> list[float]:
        """Add up a block; what each word adds at most to any of its texts."""
        import numpy as np

        most = []
        for word, (numbers, codes) in of_words.items():
            added = self._tables[word][codes]
            np.add.at(sums, numbers, added)
            most.append(float(np.maximum.reduce(added)))
        return most

    def _note_also(self, base: int, sums: NDArray[np.float64]) -> None:
        also = self._also[bisect_left(self._also, base) : bisect_left(self._also, base + len(sums))]
        self.known |= {number: score for number in also if (score := float(sums[number - base]))}


def _pick(
    of_words: _OfWords,
    most: Sequence[float],
    sums: NDArray[np.float64],
    base: int,
    best: _Best,
    among: NDArray[np.int64] | None,
) -> None:
    """Word by word, the most valuable first: a text that has none but the last ones may be worth too little.

    What was picked is taken out of the sums, and out of `of_words`: each text is picked once.
    """
    import numpy as np

    for word, left in zip(list(of_words), list(accumulate(reversed(most)))[::-1], strict=True):
        if left * _ROUNDED < best.least:
            return
        numbers, _ = of_words[word]
        scores = sums[numbers]
        at = (scores >= best.least).nonzero()[0]
        if among is not None:
            at = at[np.isin(numbers[at] + base, among)]
        best.add(numbers[at] + base, scores[at])
        sums[numbers] = 0
        del of_words[word]


class _Best:
    """Texts with the highest scores, at most so many at the end."""

    def __init__(self, count: int) -> None:
        import numpy as np

        self.least = 5e-324
        """What a text must score to be among them: at first anything above zero."""
        self._count = count
        self._numbers, self._scores = np.zeros(0, np.int64), np.zeros(0)

    def add(self, numbers: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Take these in, none of which was there; those that cannot be among the best any more are let go of."""
        import numpy as np

        if not len(numbers):
            return
        self._numbers = np.concatenate((self._numbers, numbers))
        self._scores = np.concatenate((self._scores, scores))
        if (over := len(self._scores) - self._count) > self._count:
            self.least = float(np.partition(self._scores, over)[over])
            fit = self._scores >= self.least
            self._numbers, self._scores = self._numbers[fit], self._scores[fit]

    def in_order(self) -> list[tuple[int, float]]:
        """The best first, of equal ones the lowest number."""
        import numpy as np

        order = np.lexsort((self._numbers, -self._scores))[: self._count]
        return list(zip(self._numbers[order].tolist(), self._scores[order].tolist(), strict=True))


def _numbered(parts: Sequence[tuple[int, bytes]], base: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Entries of a word in some segments: the texts' numbers from `base` on, and the codes."""
    import numpy as np

    entries = np.frombuffer(b"".join([data for _, data in parts]), "<u4")
    numbers = np.right_shift(entries, NUMBER_SHIFT, dtype=np.intp)
    if len(parts) > 1:
        sizes = [len(data) // ENTRY_BYTES for _, data in parts]
        numbers += np.array([first - base for first, _ in parts]).repeat(sizes)
    else:
        numbers += parts[0][0] - base
    return numbers, np.bitwise_and(entries, _CODE, dtype=np.intp)


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
