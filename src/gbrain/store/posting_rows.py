"""Where words stand, sent as rows of COPY: word by word, or all at once where they are columns."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from gbrain.domain.columns import Columns
from gbrain.domain.postings import ENTRY_BYTES
from gbrain.store.binary_copy import HEADER, TRAILER, stream
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

Postings = Sequence[tuple[int, bytes]] | Columns
"""Terms with their entries, in order of term."""

_POSTING = struct.Struct("!hiqiqi")
_COLUMNS = ("fields", ">i2"), ("segment_bytes", ">i4"), ("segment", ">i8"), ("term_bytes", ">i4"), ("term", ">i8")
_ROW = [*_COLUMNS, ("entries_bytes", ">i4")]
"""The same as numpy calls it: all of a row but the entries themselves."""
_FIELDS = 3
_TERMS_AT_ONCE = 8192


async def copy_postings(conn: Connection, segment: int, postings: Postings) -> None:
    """Send a segment's words."""
    async with conn.cursor() as cursor, cursor.copy(statements("segments")["copy_postings"]) as copy:
        for piece in _pieces(segment, postings):
            await copy.write(piece)


def _pieces(segment: int, postings: Postings) -> Iterator[bytes]:
    if isinstance(postings, Columns):
        yield HEADER
        yield from _rows(segment, postings)
        yield TRAILER
    else:
        pack = _POSTING.pack
        yield from stream(pack(_FIELDS, 8, segment, 8, term, len(entries)) + entries for term, entries in postings)


def _rows(segment: int, postings: Columns) -> Iterator[bytes]:
    """Whole rows, thousands at once: the heads are put where they belong, and the entries fill what is left."""
    import numpy as np

    kind, last = np.dtype(list(_ROW)), 0
    for first in range(0, len(postings.terms), _TERMS_AT_ONCE):
        terms = postings.terms[first : first + _TERMS_AT_ONCE]
        sizes = postings.sizes[first : first + _TERMS_AT_ONCE] * ENTRY_BYTES
        heads = np.empty(len(terms), kind)
        heads["fields"], heads["segment_bytes"], heads["segment"] = _FIELDS, 8, segment
        heads["term_bytes"], heads["term"], heads["entries_bytes"] = 8, terms, sizes
        ends = (sizes + kind.itemsize).cumsum()
        rows, is_entry = np.empty(ends[-1], np.uint8), np.ones(ends[-1], np.bool_)
        of_heads = (ends - sizes - kind.itemsize)[:, None] + np.arange(kind.itemsize)
        rows[of_heads] = heads.view(np.uint8).reshape(len(terms), kind.itemsize)
        is_entry[of_heads] = False
        begin, last = last, last + int(sizes.sum()) // ENTRY_BYTES
        rows[is_entry] = postings.entries[begin:last].view(np.uint8)
        yield rows.tobytes()
