"""BM25: what a word adds to a score (Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, section 3)."""

from __future__ import annotations

import math
from functools import lru_cache

K1, B = 1.6, 0.7
"""How fast a word that is repeated stops to add, and how much a long text is held back."""

CODES = 1 << 10
"""How many codes there are of how a word stands in a text: of the text's length (6 bits) and of how often (4 bits)."""

MOST_TIMES = 128
"""A word that stands more often in a text is taken to stand so often."""

_TIMES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 28, 40, 64, MOST_TIMES)
TIMES_BITS, _LENGTHS = 4, 64
_STEPS, _UNIT = 10.0, 8.0


def times_code(times: int) -> int:
    """How often a word stands in a text, as one of 16: exact up to 8, to a third up to 128."""
    return min(range(len(_TIMES)), key=lambda code: abs(_TIMES[code] - times))


def times_of(code: int) -> int:
    """How often a word stands in a text, by the code of that."""
    return _TIMES[code]


def length_code(length: int) -> int:
    """A text's length in lexemes, as one of 64, up to 4,300: hardly any text of a page is longer."""
    return min(_LENGTHS - 1, round(_STEPS * math.log1p(length / _UNIT)))


def length_of(code: int) -> float:
    """The length that a code stands for."""
    return _UNIT * math.expm1(code / _STEPS)


def rarity(texts: int, with_it: int) -> float:
    """The inverse document frequency of a word that stands in so many of so many texts; above zero."""
    return math.log1p((max(texts, with_it) - with_it + 0.5) / (with_it + 0.5))


@lru_cache(maxsize=8)
def saturation(mean_length: float) -> tuple[float, ...]:
    """What a word's standing in a text comes to, by the codes of the text's length and of how often it does."""
    norms = [K1 * (1 - B + B * length_of(code) / max(mean_length, 1.0)) for code in range(_LENGTHS)]
    return tuple(times * (K1 + 1) / (times + norm) for norm in norms for times in _TIMES)
