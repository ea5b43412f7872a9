"""What a line is, for everything that counts lines: `\\n`, `\\r\\n` and a lone `\\r` end one, as in CommonMark."""

from __future__ import annotations

BLANKS = b" \t\r\n"
"""Spaces, tabs and line ends: what a blank line is made of."""


def count_line_ends(text: bytes, start: int, end: int) -> int:
    """How many lines end in `text[start:end]`; neither bound may stand between a `\\r` and its `\\n`."""
    ends = text.count(b"\n", start, end)
    if lone_or_paired := text.count(b"\r", start, end):
        ends += lone_or_paired - text.count(b"\r\n", start, end)
    return ends


def last_line_end(text: bytes, start: int, end: int) -> int:
    """Where the last whole line of `text[start:end]` ends; -1 where none ends there. Never between `\\r` and `\\n`."""
    feed = text.rfind(b"\n", start, end) + 1
    return_ = text.rfind(b"\r", max(start, feed), end) + 1
    if return_ and text.startswith(b"\n", return_):
        return_ = text.rfind(b"\r", max(start, feed), return_ - 1) + 1
    return max(feed, return_) or -1
