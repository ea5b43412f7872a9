"""What may be shown: a text with its score, the phrases that stand in it, and how a page is told by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gbrain.domain.lexing import folded, is_spaceless
from gbrain.domain.ranking import Word
from gbrain.domain.search import Hit
from gbrain.services.words import Place
from gbrain.store.search import PlaceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A text that may be shown, with what its score is made of."""

    place: Place
    words: float
    nearness: float
    phrases: float = 0.0

    @property
    def score(self) -> float:
        """What it is ranked by."""
        return self.words + self.nearness + self.phrases


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A candidate that is there still, as it is shown."""

    candidate: Candidate
    row: PlaceRow

    @property
    def score(self) -> float:
        """What it is ranked by."""
        return self.candidate.score


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


def standing_in_all(words: Sequence[Word]) -> frozenset[int] | None:
    """The texts that have all of the words; None where there are none, and nothing is asked."""
    if not words:
        return None
    found: frozenset[int] | None = None
    for word in sorted(words, key=lambda word: word.texts):
        found = frozenset(word.numbers()) if found is None else found & frozenset(word.numbers())
    return found


def said_in(row: PlaceRow) -> list[str]:
    """What is said at a place, folded: its title, its headings and its text."""
    return [folded(part) for part in (row.title, *row.headings, row.text)]


def is_said(phrase: str, texts: Sequence[str]) -> bool:
    """Whether a phrase stands in one of the texts between borders of words; all are folded."""
    if not phrase:
        return True
    before = "" if is_spaceless(phrase[0]) else " "
    after = "" if is_spaceless(phrase[-1]) else " "
    return any(f"{before}{phrase}{after}" in f" {text} " for text in texts)
