"""How many tokens a text has, guessed from its characters and corrected by what an endpoint counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

_MARGIN = 1.05
"""A guess errs on the high side: a request a little too small costs less than one that is refused."""

_UPWARD, _DOWNWARD = 0.5, 0.1
"""How much of a difference is believed at once: that there are more tokens sooner than that there are fewer."""

_LEAST_RATIO, _MOST_RATIO = 0.25, 8.0

_LEADS_OF_2 = bytes(range(0xC2, 0xE0))
_LEADS_OF_3 = bytes(range(0xE0, 0xF0))
_LEADS_OF_4 = bytes(range(0xF0, 0xF5))
_BUT_LEADS_OF_2, _BUT_LEADS_OF_3, _BUT_LEADS_OF_4 = (
    bytes(set(range(256)).difference(leads)) for leads in (_LEADS_OF_2, _LEADS_OF_3, _LEADS_OF_4)
)

_PER_ASCII, _PER_2, _PER_3, _PER_4 = 1 / 4, 1 / 2, 1.0, 2.0
"""Tokens a character, by how long it is in UTF-8: ASCII; Latin with accents, Greek, Cyrillic, Arabic; the scripts of
Asia; emoji and what is rare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEstimate:
    """What is known of how an endpoint counts tokens."""

    ratio: float = 1.0
    """How many it counted for each that was guessed."""

    def of(self, text: str) -> int:
        """How many tokens the endpoint will count for the text, rather too many than too few; at least 1."""
        return max(1, math.ceil(guess(text) * self.ratio * _MARGIN))

    def learnt(self, guessed: float, tokens: int) -> TokenEstimate:
        """The estimate after an answer that counted `tokens` for texts whose guesses add up to `guessed`."""
        if guessed <= 0 or tokens <= 0:
            return self
        seen = min(_MOST_RATIO, max(_LEAST_RATIO, tokens / guessed))
        return replace(self, ratio=self.ratio + (seen - self.ratio) * (_UPWARD if seen > self.ratio else _DOWNWARD))


def guess(text: str) -> float:
    """How many tokens the text has for a tokenizer nobody has asked yet."""
    if text.isascii():
        return len(text) * _PER_ASCII
    data = text.encode("utf-8", "surrogatepass")
    of_2, of_3, of_4 = (
        len(data.translate(None, delete=rest)) for rest in (_BUT_LEADS_OF_2, _BUT_LEADS_OF_3, _BUT_LEADS_OF_4)
    )
    ascii_only = len(text) - of_2 - of_3 - of_4
    return ascii_only * _PER_ASCII + of_2 * _PER_2 + of_3 * _PER_3 + of_4 * _PER_4
