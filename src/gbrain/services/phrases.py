"""The phrases of a query, looked for in the texts that have all words of one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from gbrain.domain.lexing import folded
from gbrain.domain.ranking import Word
from gbrain.services.candidates import is_said, said_in, standing_in_all
from gbrain.services.words import lexemes_of
from gbrain.store.search import PlaceRow

PHRASE_WEIGHT = 1.5
"""What a text gets for each phrase that stands in it, where that with the best words gets 1: more than words and
nearness come to together."""

MOST_PHRASES = 50
"""So many are looked for in one query."""

_AT_ONCE = 50


class Phrases:
    """Up to `MOST_PHRASES` phrases. Where a text that has the lexemes of a phrase does not say it, it gets nothing."""

    def __init__(self, phrases: Sequence[str]) -> None:
        written = [phrase for phrase in phrases if folded(phrase)][:MOST_PHRASES]
        self._folded = list(map(folded, written))
        self._of_each = [list(lexemes_of([phrase])) for phrase in written]
        self._may_say: list[frozenset[int] | None] = []
        self._said: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._folded)

    @property
    def lexemes(self) -> list[str]:
        """What is looked up of them."""
        return [lexeme for each in self._of_each for lexeme in each]

    def find(self, words: Mapping[str, Word]) -> dict[int, frozenset[int]]:
        """The texts that may say so many of the phrases; those without a lexeme are in nobody's index."""
        self._may_say = [standing_in_all([words[one] for one in each]) if each else None for each in self._of_each]
        if len(self._may_say) == 1 and self._may_say[0] is not None:
            return {1: self._may_say[0]}
        times = Counter(number for each in self._may_say if each is not None for number in each)
        found: dict[int, set[int]] = {}
        for number, many in times.items():
            found.setdefault(many, set()).add(number)
        return {many: frozenset(numbers) for many, numbers in found.items()}

    def to_read(self, numbers: Sequence[int]) -> list[int]:
        """Those of the texts that may say one, and were not read yet."""
        unread = [number for number in numbers if number not in self._said]
        return [one for one in unread if any(each is None or one in each for each in self._may_say)]

    async def read(self, rows: Mapping[int, PlaceRow]) -> None:
        """Look for the phrases in texts; others are let in between."""
        for at, (number, row) in enumerate(rows.items(), 1):
            texts = said_in(row)
            self._said[number] = sum(is_said(phrase, texts) for phrase in self._folded)
            if at % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def of(self, number: int) -> int:
        """How many of the phrases a text says; 0 where it was not read."""
        return self._said.get(number, 0)
