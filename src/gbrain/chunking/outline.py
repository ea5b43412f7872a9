"""The blocks of a body, as parsers hand them to the packer."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class BlockKind(IntEnum):
    """What a block is to the packer."""

    LEAF = 0
    """A block without blocks in it, or one small enough to be taken whole."""
    CONTAINER = 1
    """A block over the limit: the blocks that follow and begin before its end are its children."""
    HEADING = 2
    """A heading of the page: it opens a section."""
    INNER_HEADING = 3
    """A heading inside a list, a quote or a footnote: it opens no section of the page."""
    LONG = 4
    """A leaf over the limit."""


class Block(NamedTuple):
    """A stretch of the body in bytes; blocks come in the order of their start, a container before its children.

    Text that no block covers stands between blocks.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    """Of a heading: 1 to 6."""
    title: str = ""
    """Of a heading: its text without markup, white space collapsed, at most 500 characters."""
