"""Packing: which neighbouring blocks make up a chunk, and the headings each chunk stands under."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gbrain.chunking.cutting import cut
from gbrain.chunking.outline import Block, BlockKind

LIMIT_BYTES = 2_000
"""Of UTF-8: what a chunk is filled up to, and the size up to which no block is cut."""

MAX_BLANK_BYTES = 100
"""Trailing blank space that may carry a chunk beyond the limit."""

_LEAF, _LONG, _HEADING = BlockKind.LEAF, BlockKind.LONG, BlockKind.HEADING


class Stretch(NamedTuple):
    """A chunk's place in the body, in bytes, and the titles in force there, outermost first."""

    start: int
    end: int
    headings: tuple[str, ...]


def pack(body: bytes, tiles: Iterable[Block]) -> list[Stretch]:
    """The chunks of a body, given blocks one after the other with blank space between.

    A heading begins a chunk, unless the chunk so far is headings. It does not end one, but at the end of the body, or
    where headings alone, or the blank lines after them, pass the limit: so a heading and the block after it, each
    within the limit, may together pass it.
    """
    packer = _Packer(body)
    for block in tiles:
        packer.add(block)
    packer.blank(len(body))
    packer.finish()
    return packer.finished


class _Packer:
    """The chunk being filled, `[start:end]`, and the sections open there. `bare`: only headings and blanks so far."""

    def __init__(self, body: bytes) -> None:
        self.finished: list[Stretch] = []
        self._body = body
        self._start = 0
        self._end = 0
        self._text_end = 0
        self._bare = True
        self._headings: tuple[str, ...] = ()
        self._sections: list[tuple[int, str]] = []

    def add(self, block: Block) -> None:
        """Take in the blank space up to the block, and the block."""
        if block.start > self._end:
            self.blank(block.start)
        if block.kind is _LEAF:
            self._text(block.end)
        elif block.kind is _LONG:
            self._long(block.end)
        else:
            self._heading(block)

    def finish(self) -> None:
        """End the current chunk, unless it is empty. One of headings alone stands under the last of them."""
        if self._end > self._start:
            self.finished.append(Stretch(self._start, self._end, self._path() if self._bare else self._headings))
        self._start = self._text_end = self._end
        self._bare = True

    def blank(self, end: int) -> None:
        """Take in blank space: to the chunk before it, unless there is too much of it."""
        if end - self._start <= LIMIT_BYTES or end - self._text_end <= MAX_BLANK_BYTES:
            self._end = end
            return
        for _, at in cut(self._body, self._end, end, limit=LIMIT_BYTES, first_limit=LIMIT_BYTES):
            self.finish()
            self._end = at

    def _heading(self, block: Block) -> None:
        if not self._bare or self._overflows(block.end):
            self.finish()
        if block.kind is _HEADING:
            while self._sections and self._sections[-1][0] >= block.level:
                self._sections.pop()
            self._sections.append((block.level, block.title))
        if block.end - block.start > LIMIT_BYTES:
            self._long(block.end)
        else:
            self._end = self._text_end = block.end

    def _long(self, end: int) -> None:
        room = LIMIT_BYTES - (self._end - self._start) if self._bare else LIMIT_BYTES
        first = max(room, LIMIT_BYTES // 2)
        for _, at in cut(self._body, self._end, end, limit=LIMIT_BYTES, first_limit=first):
            self._text(at)

    def _text(self, end: int) -> None:
        waits = self._bare and self._text_end > self._start
        if not waits and self._overflows(end):
            self.finish()
        if self._bare:
            self._headings = self._path()
        self._bare = False
        self._end = self._text_end = end

    def _overflows(self, end: int) -> bool:
        """Whether the chunk would pass the limit if it went on to `end`; a few blank lines alone are no chunk yet."""
        begun = self._text_end > self._start or self._end - self._start > MAX_BLANK_BYTES
        return begun and end - self._start > LIMIT_BYTES

    def _path(self) -> tuple[str, ...]:
        return tuple([title for _, title in self._sections if title])
