"""Hashes and vectors as arrays in PostgreSQL's binary form: of thousands, nothing is turned into text and back.

The form of an array is that of `array_send`. That of a `halfvec` is that of pgvector's `halfvec_send`: its number of
dimensions and a zero as 16-bit integers, then as many IEEE 754 half-precision floats, all in network order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from psycopg.adapt import AdaptersMap, Buffer, Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ARRAY = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)
_BYTEA, _BYTEAS = 17, 1001
"""The oids of `bytea` and of arrays of it, which are the same everywhere."""


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes as an array of `bytea` is sent."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors as an array of `halfvec` is sent."""

    data: bytes


class _HashesDumper(Dumper):
    """Sends what is encoded already."""

    format, oid = Format.BINARY, _BYTEAS

    def dump(self, obj: Hashes) -> Buffer:
        return obj.data


@cache
def _vectors_dumper(array_oid: int) -> type[Dumper]:
    """The same for vectors, whose type has another oid in each database."""

    class VectorsDumper(Dumper):
        format, oid = Format.BINARY, array_oid

        def dump(self, obj: Vectors) -> Buffer:
            return obj.data

    return VectorsDumper


def sends_hashes(adapters: AdaptersMap) -> None:
    """Let what has these adapters send `Hashes`."""
    adapters.register_dumper(Hashes, _HashesDumper)


def sends_vectors(adapters: AdaptersMap, array_oid: int) -> None:
    """Let what has these adapters send `Vectors`; the oid is that of arrays of `halfvec` in its database."""
    adapters.register_dumper(Vectors, _vectors_dumper(array_oid))


def hashes(values: Sequence[bytes]) -> Hashes:
    """Hashes as one array."""
    parts = [_LENGTH.pack(len(one)) + one for one in values]
    return Hashes(_ARRAY.pack(1, 0, _BYTEA, len(values), 1) + b"".join(parts))


def vectors(rows: NDArray[np.float32], element: int) -> Vectors:
    """The rows as one array of the type with this oid; a row of zeros is NULL."""
    count, dimensions = rows.shape
    some: Sequence[bool] = cast("NDArray[np.bool_]", rows.any(axis=1)).tolist()
    head = _ARRAY.pack(1, int(not all(some)), element, count, 1)
    items = _items(rows, dimensions)
    if all(some):
        return Vectors(head + items.tobytes())
    each = (item.tobytes() if is_there else _NULL for item, is_there in zip(items, some, strict=True))
    return Vectors(head + b"".join(each))


def _items(rows: NDArray[np.float32], dimensions: int) -> NDArray[np.void]:
    """Each row as an item of the array: its length in bytes, and the vector."""
    import numpy as np

    item = np.dtype([("size", ">i4"), ("dimensions", ">u2"), ("zero", ">u2"), ("numbers", ">f2", (dimensions,))])
    items = np.empty(len(rows), item)
    items["size"], items["dimensions"], items["zero"] = 4 + 2 * dimensions, dimensions, 0
    items["numbers"] = rows
    return items
