"""Text and code: paragraphs, divided by blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gbrain.chunking.lines import BLANKS, last_line_end
from gbrain.chunking.outline import Block, BlockKind

_LINE_END = rb"(?:\r\n|\n|\r(?!\n))"
_DIVIDER = re.compile(_LINE_END + rb"[ \t]*" + _LINE_END + rb"[ \t\r\n]*")
"""Blank lines, and the indentation after them. A repeated group of line ends would remember each, at 170 bytes."""
_CONTINUES = frozenset(b" \t)]}")


def text_blocks(body: bytes) -> Iterator[Block]:
    """The paragraphs of a text."""
    for start, end in _paragraphs(body):
        yield Block(BlockKind.LEAF, start, end)


def code_blocks(body: bytes, *, whole_bytes: int) -> Iterator[Block]:
    """The top-level stretches of a program: from a line without indentation, after a blank one, to the next such.

    One over `whole_bytes` is divided at its other blank lines. A line that closes a bracket begins no stretch.
    """
    stretch: list[Block] = []
    opened = False
    for start, end in _paragraphs(body):
        if body[start] not in _CONTINUES:
            yield from _whole(stretch)
            stretch, opened = [], False
        stretch.append(Block(BlockKind.LEAF, start, end))
        if opened or end - stretch[0].start > whole_bytes:
            yield from stretch
            stretch, opened = [], True
    yield from _whole(stretch)


def _whole(stretch: list[Block]) -> list[Block]:
    return [Block(BlockKind.LEAF, stretch[0].start, stretch[-1].end)] if stretch else []


def _paragraphs(body: bytes) -> Iterator[tuple[int, int]]:
    """The stretches between blank lines, where there is text; their ends leave trailing white space out."""
    start = 0
    for match in _DIVIDER.finditer(body):
        if text := body[start : match.start()].rstrip(BLANKS):
            yield start, start + len(text)
        start = last_line_end(body, match.start(), match.end())
    if text := body[start:].rstrip(BLANKS):
        yield start, start + len(text)
