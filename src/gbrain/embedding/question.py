"""The local model for what somebody asks: only the rows that it needs are read, and of its tokenizer the vocabulary.

A question of ten words needs as many rows of 32,000. To load all of them, with numpy and the model's tokenizer, takes a
fifth of a second.
"""

from __future__ import annotations

import math
import mmap
import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from gbrain.embedding import weights
from gbrain.embedding.tokens import Tokens, folded
from gbrain.errors import CouldNotRun

_SPACE = "▁"


class QuestionModel:
    """Embeds short texts as the local embedder does, to within rounding. CouldNotRun where its files are not as they
    should be.
    """

    def __init__(self) -> None:
        files = weights.find()
        try:
            tokenizer = orjson.loads(files.tokenizer.read_bytes())
            self._rows = _Rows(files.table)
            pairs = _Pairs(tokenizer["model"]["vocab"])
            special = {one["content"]: one["id"] for one in tokenizer["added_tokens"]}
        except (OSError, KeyError, TypeError, ValueError, struct.error) as error:
            raise CouldNotRun(
                f"reading the local embedding model at {files.table.parent.parent}: {error}", hint=weights.HINT
            ) from error
        self._tokens = Tokens(pairs.tokens_of, special)

    def vector_of(self, text: str) -> list[float]:
        """The vector of length one; zeros for white space alone. A word of 400 letters takes 30 ms."""
        numbers = (number for part in self._tokens.of(folded(text)) for number in array("H", part))
        total = self._rows.added_up(numbers)
        length = math.sqrt(sum(one * one for one in total))
        return [one / length for one in total] if length else total


class _Rows:
    """The rows of the model's one table, where they lie.

    The file is its header's length (64 bits), the header, which is JSON, and the numbers, of 16 bits each
    (https://github.com/huggingface/safetensors, "Format").
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self._data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        (size,) = struct.unpack_from("<Q", self._data)
        told: dict[str, Any] = orjson.loads(self._data[8 : 8 + size])["embedding.weight"]
        if told["dtype"] != "F16":
            raise ValueError(f"its numbers are {told['dtype']}, not F16")
        self._first = 8 + size + told["data_offsets"][0]
        self.width: int = told["shape"][1]
        self._row = struct.Struct(f"<{self.width}e")
        self._count: int = told["shape"][0]
        if self._first + self._count * self._row.size > len(self._data):
            raise ValueError(f"{file.name} is cut short")

    def added_up(self, numbers: Iterable[int]) -> list[float]:
        """The sum of the vectors of some tokens. Of numbers of 16 bits it is exact, in whatever order."""
        if "numpy" in sys.modules:  # else it would take longer to import than it saves
            return self._added_up_by_numpy(list(numbers))
        rows = [self._row.unpack_from(self._data, self._first + number * self._row.size) for number in numbers]
        return list(map(sum, zip(*rows, strict=True))) if rows else [0.0] * self.width

    def _added_up_by_numpy(self, numbers: Sequence[int]) -> list[float]:
        import numpy as np

        rows = np.frombuffer(self._data, "<f2", offset=self._first, count=self._count * self.width)
        found: list[float] = rows.reshape(-1, self.width)[numbers].sum(axis=0, dtype=np.float64).tolist()
        return found


class _Pairs:
    """Merges neighbours while two make up a token, as the model's tokenizer does (Sennrich et al. 2016, section 3.2).

    The tokenizer's list of pairs is in the order of the tokens that they make, spaces last, then of the left and the
    right one: the vocabulary tells as much.
    """

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._numbers = vocabulary

    def tokens_of(self, piece: str) -> list[int]:
        """The numbers of a piece's tokens."""
        parts = [part for character in piece for part in self._first(character)]
        while len(parts) > 1:
            ranks = map(self._rank, parts, parts[1:])
            rank, at = min((rank, at) for at, rank in enumerate(ranks))
            if rank == _NEVER:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [self._numbers[part] for part in parts]

    def _first(self, character: str) -> Sequence[str]:
        """A character, or its bytes, where it is no token."""
        return [character] if character in self._numbers else [f"<0x{byte:02X}>" for byte in character.encode()]

    def _rank(self, left: str, right: str) -> tuple[bool, int, int, int]:
        made = self._numbers.get(left + right)
        if made is None:
            return _NEVER
        return (not (left + right).strip(_SPACE), made, self._numbers[left], self._numbers[right])


_NEVER = (True, 1 << 62, 0, 0)
