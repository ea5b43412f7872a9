"""How much work a page's nesting makes: for each line the parser looks at every list and quote that may go on there."""

from __future__ import annotations

import re

from gbrain.chunking.lines import count_line_ends

MAX_STEPS = 1_000_000_000
"""Lines times levels: about a second. Without a bound, a page of 5 MB can make the parser work for an hour."""

_LONG_LINE = re.compile(rb"(?:\A|(?<=[\r\n]))[ \t>*+\-0-9[][^\r\n]{99}")
"""Shorter ones open at most 200 levels, which no page that is read has lines enough for."""
_MARKER = re.compile(rb"[ \t>]+|[-+*](?=[ \t])|[0-9]{1,9}[.)](?=[ \t])|\[\^[^]\r\n]+\]:")


def steps(body: bytes) -> int:
    """How often, at most, the parser asks whether a list or quote goes on in a line; 0 where that is within bounds."""
    lines = 1 + count_line_ends(body, 0, len(body))
    if lines * 2 * len(body) <= MAX_STEPS:
        return 0
    return lines * max((_levels(body, line.start()) for line in _LONG_LINE.finditer(body)), default=0)


def _levels(body: bytes, start: int) -> int:
    """How many lists and quotes are open, at most, in the line that starts there: one a byte, two a tab."""
    at = start
    while marker := _MARKER.match(body, at):
        at = marker.end()
    return at - start + body.count(b"\t", start, at)
