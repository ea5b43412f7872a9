"""What may be shown: a text with its score, the phrases that stand in it, and how a page is told by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gbrain.domain.lexing import folded, is_spaceless
from gbrain.domain.ranking import Word
from gbrain.domain.search import Hit
from gbrain.store.search import PlaceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Texts that were looked at, by number, and what none of the others scores above; None where there is none."""

    numbers: Sequence[int]
    bound: float | None = None


class Candidate(NamedTuple):
    """A text that may be shown: what it is ranked by, its number, and what of that is of its words.

    The better, the lower; of equal ones, that which was indexed first.
    """

    rank: float
    """Its score, negative."""
    number: int
    words: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A candidate that is there still, as it is shown."""

    candidate: Candidate
    row: PlaceRow


def hit_of(row: PlaceRow, score: float, parts: Mapping[str, float]) -> Hit:
    """The page of a place, by that place."""
    return Hit(
        source_id=row.source_id,
        slug=row.slug,
        path=row.path,
        title=row.title,
        headings=tuple(row.headings),
        text=row.text,
        first_line=row.first_line,
        last_line=row.last_line,
        score=score,
        parts=parts,
    )


def standing_in_all(words: Sequence[Word]) -> frozenset[int]:
    """The texts that have all of the words, of which there are some."""
    rarest, *others = sorted(words, key=lambda word: word.texts)
    found = frozenset(rarest.numbers())
    for word in others:
        found &= frozenset(word.numbers())
    return found


def said_in(row: PlaceRow) -> list[str]:
    """What is said at a place, folded: its title, its headings and its text."""
    return [folded(part) for part in (row.title, *row.headings, row.text)]


def is_said(phrase: str, texts: Sequence[str]) -> bool:
    """Whether a phrase, which is not empty, stands in one of the texts between borders of words; all are folded."""
    before = "" if is_spaceless(phrase[0]) else " "
    after = "" if is_spaceless(phrase[-1]) else " "
    return any(phrase in text and f"{before}{phrase}{after}" in f" {text} " for text in texts)
