"""Where each word stands: what one process counts in a text, and what the index keeps of a word.

An entry of the index is 32 bits, little-endian: a text's number within a segment (22 bits), the code of its length
(6 bits), and that of how often the word stands in it (4 bits). The entries of a word stand in order of the texts.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gbrain.domain import lexing
from gbrain.domain.bm25 import CODES, TIMES_BITS, length_code, length_of, times_code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRY_BYTES = 4
NUMBER_SHIFT = CODES.bit_length() - 1
MOST_TEXTS = 1 << 32 - NUMBER_SHIFT
"""So many texts a segment holds at most."""

_TIMES_CODES = bytes([times_code(times) for times in range(256)])
_MASK = (1 << 64) - 1
_FEW = 50_000
"""So many entries are sorted without numpy, which takes 0.1 s to import."""


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
    return Words(array("q", found).tobytes(), kept.translate(_TIMES_CODES), length_code(sum(each)))


def with_name(words: Words, name: str) -> Words:
    """The words of a text that is looked up by a name too (`lexing.name`), which makes it no longer."""
    return Words(words.terms + array("q", [lexing.term(name)]).tobytes(), words.times + _TIMES_CODES[1:2], words.length)


def inverted(texts: Sequence[Words]) -> Iterator[tuple[int, bytes]]:
    """Each term with its entries, in order of term; the texts, at most `MOST_TEXTS`, are numbered as they come."""
    return (_sorted if sum(len(words.times) for words in texts) <= _FEW else _sorted_fast)(texts)


def _sorted(texts: Sequence[Words]) -> Iterator[tuple[int, bytes]]:
    found: dict[int, list[int]] = defaultdict(list)
    for number, words in enumerate(texts):
        base = number << NUMBER_SHIFT | words.length << TIMES_BITS
        for term, times in zip(array("q", words.terms), words.times, strict=True):
            found[term].append(base + times)
    for term in sorted(found):
        yield term, packed(array("I", found[term]))


def _sorted_fast(texts: Sequence[Words]) -> Iterator[tuple[int, bytes]]:
    import numpy as np

    counts = np.fromiter((len(words.times) for words in texts), np.int64, len(texts))
    lengths = np.fromiter((words.length for words in texts), np.int64, len(texts))
    terms = np.frombuffer(b"".join([words.terms for words in texts]), np.int64)
    times = np.frombuffer(b"".join([words.times for words in texts]), np.uint8)
    bases = (np.arange(len(texts)) << NUMBER_SHIFT | lengths << TIMES_BITS).astype(np.uint32)
    return grouped(terms, np.repeat(bases, counts) + times)


def grouped(terms: NDArray[np.int64], entries: NDArray[np.uint32]) -> Iterator[tuple[int, bytes]]:
    """Each term with its entries, in order of term; those of one term as they come."""
    import numpy as np

    if not len(terms):
        return
    order = np.argsort(terms, kind="stable")
    terms, data = terms[order], entries[order].astype("<u4").tobytes()
    starts = np.concatenate(([0], np.flatnonzero(np.diff(terms)) + 1))
    ends = np.append(starts[1:], len(terms))
    for term, start, end in zip(terms[starts].tolist(), starts.tolist(), ends.tolist(), strict=True):
        yield term, data[start * ENTRY_BYTES : end * ENTRY_BYTES]


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


def checksum(words: Sequence[tuple[int, bytes]]) -> int:
    """64 bits that change with what a segment says of these words; those of its parts are added up."""
    if sum(len(data) for _, data in words) <= _FEW * ENTRY_BYTES:
        return sum((sum(unpacked(data)) + len(data)) * (2 * term + 1) for term, data in words) & _MASK
    import numpy as np

    sizes = np.fromiter((len(data) for _, data in words), np.int64, len(words))
    entries = np.frombuffer(b"".join([data for _, data in words]), "<u4").astype(np.uint64)
    terms = np.fromiter((term for term, _ in words), np.int64, len(words)).astype(np.uint64)
    sums = np.add.reduceat(entries, np.cumsum(sizes // ENTRY_BYTES) - sizes // ENTRY_BYTES)
    return int(((sums + sizes.astype(np.uint64)) * (2 * terms + np.uint64(1))).sum())


def merged(
    parts: Sequence[tuple[Sequence[tuple[int, bytes]], NDArray[np.int64]]],
) -> Iterator[tuple[int, bytes]]:
    """The words of several segments as those of one, in order of term.

    Each part is a segment's words in order of term, and for each of its texts the number that it gets, -1 for none.
    """
    import numpy as np

    terms, entries = [], []
    for words, renumbered in parts:
        sizes = [len(data) // ENTRY_BYTES for _, data in words]
        old = np.frombuffer(b"".join([data for _, data in words]), "<u4").astype(np.uint32)
        new = renumbered[old >> NUMBER_SHIFT]
        kept = new >= 0
        terms.append(np.repeat(np.array([term for term, _ in words], np.int64), sizes)[kept])
        entries.append((new[kept] << NUMBER_SHIFT).astype(np.uint32) | old[kept] & np.uint32(CODES - 1))
    return grouped(np.concatenate(terms), np.concatenate(entries))


def note_lengths(words: Sequence[tuple[int, bytes]], codes: NDArray[np.uint8]) -> None:
    """Write the codes of the lengths of texts, as far as these words of a segment tell them, at the texts' numbers."""
    import numpy as np

    entries = np.frombuffer(b"".join([data for _, data in words]), "<u4")
    codes[entries >> NUMBER_SHIFT] = entries >> TIMES_BITS & (CODES >> TIMES_BITS) - 1


def total_length(codes: Iterable[int]) -> int:
    """How many lexemes texts with these codes of their lengths have, about."""
    return round(sum(length_of(code) * texts for code, texts in Counter(codes).items()))
