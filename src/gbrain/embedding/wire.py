"""OpenAI's shape of an embeddings request and its answer: texts in, rows of float32 out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pybase64
from numpy.typing import NDArray

from gbrain.domain.endpoint_values import MAX_DIMENSIONS
from gbrain.embedding.answers import Malformed, Vectors

_BYTES_A_NUMBER = 32
"""A number of an answer takes no more, blanks and base64 included."""

_BYTES_BESIDE = 1 << 20

_SHORTEST, _LONGEST = 1e-30, 1e30
"""Between them, a vector may be scaled in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which of the fields that not every endpoint takes a request has."""

    base64: bool
    """Vectors in base64 are a quarter of the bytes and a fifth of the work of decimal numbers."""
    dimensions: int | None

    def without(self, refusal: str, *, untried: bool) -> Form:
        """The form that may be taken where this one was refused in these words; the same where there is none.

        A field named in the words is left out. Where none is, and this form was never taken before, all of them are.
        """
        words = refusal.lower()
        if self.base64 and ("encoding" in words or "base64" in words):
            return replace(self, base64=False)
        if self.dimensions is not None and "dimension" in words:
            return replace(self, dimensions=None)
        return Form(base64=False, dimensions=None) if untried else self


def request(model: str, texts: Sequence[str], form: Form) -> bytes:
    """The body that asks for the vectors of these texts."""
    asked: dict[str, Any] = {"model": model, "input": list(texts)}
    if form.base64:
        asked["encoding_format"] = "base64"
    if form.dimensions is not None:
        asked["dimensions"] = form.dimensions
    return orjson.dumps(asked)


def most_bytes(count: int, dimensions: int | None) -> int:
    """More bytes than the answer for so many texts can have."""
    return count * (dimensions or MAX_DIMENSIONS) * _BYTES_A_NUMBER + _BYTES_BESIDE


def decoded(body: bytes, *, count: int, dimensions: int | None, who: str) -> Vectors | Malformed:
    """The vectors in an answer to so many texts, each of length one; `dimensions` is None where any length will do."""
    try:
        answer = _parsed(body)
        rows = _rows(_in_order(answer["data"], count), dimensions)
    except ValueError as defect:
        return Malformed(message=f"{who} answered {defect}")
    return Vectors(rows=_normalised(rows), tokens=_tokens(answer.get("usage")))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("something that is not JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise ValueError("no vectors")
    return answer


def _in_order(data: list[Any], count: int) -> list[Any]:
    """The embeddings by the index of their text; by where they stand, where none has an index."""
    if len(data) != count:
        raise ValueError(f"{len(data):,} vectors for {count:,} texts")
    if not all(isinstance(item, dict) for item in data):
        raise ValueError("vectors in a shape of its own")
    indices = [item.get("index") for item in data]
    if all(index is None for index in indices):
        return [item.get("embedding") for item in data]
    found = {index: item.get("embedding") for index, item in zip(indices, data, strict=True) if type(index) is int}
    if found.keys() != set(range(count)):
        raise ValueError("vectors without saying of which text each is")
    return [found[index] for index in range(count)]


def _rows(embeddings: list[Any], dimensions: int | None) -> NDArray[np.float32]:
    packed = [_packed(embedding) for embedding in embeddings]
    wanted = 4 * (dimensions or len(packed[0]) // 4)
    for row in packed:
        if len(row) != wanted or not row:
            raise ValueError(f"a vector of {len(row) / 4:,g} numbers instead of {wanted // 4:,}")
    rows = np.frombuffer(b"".join(packed), dtype="<f4").reshape(len(packed), -1)
    if not np.isfinite(rows).all():
        raise ValueError("a vector with numbers that are not finite")
    return rows


def _packed(embedding: Any) -> bytes:
    """The numbers of an embedding as little-endian float32, which is what base64 holds."""
    if isinstance(embedding, str):
        try:
            return pybase64.b64decode(embedding, validate=True)
        except ValueError:
            raise ValueError("a vector that is not base64") from None
    if not isinstance(embedding, list):
        raise ValueError("a vector that is neither numbers nor base64")
    try:
        return struct.pack(f"<{len(embedding)}f", *embedding)
    except (struct.error, OverflowError):
        raise ValueError("a vector with something in it that is no number of 32 bits") from None


def _normalised(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaled to length one; zeros stay zeros.

    Squares are added up in double precision, where those of float32 are neither too large nor too small; lengths that
    are, are divided by in it too.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    lengths[lengths == 0] = 1
    if lengths.min() > _SHORTEST and lengths.max() < _LONGEST:
        lengths = lengths.astype(np.float32)
    scaled: NDArray[np.float32] = (rows / lengths[:, None]).astype(np.float32, copy=False)
    return scaled


def _tokens(usage: Any) -> int | None:
    counts = (usage.get(name) for name in ("total_tokens", "prompt_tokens")) if isinstance(usage, dict) else ()
    return next((count for count in counts if type(count) is int and count > 0), None)
