"""Many words of a segment at once, as columns of numbers: as objects of their own they take several times as long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gbrain.domain.bm25 import CODES, TIMES_BITS
from gbrain.domain.postings import ENTRY_BYTES, MASK, NUMBER_SHIFT, Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Terms, rising; how many entries each has; and those entries, of the first term first."""

    terms: NDArray[np.int64]
    sizes: NDArray[np.int64]
    entries: NDArray[np.uint32]
    """Little-endian."""

    def checksum(self) -> int:
        """That of `postings.checksum`."""
        import numpy as np

        ends = self.sizes.cumsum()
        before = np.concatenate((np.zeros(1, np.uint64), self.entries.cumsum(dtype=np.uint64)))
        sums = before[ends] - before[ends - self.sizes] + (self.sizes * ENTRY_BYTES).astype(np.uint64)
        return int((sums * (2 * self.terms.astype(np.uint64) + np.uint64(1))).sum()) & MASK


def columns_of(words: Sequence[tuple[int, bytes]]) -> Columns:
    """Terms with their entries, in order of term."""
    import numpy as np

    return Columns(
        terms=np.fromiter((term for term, _ in words), np.int64, len(words)),
        sizes=np.fromiter((len(data) for _, data in words), np.int64, len(words)) // ENTRY_BYTES,
        entries=np.frombuffer(b"".join([data for _, data in words]), "<u4"),
    )


def inverted(texts: Sequence[Words]) -> Columns:
    """What `postings.inverted` gives."""
    import numpy as np

    counts = np.fromiter((len(words.times) for words in texts), np.int64, len(texts))
    lengths = np.fromiter((words.length for words in texts), np.int64, len(texts))
    terms = np.frombuffer(b"".join([words.terms for words in texts]), np.int64)
    times = np.frombuffer(b"".join([words.times for words in texts]), np.uint8)
    bases = (np.arange(len(texts)) << NUMBER_SHIFT | lengths << TIMES_BITS).astype(np.uint32)
    return _grouped(terms, bases.repeat(counts) + times)


def merged(parts: Sequence[tuple[Columns, NDArray[np.int64]]]) -> Columns:
    """The words of several segments as those of one.

    Each part is a segment's words, and for each of its texts the number that it gets, -1 for none.
    """
    import numpy as np

    terms, entries = [], []
    for words, renumbered in parts:
        new = renumbered[words.entries >> NUMBER_SHIFT]
        kept = new >= 0
        terms.append(words.terms.repeat(words.sizes)[kept])
        entries.append((new[kept] << NUMBER_SHIFT).astype(np.uint32) | words.entries[kept] & np.uint32(CODES - 1))
    all_terms, all_entries = np.concatenate(terms), np.concatenate(entries)
    del terms, entries, new, kept  # of many millions, each takes as much as the result
    return _grouped(all_terms, all_entries)


def note_lengths(words: Columns, codes: NDArray[np.uint8]) -> None:
    """Write the codes of the lengths of texts, as far as these words of a segment tell them, at the texts' numbers."""
    codes[words.entries >> NUMBER_SHIFT] = words.entries >> TIMES_BITS & (CODES >> TIMES_BITS) - 1


def _grouped(terms: NDArray[np.int64], entries: NDArray[np.uint32]) -> Columns:
    """Brought into the order of the terms, those of one term into the order of the texts.

    Two sorts that keep no order are done in half the time of one that does.
    """
    import numpy as np

    order = np.argsort(terms)
    terms = terms[order]
    is_first = np.diff(terms, prepend=~terms[:1]) != 0
    placed = is_first.cumsum(dtype=np.uint32).astype(np.uint64) << np.uint64(32) | entries[order]
    placed.sort()
    sizes = np.diff(is_first.nonzero()[0], append=len(terms))
    return Columns(terms=terms[is_first], sizes=sizes, entries=placed.astype("<u4"))
