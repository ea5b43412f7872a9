"""Markdown: its blocks and its links, from the events of pulldown-cmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, cast

import pyromark

from gbrain.chunking.lines import BLANKS, count_line_ends, last_line_end
from gbrain.chunking.outline import Block, BlockKind
from gbrain.domain.content import Link, LinkKind

MAX_TITLE = 500
"""Characters of a heading's text that are kept."""

_OPTIONS = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_FOOTNOTES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_GFM
    | pyromark.Options.ENABLE_WIKILINKS
)
_LEAVES = frozenset({"Paragraph", "HtmlBlock", "CodeBlock", "TableHead", "TableRow"})
_CONTAINERS = frozenset({"List", "Item", "BlockQuote", "FootnoteDefinition", "Table"})
_LINKS = frozenset({"Link", "Image"})
_LONGEST_MARKERS = 4_096
_BREAKS = ("SoftBreak", "HardBreak")

_Found = tuple[Any, Mapping[str, int]]


class MarkdownReader:
    """Reads a body once: `blocks` parses as it is iterated, and fills `links` and `title` on the way.

    Blocks inside a block of at most `whole_bytes` are left out: nobody cuts there. `first_line` is the line of the
    file on which the body begins.
    """

    def __init__(self, body: bytes, *, first_line: int, whole_bytes: int) -> None:
        self.links: list[Link] = []
        self.title = ""
        """The first heading of level 1, else the first of all; empty where there is none with text."""
        self._title_below = 7
        self._body = body
        self._whole_bytes = whole_bytes
        self._has_definitions = b"]:" in body
        self._source = cast("Iterator[_Found]", pyromark.events_with_range(body.decode(), options=_OPTIONS))
        self._pending: Iterator[_Found] = iter(())
        self._events = chain(self._pending, self._source)
        self._whole_end = 0
        self._outer_end = 0
        self._line = first_line
        self._counted = 0
        self._trimmed = (0, 0)
        self._unmarked = (0, 0)

    def blocks(self) -> Iterator[Block]:
        """The blocks in order of start; their ends leave trailing blank lines out."""
        events = None
        while events is not self._events:
            events = self._events
            for event, span in events:
                if "Start" not in event:
                    continue
                tag = event["Start"]
                if isinstance(tag, str) and span["start"] < self._whole_end:
                    continue
                if (block := self._started(tag, span)) is not None:
                    yield block
                if events is not self._events:
                    break

    def _started(self, tag: Any, span: Mapping[str, int]) -> Block | None:
        name = tag if isinstance(tag, str) else next(iter(tag))
        start = span["start"]
        if name in _LINKS:
            self._link(name, tag[name], start)
        elif start < self._whole_end:
            pass
        elif name in _LEAVES:
            return self._leaf(start, span["end"])
        elif name in _CONTAINERS:
            return self._container(name, start, span["end"])
        elif name == "Heading":
            return self._heading(int(tag[name]["level"][1]), start, span["end"])
        return None

    def _heading(self, level: int, start: int, end: int) -> Block:
        kind = BlockKind.HEADING if start >= self._outer_end else BlockKind.INNER_HEADING
        title = self._heading_text()
        self._whole_end = end
        if kind is BlockKind.HEADING and title and level < self._title_below:
            self.title = title
            self._title_below = min(level, 2)
        return Block(kind, start, self._trim(start, end), level, title)

    def _leaf(self, start: int, end: int) -> Block:
        self._whole_end = end
        return Block(BlockKind.LEAF, start, self._trim(start, end))

    def _container(self, name: str, start: int, end: int) -> Block:
        trimmed = self._container_end(start, end)
        if name == "List" and self._has_definitions and trimmed - start > self._whole_bytes:
            trimmed = min(trimmed, self._list_end(start, end))
        if trimmed - start <= self._whole_bytes:
            self._whole_end = end
            return Block(BlockKind.LEAF, start, trimmed)
        self._outer_end = max(self._outer_end, end)
        return Block(BlockKind.CONTAINER, start, trimmed)

    def _heading_text(self) -> str:
        """The text of the heading that has just begun; reads on to its end."""
        parts: list[str] = []
        for event, span in self._events:
            if "Text" in event:
                parts.append(event["Text"])
            elif "Code" in event:
                parts.append(event["Code"])
            elif "Start" in event:
                self._started(event["Start"], span)
            elif "End" not in event:
                parts.append(" " if event in _BREAKS else "")
            elif "Heading" in event["End"]:
                break
        return " ".join("".join(parts).split())[:MAX_TITLE]

    def _link(self, name: str, link: Any, start: int) -> None:
        self._line += count_line_ends(self._body, self._counted, start)
        self._counted = max(self._counted, start)
        written, target = link["link_type"], link["dest_url"]
        if not isinstance(written, str):
            kind = LinkKind.WIKILINK if name == "Link" else LinkKind.EMBED
        else:
            kind = LinkKind.LINK if name == "Link" else LinkKind.IMAGE
        self.links.append(Link(kind, f"mailto:{target}" if written == "Email" else target, self._line))

    def _container_end(self, start: int, end: int) -> int:
        """Where the text of a list, item, quote or table ends.

        Inside a quote the parser counts the quote's markers up to the next block to the range of a list.
        """
        if start < self._outer_end:
            self._unmarked = _before_markers(self._body, end, self._unmarked)
            end = max(start, self._unmarked[0])
        return self._trim(start, end)

    def _trim(self, start: int, end: int) -> int:
        """Where the text of `[start:end]` ends. Containers that end together share one look at what they end in."""
        if end - start <= self._whole_bytes:
            return start + len(self._body[start:end].rstrip(BLANKS))
        if self._trimmed[0] != end:
            self._trimmed = end, _trimmed_end(self._body, end)
        return max(start, self._trimmed[1])

    def _list_end(self, start: int, end: int) -> int:
        """Where the last item of the list that has just begun ends; `end` where that is over the limit.

        The parser counts reference definitions after a list to the list's range, though they stand outside of it.
        """
        ahead: list[_Found] = []
        last = start
        for event, span in self._events:
            ahead.append((event, span))
            if "End" in event and "List" in event["End"] and span["start"] == start:
                break
            if "Start" in event and event["Start"] == "Item":
                last = max(last, self._container_end(span["start"], span["end"]))
            if last - start > self._whole_bytes:
                last = end
                break
        self._pending = iter([*ahead, *self._pending])
        self._events = chain(self._pending, self._source)
        return last


def _before_markers(body: bytes, end: int, known: tuple[int, int]) -> tuple[int, int]:
    """The stretch up to `end` of lines that are bare quote markers; `known` is one that was found before."""
    at = end
    while not known[0] <= at <= known[1]:
        line = last_line_end(body, max(0, at - _LONGEST_MARKERS), at)
        if line <= 0 or body[line:at].strip(b" \t>"):
            return at, end
        at = line - (2 if body.endswith(b"\r\n", 0, line) else 1)
    return known[0], end


def _trimmed_end(body: bytes, end: int) -> int:
    window = 64
    while end:
        start = max(0, end - window)
        end = start + len(body[start:end].rstrip(BLANKS))
        if end > start:
            break
        window *= 2
    return end
