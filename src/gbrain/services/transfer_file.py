"""The file of an export, read with every damage named before anything is done with it.

It is one JSON document. With vectors it is lines: the first is the document, the others are told in `transfer_lines`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from gbrain.errors import UsageError
from gbrain.services.transfer_lines import Ending, read_line
from gbrain.services.transfer_models import models_in
from gbrain.services.transfer_writing import told
from gbrain.store.vector_transfer import Carried, Piece, rows_of

LARGEST_BYTES = 1_000_000_000
"""What a document may have; vectors are not in it."""

_LONGEST_LINE_BYTES = 64_000_000
_NAME = "name a file of gbrain export"
_AGAIN = "copy the file again from where it was written, or export again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export that was read and found whole, as far as its lines go. `ending` is None where it has no vectors."""

    document: object
    models: list[Carried]
    ending: Ending | None
    file: BinaryIO
    name: str

    def pieces(self) -> Iterator[tuple[int, Piece]]:
        """Each piece with the place of its model, read anew."""
        self.file.seek(0)
        self.file.readline()
        yield from _pieces(self.file, self.name, self.models)


@contextmanager
def reading(file: Path) -> Iterator[Export]:
    """What a file of `gbrain export` holds, checked to its last line; raises UsageError that says what is wrong."""
    with told("read", file, _NAME):
        opened = _seekable(open(file, "rb"))  # noqa: SIM115
    with opened:
        with told("read", file, _NAME):
            found = _read(opened, str(file))
        yield found


def _read(opened: BinaryIO, name: str) -> Export:
    first = opened.readline(LARGEST_BYTES + 1)
    document = _with_models(first)
    if document is None:
        return Export(document=_whole(first, opened, name), models=[], ending=None, file=opened, name=name)
    models, ending = models_in(document), Ending()
    for _, piece in _pieces(opened, name, models):
        ending = ending.with_piece(piece)
    return Export(document=document, models=models, ending=ending, file=opened, name=name)


def _with_models(line: bytes) -> dict[str, Any] | None:
    """The document, where this is the first line of an export with vectors."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "models" in found else None


def _whole(first: bytes, opened: BinaryIO, name: str) -> object:
    content = first + opened.read(LARGEST_BYTES + 1 - len(first))
    if len(content) > LARGEST_BYTES:
        raise UsageError(
            f"{name} is no export: no first line of one, and too large for one without vectors",
            hint="name the file that gbrain export wrote",
        )
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{name} is not JSON: {error}", hint="make one with: gbrain export FILE") from error


def _pieces(opened: BinaryIO, name: str, models: Sequence[Carried]) -> Iterator[tuple[int, Piece]]:
    """The pieces behind the first line; raises UsageError where a line is damaged, or not all are there."""
    read, number = Ending(), 1
    while True:
        number += 1
        found = _next(opened, name, number)
        if isinstance(found, Ending):
            break
        model, piece = found
        with _damaged(name, number):
            if not 0 <= model < len(models):
                raise ValueError(f"there is no model {model}")
            rows_of(piece, models[model].dimensions)
        read = read.with_piece(piece)
        yield model, piece
    with _damaged(name, number):
        if found != read:
            raise ValueError(f"{found.pieces:,} lines and {found.vectors:,} vectors should stand before it")
    if opened.read(1):
        raise _damage(name, number + 1, "it stands behind the last line")


def _next(opened: BinaryIO, name: str, number: int) -> tuple[int, Piece] | Ending:
    line = opened.readline(_LONGEST_LINE_BYTES)
    if len(line) < _LONGEST_LINE_BYTES and not line.endswith(b"\n"):
        raise UsageError(f"{name} was cut short: it ends in line {number}, before its last line", hint=_AGAIN)
    with _damaged(name, number):
        return read_line(line)


@contextmanager
def _damaged(name: str, number: int) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise _damage(name, number, what) from error


def _damage(name: str, number: int, what: str) -> UsageError:
    return UsageError(f"{name} is damaged at line {number}: {what}", hint=_AGAIN)


def _seekable(opened: BinaryIO) -> BinaryIO:
    """The file itself; of a pipe a copy: it is read twice."""
    if opened.seekable():
        return opened
    with opened:
        copy = tempfile.TemporaryFile()  # noqa: SIM115 — the caller closes it
        shutil.copyfileobj(opened, copy)
        copy.seek(0)
    return cast("BinaryIO", copy)
