"""Which stretch of a line shows best what matched in it, where not all of it can be shown."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import fsum
from operator import attrgetter
from typing import NamedTuple

from gbrain.domain.borders import is_character_border, is_word_border

ELLIPSIS = "…"
"""What stands where text is left out."""

_NEAR = 24
"""So many characters of context are given up for a cut at a space."""


class Span(NamedTuple):
    """A stretch of a text that matched, from one character up to another; of which term, and what that is worth."""

    start: int
    end: int
    weight: float
    term: str


def best_window(line: str, spans: Sequence[Span], width: int) -> tuple[int, int]:
    """From where to where to show a line in a width, an ellipsis counted for each end that is left out.

    The best has the greatest sum of weights over distinct terms, then the most spans, then comes first; without spans
    it is the beginning. It is cut between words; a word or a span that is too long, between characters.
    """
    if len(line) <= width:
        return 0, len(line)
    return _Windows.of(line, width).best(spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windows:
    """The stretches of a line that can be shown in a width. What is a border is asked once of each place."""

    line: str
    width: int
    room: int
    """What is left of the width where both ends are cut."""
    between_words: Callable[[int], bool]
    between_characters: Callable[[int], bool]

    @classmethod
    def of(cls, line: str, width: int) -> _Windows:
        return cls(
            line=line,
            width=width,
            room=width - 2 * len(ELLIPSIS),
            between_words=cache(partial(is_word_border, line)),
            between_characters=cache(partial(is_character_border, line)),
        )

    def best(self, spans: Sequence[Span]) -> tuple[int, int]:
        """From where to where to show."""
        held = sorted(span for span in map(self._held, spans) if span is not None)
        first = self._held(Span(0, 1, 0.0, "")) if not held else None
        return self._trimmed(*self._widened(*self._reach(held if first is None else [first])))

    def _held(self, span: Span) -> Span | None:
        """The whole words that a span stands in, where there is room, else as much as fits; None where none does."""
        back = range(span.start, max(0, span.start - self.room) - 1, -1)
        start = _first(self.between_words, back)
        end = _first(self.between_words, range(span.end, min(len(self.line), span.end + self.room) + 1))
        if start is not None and end is not None and end - start <= self.room:
            return span._replace(start=start, end=end)
        if start is None or span.start - start > self.room // 2:
            start = _first(self.between_characters, back)
        if start is None:
            return None
        fitting = range(min(start + self.room, len(self.line)), span.start, -1)
        end = _first(self.between_words, fitting) or _first(self.between_characters, fitting)
        return span._replace(start=start, end=end) if end is not None else None

    def _reach(self, held: Sequence[Span]) -> tuple[int, int]:
        """From the first to the last of the best spans that can be shown together; they are sorted."""
        reach, best = (0, 0), (-1.0, 0)
        for index, first in enumerate(held):
            within = _within(held, index, self._stop(first.start))
            if (score := _score(within)) > best:
                best, reach = score, (first.start, max(span.end for span in within))
        return reach

    def _widened(self, start: int, end: int) -> tuple[int, int]:
        """The same with what has room around it: as much before as behind, where there is as much."""
        spare = max(0, self.room - (end - start))
        first = self._beginning(max(0, start - spare // 2), start)
        stop = self._stop(first)
        if stop == len(self.line):
            return self._beginning(stop - (self.width - len(ELLIPSIS)), start), stop
        return first, self._ending(stop, end)

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        """The same without a space at either end, unless a mark stands on it."""
        if start < end and self.line[start] == " " and self.between_characters(start + 1):
            start += 1
        return start, end - (start < end and self.line[end - 1] == " ")

    def _stop(self, start: int) -> int:
        """The last place that can be shown together with what stands from `start` on."""
        stop = start + self.width - len(ELLIPSIS) * (start > 0)
        return stop - len(ELLIPSIS) if stop < len(self.line) else len(self.line)

    def _beginning(self, at: int, latest: int) -> int:
        """The first good place to begin from `at` on: behind a space that is near, else before a word."""
        if at == 0:
            return 0
        space = self.line.find(" ", at - 1, min(at + _NEAR, latest))
        if space >= 0 and self.between_characters(space + 1):
            return space + 1
        word = _first(self.between_words, range(at, latest))
        return latest if word is None else word

    def _ending(self, at: int, earliest: int) -> int:
        """The last good place to end up to `at`: before a space that is near, else behind a word."""
        space = self.line.rfind(" ", max(earliest, at - _NEAR), at + 1)
        if space >= 0 and self.between_characters(space):
            return space
        word = _first(self.between_words, range(at, earliest, -1))
        return earliest if word is None else word


def _first(is_border: Callable[[int], bool], places: Iterable[int]) -> int | None:
    return next(filter(is_border, places), None)


def _within(held: Sequence[Span], index: int, stop: int) -> list[Span]:
    """Those from `index` on that end by `stop`."""
    behind = bisect_left(held, stop, lo=index, key=attrgetter("start"))
    return [span for span in held[index:behind] if span.end <= stop]


def _score(spans: Sequence[Span]) -> tuple[float, int]:
    """Of each term its greatest weight; how many there are."""
    weights: dict[str, float] = {}
    for span in spans:
        if span.weight > weights.get(span.term, 0.0):
            weights[span.term] = span.weight
    return fsum(weights.values()), len(spans)
