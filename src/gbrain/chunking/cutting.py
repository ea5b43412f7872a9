"""Cutting text that is over the limit: at line ends, else sentence ends, else white space, else between characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from gbrain.chunking.lines import last_line_end

_SENTENCE_END = re.compile(rb"[.!?][\"')\]]*[ \t]+|(?:\xe3\x80\x82|\xef\xbc\x81|\xef\xbc\x9f|\xe2\x80\xa6)[ \t]*")
_SPACE = re.compile(rb"[ \t]+|\xe3\x80\x80")
_JOINER = "\N{ZERO WIDTH JOINER}"
_LONGEST_CLUSTER = 64
"""Bytes looked back over for a place that does not part a mark from its letter."""


def cut(text: bytes, start: int, end: int, *, limit: int, first_limit: int) -> Iterator[tuple[int, int]]:
    """The stretches that `text[start:end]` falls into, each of at most `limit` bytes, the first of `first_limit`.

    Text and bounds are whole UTF-8 characters; both limits are at least 4.
    """
    stop = start + first_limit
    while stop < end:
        at = _best(text, start, stop)
        yield start, at
        start, stop = at, at + limit
    if start < end:
        yield start, end


def _best(text: bytes, start: int, stop: int) -> int:
    """The best place after `start` and up to `stop` to cut at; there is text beyond `stop`."""
    if (at := last_line_end(text, start, stop)) > start:
        return at
    for divider in (_SENTENCE_END, _SPACE):
        if (at := _last(divider, text, start, stop)) > start:
            return at
    return _between_characters(text, start, stop)


def _last(divider: re.Pattern[bytes], text: bytes, start: int, stop: int) -> int:
    at = start
    for match in divider.finditer(text, start, stop):
        at = match.end()
    return at


def _between_characters(text: bytes, start: int, stop: int) -> int:
    """Up to `stop`, between characters; where that is near, not before a mark that belongs to the letter before."""
    rough = _character_start(text, stop)
    at = rough
    while _belongs_together(text, at):
        at = _character_start(text, at - 1)
        if at <= start or rough - at > _LONGEST_CLUSTER:
            return rough if text[rough - 1 : rough + 1] != b"\r\n" else rough - 1
    return at


def _character_start(text: bytes, at: int) -> int:
    while text[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _belongs_together(text: bytes, at: int) -> bool:
    before = text[_character_start(text, at - 1) : at].decode()
    after = text[at : at + 4].decode("utf-8", "ignore")[0]
    return (
        _JOINER in (before, after)
        or unicodedata.category(after)[0] == "M"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or (before, after) == ("\r", "\n")
    )
