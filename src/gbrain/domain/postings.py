"""Where each word stands: what one process counts in a text, and what the index keeps of a word.

An entry of the index is 32 bits, little-endian: a text's number within a segment (22 bits), the code of its length
(6 bits), and that of how often the word stands in it (4 bits). The entries of a word stand in order of the texts.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from struct import pack
from typing import NamedTuple

from gbrain.domain import lexing
from gbrain.domain.bm25 import CODES, TIMES_BITS, length_code, length_of, times_code

ENTRY_BYTES = 4
NUMBER_SHIFT = CODES.bit_length() - 1
MOST_TEXTS = 1 << 32 - NUMBER_SHIFT
"""So many texts a segment holds at most."""

_TIMES_CODES = bytes([times_code(times) for times in range(256)])
MASK = (1 << 64) - 1
"""Checksums have 64 bits."""


class Words(NamedTuple):
    """The terms of a text, 64 bits each, signed, in this machine's order; the code of how often each stands there."""

    terms: bytes
    times: bytes
    length: int
    """The code of its length."""


NO_WORDS = Words(b"", b"", 0)


def words_of(text: str) -> Words:
    """The words of a text, with those of what it stands under."""
    found = lexing.counted(text)
    each = found.values()
    try:
        kept = bytes(each)
    except ValueError:
        kept = bytes([min(times, 255) for times in each])
    return Words(pack(f"{len(found)}q", *found), kept.translate(_TIMES_CODES), length_code(sum(each)))


def with_name(words: Words, name: str) -> Words:
    """The words of a text that is looked up by a name too (`lexing.name`), which makes it no longer."""
    return Words(words.terms + array("q", [lexing.term(name)]).tobytes(), words.times + _TIMES_CODES[1:2], words.length)


def inverted(texts: Sequence[Words]) -> Iterator[tuple[int, bytes]]:
    """Each term with its entries, in order of term; the texts, at most `MOST_TEXTS`, are numbered as they come.

    For many texts see `columns.inverted`.
    """
    found: dict[int, list[int]] = defaultdict(list)
    for number, words in enumerate(texts):
        base = number << NUMBER_SHIFT | words.length << TIMES_BITS
        for term, times in zip(array("q", words.terms), words.times, strict=True):
            found[term].append(base + times)
    for term in sorted(found):
        yield term, packed(array("I", found[term]))


def packed(entries: array[int]) -> bytes:
    """Entries as they are kept."""
    if sys.byteorder == "big":
        entries = array("I", entries)
        entries.byteswap()
    return entries.tobytes()


def unpacked(data: bytes) -> array[int]:
    """The entries that were packed."""
    entries = array("I", data)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries


def checksum(words: Iterable[tuple[int, bytes]]) -> int:
    """64 bits that change with what a segment says of these words; those of its parts are added up."""
    return sum((sum(unpacked(data)) + len(data)) * (2 * term + 1) for term, data in words) & MASK


def total_length(codes: Iterable[int]) -> int:
    """How many lexemes texts with these codes of their lengths have, about."""
    return round(sum(length_of(code) * texts for code, texts in Counter(codes).items()))
