"""BM25: what a word adds to a score (Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, section 3)."""

from __future__ import annotations

import math
from functools import lru_cache

K1, B = 1.6, 0.7
"""How fast a word that is repeated stops to add, and how much a long text is held back."""

MOST_TIMES = 255
"""A word that stands more often in a text is taken to stand so often."""

_STEPS, _UNIT = 24.0, 8.0


def length_code(length: int) -> int:
    """A text's length in lexemes as one byte: to about 4 %, from 255 codes up to 330,000."""
    return min(255, round(_STEPS * math.log1p(length / _UNIT)))


def length_of(code: int) -> float:
    """The length that a code stands for."""
    return _UNIT * math.expm1(code / _STEPS)


def rarity(texts: int, with_it: int) -> float:
    """The inverse document frequency of a word that stands in so many of so many texts; above zero."""
    return math.log1p((max(texts, with_it) - with_it + 0.5) / (with_it + 0.5))


@lru_cache(maxsize=8)
def saturation(mean_length: float) -> tuple[tuple[float, ...], ...]:
    """What a word's number in a text comes to, by length code and number: a table of 256 rows of 256."""
    norms = [K1 * (1 - B + B * length_of(code) / max(mean_length, 1.0)) for code in range(256)]
    return tuple(tuple(times * (K1 + 1) / (times + norm) for times in range(256)) for norm in norms)
