"""Where each word stands: what one process counts in a text, and what the index keeps of a word.

An entry of the index is 64 bits, little-endian: a text's number within a segment, the code of its length (8 bits), and
how often the word stands in it (8 bits). The entries of a word stand in order of the texts.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gbrain.domain import lexing
from gbrain.domain.bm25 import MOST_TIMES, length_code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRY_BYTES = 8
_NUMBER_SHIFT, _LENGTH_SHIFT = 16, 8
_MASK = (1 << 64) - 1
_FEW = 50_000
"""So many entries are sorted without numpy, which takes 0.1 s to import."""


class Words(NamedTuple):
    """The terms of a text (64 bits each, signed, in this machine's order); how often each stands in it, a byte each."""

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
        kept = bytes([min(times, MOST_TIMES) for times in each])
    return Words(array("q", found).tobytes(), kept, length_code(sum(each)))


def with_name(words: Words, name: str) -> Words:
    """The words of a text that is looked up by a name too (`lexing.name`), which makes it no longer."""
    return Words(words.terms + array("q", [lexing.term(name)]).tobytes(), words.times + b"\1", words.length)


def inverted(texts: Sequence[Words]) -> Iterator[tuple[int, bytes]]:
    """Each term with its entries, in order of term; the texts are numbered as they come."""
    return (_sorted if sum(len(words.times) for words in texts) <= _FEW else _sorted_fast)(texts)


def _sorted(texts: Sequence[Words]) -> Iterator[tuple[int, bytes]]:
    found: dict[int, list[int]] = defaultdict(list)
    for number, words in enumerate(texts):
        base = number << _NUMBER_SHIFT | words.length << _LENGTH_SHIFT
        for term, times in zip(array("q", words.terms), words.times, strict=True):
            found[term].append(base + times)
    for term in sorted(found):
        yield term, packed(array("Q", found[term]))


def _sorted_fast(texts: Sequence[Words]) -> Iterator[tuple[int, bytes]]:
    import numpy as np

    counts = np.fromiter((len(words.times) for words in texts), np.int64, len(texts))
    lengths = np.fromiter((words.length for words in texts), np.int64, len(texts))
    terms = np.frombuffer(b"".join([words.terms for words in texts]), np.int64)
    times = np.frombuffer(b"".join([words.times for words in texts]), np.uint8)
    bases = np.arange(len(texts)) << _NUMBER_SHIFT | lengths << _LENGTH_SHIFT
    return grouped(terms, np.repeat(bases, counts) + times.astype(np.int64))


def grouped(terms: NDArray[np.int64], entries: NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
    """Each term with its entries, in order of term; those of one term as they come."""
    import numpy as np

    if not len(terms):
        return
    order = np.argsort(terms, kind="stable")
    terms, data = terms[order], entries[order].astype("<u8").tobytes()
    starts = np.concatenate(([0], np.flatnonzero(np.diff(terms)) + 1))
    ends = np.append(starts[1:], len(terms))
    for term, start, end in zip(terms[starts].tolist(), starts.tolist(), ends.tolist(), strict=True):
        yield term, data[start * ENTRY_BYTES : end * ENTRY_BYTES]


def packed(entries: array[int]) -> bytes:
    """Entries as they are kept."""
    if sys.byteorder == "big":
        entries = array("Q", entries)
        entries.byteswap()
    return entries.tobytes()


def unpacked(data: bytes) -> array[int]:
    """The entries that were packed."""
    entries = array("Q", data)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries


def checksum(words: Sequence[tuple[int, bytes]]) -> int:
    """64 bits that change with what a segment says of these words; those of its parts are added up."""
    if sum(len(data) for _, data in words) <= _FEW * ENTRY_BYTES:
        return sum((sum(unpacked(data)) + len(data)) * (2 * term + 1) for term, data in words) & _MASK
    import numpy as np

    sizes = np.fromiter((len(data) for _, data in words), np.int64, len(words))
    entries = np.frombuffer(b"".join([data for _, data in words]), "<u8").astype(np.uint64)
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
        old = np.frombuffer(b"".join([data for _, data in words]), "<u8").astype(np.int64)
        new = renumbered[old >> _NUMBER_SHIFT]
        kept = new >= 0
        terms.append(np.repeat(np.array([term for term, _ in words], np.int64), sizes)[kept])
        entries.append((new[kept] << _NUMBER_SHIFT) | (old[kept] & ((1 << _NUMBER_SHIFT) - 1)))
    return grouped(np.concatenate(terms), np.concatenate(entries))


def total_times(words: Sequence[tuple[int, bytes]]) -> int:
    """How many lexemes the texts have that these words of a segment stand in: how often all of them stand there."""
    import numpy as np

    entries = np.frombuffer(b"".join([data for _, data in words]), "<u8")
    return int((entries & np.uint64((1 << _LENGTH_SHIFT) - 1)).sum())
