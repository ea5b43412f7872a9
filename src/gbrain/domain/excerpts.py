"""Some lines of a page, no more than can be handed over at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_CHARACTERS = 60_000
"""Characters of an excerpt. A single line that has more is cut."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Lines of a file, counted from 1 over all of it. Without any, `first_line` and `last_line` are None.

    `next_line` is the first that was wanted and is left out; None where there is none. `is_line_cut`: the last line
    goes on.
    """

    text: str
    first_line: int | None
    last_line: int | None
    next_line: int | None
    is_line_cut: bool
    end_line: int
    """The last line of the body; the one before it where the body is empty."""


def excerpt(body: str, body_line: int, first: int, last: int | None) -> Excerpt:
    """The lines from `first` to `last` of a body that begins on `body_line`; to its end where `last` is None."""
    lines = _LINE.findall(body)
    end_line = body_line + len(lines) - 1
    first, wanted = max(first, body_line), end_line if last is None else min(last, end_line)
    chosen: list[str] = []
    room = MOST_CHARACTERS
    for line in lines[first - body_line : max(0, wanted - body_line + 1)]:
        if chosen and len(line) > room:
            break
        chosen.append(line[:room])
        room -= len(chosen[-1])
    shown = first + len(chosen) - 1
    return Excerpt(
        text="".join(chosen),
        first_line=first if chosen else None,
        last_line=shown if chosen else None,
        next_line=shown + 1 if chosen and shown < wanted else None,
        is_line_cut=bool(chosen) and len(chosen[-1]) < len(lines[shown - body_line]),
        end_line=end_line,
    )
