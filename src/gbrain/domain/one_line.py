"""A text as one line that can be shown anywhere, and where its places have come to stand in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from gbrain.domain.borders import is_character_border

_BLANK = re.compile("[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2066-\u2069\u3000]")
"""White space but the space itself, and what rules terminals, lines, and the direction of writing."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile("  +")
_SPACES_AND_SURROGATES = re.compile("  +|[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneLine:
    """`text` is the line; `starts`, `ends`: what of the text became one character, which stands at `places` in it."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    places: tuple[int, ...]

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Where in the line that stands which stood from `start` to `end` in the text; None where nothing of it does.

        A character that was several is left out where not all of them are in it.
        """
        first, last = self._at(max(0, start), inner=1), self._at(max(0, end), inner=0)
        first, last = max(0, first), min(len(self.text), last)
        return (first, last) if first < last else None

    def _at(self, at: int, *, inner: int) -> int:
        index = bisect_right(self.starts, at) - 1
        if at == self.starts[index]:
            return self.places[index]
        return self.places[index] + (inner if at < self.ends[index] else 1 + at - self.ends[index])


def one_line(text: str) -> OneLine:
    """The text with each run of white space and control characters as one space, and none at its ends.

    Surrogates become the character that two of them stand for, or U+FFFD.
    """
    spaced = _BLANK.sub(" ", text)
    # The rule for both takes ten times as long.
    folded = _SPACES if _SURROGATE.search(spaced) is None else _SPACES_AND_SURROGATES
    # The first stands for what lies before the text, so that there is one before each place.
    starts, ends, places, gone = [-1], [0], [-1], 0
    for found in folded.finditer(spaced):
        starts.append(found.start())
        ends.append(found.end())
        places.append(found.start() - gone)
        gone += found.end() - found.start() - 1
    line = folded.sub(_one, spaced)
    # A mark at the very beginning needs the space that it stands on.
    first = 1 if line.startswith(" ") and is_character_border(line, 1) else 0
    return OneLine(
        text=line[first:].removesuffix(" "),
        starts=tuple(starts),
        ends=tuple(ends),
        places=tuple(place - first for place in places),
    )


def _one(found: re.Match[str]) -> str:
    first = ord(found[0][0])
    if not 0xD800 <= first <= 0xDFFF:
        return " "
    if len(found[0]) == 1:
        return "\ufffd"
    return chr(0x10000 + (first - 0xD800) * 0x400 + ord(found[0][1]) - 0xDC00)
