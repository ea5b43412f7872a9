"""The blocks of a body with its containers opened and nothing but blank space left between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gbrain.chunking.lines import BLANKS, last_line_end
from gbrain.chunking.outline import Block, BlockKind

MAX_LEAD_BYTES = 100
"""Indentation and markers up to this size go with the block they stand before, and do not count as its text."""

_LEAF, _LONG, _CONTAINER = BlockKind.LEAF, BlockKind.LONG, BlockKind.CONTAINER
_LINE_FEED = 0x0A
_TEXT = re.compile(rb"[^ \t\r\n]")
_TEXT_INSIDE = re.compile(rb"[^ \t\r\n>]")


def tile(body: bytes, blocks: Iterable[Block], *, limit: int) -> Iterator[Block]:
    """Blocks one after the other, none of them a CONTAINER; what is between them is blank.

    A block begins where its line begins, or with the markers before it. Text that stands between blocks (reference
    definitions, rules, the lines of tight list items) is a leaf; leaves over `limit` bytes are LONG.
    """
    at = 0
    open_ends: list[int] = []
    for block in blocks:
        while open_ends and block.start >= open_ends[-1]:
            end = max(at, open_ends.pop())
            yield from _text_between(body, at, end, limit=limit, inside=True)
            at = end
        if block.end <= at:
            continue
        start = _with_lead(body, at, block.start)
        yield from _text_between(body, at, start, limit=limit, inside=bool(open_ends))
        if block.kind is _CONTAINER:
            open_ends.append(block.end)
            at = start
        else:
            yield _long_or_whole(block, start, limit)
            at = block.end
    for end in [*reversed(open_ends), len(body)]:
        yield from _text_between(body, at, end, limit=limit, inside=False)
        at = max(at, end)


def _text_between(body: bytes, start: int, end: int, *, limit: int, inside: bool) -> tuple[Block, ...]:
    """The text between two blocks as a block, from the start of its first line; bare quote markers are blank there."""
    if not body[start:end].strip(BLANKS):
        return ()
    first = (_TEXT_INSIDE if inside else _TEXT).search(body, start, end)
    if first is None:
        return ()
    text_start = max(start, last_line_end(body, start, first.start()))
    text_end = text_start + len(body[text_start:end].rstrip(BLANKS))
    return (Block(_LONG if text_end - text_start > limit else _LEAF, text_start, text_end),)


def _long_or_whole(block: Block, start: int, limit: int) -> Block:
    if block.kind is _LEAF and block.end - max(start, block.start) > limit:
        return Block(_LONG, start, block.end)
    return block if start == block.start else block._replace(start=start)


def _with_lead(body: bytes, at: int, start: int) -> int:
    """Where the line of `start` begins, or `at` on the same line; `start` itself where both are far."""
    if start <= at or body[start - 1] == _LINE_FEED:
        return max(start, at)
    line_start = last_line_end(body, max(at, start - MAX_LEAD_BYTES), start)
    if line_start >= 0:
        return line_start
    return at if start - at <= MAX_LEAD_BYTES else start
