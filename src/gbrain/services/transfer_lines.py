"""The lines of an export with vectors, behind its first: pieces of vectors, and one that says how many there were.

Each is a JSON object. A piece has the place of its model in the document's list of models, the passages and their
vectors in base64, and the CRC-32 of these three, so that a line that was damaged on its way is found. Passages are
SHA-256 hashes, 32 bytes each; a vector is as many halves (IEEE 754, two bytes, the highest first, as pgvector sends
them) as the model has dimensions; zeros stand for a passage in which the model finds nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pybase64

from gbrain.services.transfer_rows import given
from gbrain.store.vector_transfer import HASH_BYTES, Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How many pieces and vectors stand before it."""

    pieces: int = 0
    vectors: int = 0

    def with_piece(self, piece: Piece) -> Ending:
        """The same with one piece more."""
        return Ending(pieces=self.pieces + 1, vectors=self.vectors + len(piece.passages) // HASH_BYTES)


def line_of(model: int, piece: Piece) -> bytes:
    """The line of a piece of this model."""
    row = {
        "model": model,
        "passages": pybase64.b64encode_as_string(piece.passages),
        "vectors": pybase64.b64encode_as_string(piece.vectors),
        "crc32": _sum(model, piece),
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def last_line(ending: Ending) -> bytes:
    """The last line."""
    return orjson.dumps({"pieces": ending.pieces, "vectors": ending.vectors}, option=orjson.OPT_APPEND_NEWLINE)


def read_line(line: bytes) -> tuple[int, Piece] | Ending:
    """A piece and the place of its model, or the ending; raises ValueError or KeyError where it is damaged."""
    row = orjson.loads(line)
    if not isinstance(row, dict):
        raise ValueError("it is no object")
    if "pieces" in row:
        return Ending(pieces=given(row, "pieces", int), vectors=given(row, "vectors", int))
    model, piece = given(row, "model", int), Piece(passages=_bytes(row, "passages"), vectors=_bytes(row, "vectors"))
    if given(row, "crc32", int) != _sum(model, piece):
        raise ValueError("its content is not what its sum says")
    return model, piece


def _bytes(row: Mapping[str, Any], name: str) -> bytes:
    if type(row[name]) is not str:
        raise ValueError(f"{name} is no text")
    return pybase64.b64decode(row[name], validate=True)


def _sum(model: int, piece: Piece) -> int:
    return zlib.crc32(piece.vectors, zlib.crc32(piece.passages, zlib.crc32(b"%d" % model)))
