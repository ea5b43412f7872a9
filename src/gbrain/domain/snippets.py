"""Snippets: the stretch of a passage that shows best why it was found, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gbrain.domain.one_line import one_line
from gbrain.domain.windows import ELLIPSIS, Span, best_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """What is shown of a text, and the starts and ends of what matched in it: in order, none touching the next."""

    text: str
    marks: tuple[tuple[int, int], ...]

    def marked(self, opening: str, closing: str) -> str:
        """The text with `opening` before and `closing` behind each stretch that matched."""
        parts, at = [], 0
        for start, end in self.marks:
            parts += [self.text[at:start], opening, self.text[start:end], closing]
            at = end
        return "".join([*parts, self.text[at:]])


def snippet(text: str, spans: Sequence[Span], *, width: int = 240) -> Snippet:
    """The best stretch of a text in at most `width` characters (from 1 on), the ellipses where it is cut among them.

    The best has the greatest sum of weights over distinct terms, then the most spans, then comes first; without spans
    it is the beginning. It is cut between words; a word or a span that is too long, between characters. It is shown as
    `one_line` makes it; the marks are what is left there of the spans, those that overlap or touch being one.
    """
    line = one_line(text)
    found = [
        Span(*place, span.weight, span.term)
        for span in spans
        if (place := line.place(span.start, span.end)) is not None
    ]
    start, end = best_window(line.text, found, width)
    before, after = ELLIPSIS * (start > 0), ELLIPSIS * (end < len(line.text))
    shift = len(before) - start
    within = ((max(start, span.start) + shift, min(end, span.end) + shift) for span in found)
    return Snippet(text=before + line.text[start:end] + after, marks=_merged(within))


def _merged(stretches: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return tuple(merged)
