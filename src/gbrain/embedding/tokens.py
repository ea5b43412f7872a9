"""A text as the numbers of its tokens: exactly those of the model's own tokenizer, at a tenth of the time.

The model's tokenizer merges pairs over the whole text at once, spaces included. But no token of its vocabulary stands
across certain borders: before a space, between letters and punctuation, around a digit, a line end, a tab or a
character of a script written without spaces. What lies between two borders can be tokenized alone, and most of it
was met before.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

_KEPT = 1 << 16
_LONG = 1 << 16
_PART = 1 << 13
_SPACE = "▁"
_FOLDED_AT_ONCE = 1 << 16
_SPACES = re.compile(r"\s+")

_PUNCTUATION = "!-/:-@\\[-`{-~\r«²»“”„†’—\u00a0\u2009\u200a\u200e"
_ALONE = "\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3"
_MOST = "{1,400}+"  # what bounds the memory of what is kept; a longer run is cut, where the tokenizer would not cut it

PIECE = re.compile(
    rf" {{0,400}}+(?:[^ \n\t0-9{_PUNCTUATION}{_ALONE}]{_MOST}|[{_PUNCTUATION}]{_MOST}"
    rf"|[0-9]{{1,3}}+|[\n\t]{_MOST}|[{_ALONE}])| {_MOST}"
)
"""What a text is cut into; the pieces make up the whole text."""


class Tokens:
    """Makes token numbers of texts, and remembers those of the pieces last met, for all threads."""

    def __init__(self, tokenize: Callable[[str], list[int]], special: Mapping[str, int]) -> None:
        self._tokenize = tokenize
        self._special = {text: array("H", [number]).tobytes() for text, number in special.items()}
        self._split = re.compile(f"({'|'.join(map(re.escape, special))})").split
        self._of_piece = lru_cache(_KEPT)(self._met_first)

    def of(self, text: str) -> Iterator[bytes]:
        """The numbers, 16 bits each in this machine's byte order: in one part, or in several for a long text."""
        for section in self._split(text):
            if section in self._special:
                yield self._special[section]
            elif section:
                yield from self._of_section(" " + section.replace(_SPACE, " "))

    def _of_section(self, section: str) -> Iterator[bytes]:
        if len(section) < _LONG:
            yield b"".join(map(self._of_piece, PIECE.findall(section)))
            return
        pieces = (match[0] for match in PIECE.finditer(section))
        while part := b"".join(map(self._of_piece, islice(pieces, _PART))):
            yield part

    def _met_first(self, piece: str) -> bytes:
        # A byte that came in with `surrogateescape` is no character for the tokenizer
        known = piece.replace(" ", _SPACE).encode(errors="replace").decode()
        return array("H", self._tokenize(known)).tobytes()


def folded(text: str) -> str:
    """The text with single spaces for all its white space, and none at its ends.

    A long one is folded in parts: one call over megabytes would hold the interpreter's lock too long.
    """
    if len(text) <= _FOLDED_AT_ONCE:
        return " ".join(text.split())
    parts: list[str] = []
    for start in range(0, len(text), _FOLDED_AT_ONCE):
        part = _SPACES.sub(" ", text[start : start + _FOLDED_AT_ONCE])
        parts.append(part[1:] if part[:1] == " " and (not parts or parts[-1][-1:] in ("", " ")) else part)
    return "".join(parts).rstrip(" ")
