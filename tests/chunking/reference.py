"""CommonMark as markdown-it-py reads it: an independent parser to hold ours against."""

import bisect
import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NOT_BLOCKS = {"inline", "thead_open", "tbody_open"}


@dataclass(frozen=True, slots=True)
class Heading:
    line: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A block's bytes, trailing blank space left out."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reference:
    headings: list[Heading]
    """Lines from 0."""
    blocks: list[Span]

    def cut_blocks(self, boundaries: list[int]) -> dict[int, list[Span]]:
        """For each boundary that falls inside blocks: which."""
        found: dict[int, list[Span]] = {}
        for block in self.blocks:
            inside = boundaries[
                bisect.bisect_right(boundaries, block.start) : bisect.bisect_left(boundaries, block.end)
            ]
            for boundary in inside:
                found.setdefault(boundary, []).append(block)
        return found


def read(body: bytes) -> Reference:
    tokens = PARSER.parse(body.decode())
    starts = line_starts(body)
    headings = [
        Heading(token.map[0], int(token.tag[1]), " ".join(plain(tokens[at + 1]).split())[:500])
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and token.map
    ]
    blocks = []
    for token in tokens:
        if token.map and token.nesting >= 0 and token.type not in NOT_BLOCKS:
            start, end = starts[token.map[0]], starts[min(token.map[1], len(starts) - 1)]
            blocks.append(Span(token.type, start, start + len(body[start:end].rstrip(b" \t\r\n"))))
    return Reference(headings, blocks)


def line_starts(body: bytes) -> list[int]:
    """Where lines start, the end of the body after them."""
    return [0, *(match.end() for match in re.finditer(rb"\r\n|\n|\r", body)), len(body)]


def plain(inline: Token) -> str:
    """The text of inline tokens without markup."""
    parts = []
    for child in inline.children or []:
        match child.type:
            case "text" | "code_inline" | "text_special":
                parts.append(child.content)
            case "softbreak" | "hardbreak":
                parts.append(" ")
            case "image":
                parts.append(plain(child))
    return "".join(parts)
