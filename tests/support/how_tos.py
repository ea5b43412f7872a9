"""Pages of the documentation as scripts: their blocks of code, and what they show held against what was said.

How a page is written is told in docs/how-to/README.md.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

TAGS = ("sh", "console", "crontab", "ini", "text")
"""What a block may be: run, what the block before it says, run as cron does, written to a file, done by hand."""

_ANY_LINES = "…"
_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?[A-Z]{1,5}\b)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "N s"),
    (re.compile(r"\b\d[\d,]*(\.\d+)?/s(?!\w)"), "N/s"),
    (re.compile(r"\b\d+(\.\d+)+\b"), "VERSION"),
    (re.compile(r"\bschema \d+\b"), "schema N"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b"), "HASH"),
    (re.compile(r"[ \t]+"), " "),
)
"""What differs from one run to the next. All other numbers are held to what the page says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of code: its tag, the words after the tag, its text, and the line of the page it begins at."""

    tag: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def commands(self) -> str:
        """The text without comments at the ends of lines."""
        return re.sub(r"(?m)\s+# .*$", "", self.text).strip()


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page in their order. One that is only indented, or HTML, has an empty tag."""
    blocks = []
    for token in MarkdownIt("commonmark").parse(page.read_text()):
        if token.type in ("fence", "code_block", "html_block"):
            tag, *words = token.info.split() or [""]
            line = (token.map or [0])[0] + 1
            blocks.append(Block(tag=tag, words=tuple(words), text=token.content, line=line))
    return blocks


def complaints(page: Path) -> Iterator[str]:
    """What is wrong with the tags of a page's blocks: nothing may escape for want of one."""
    before = None
    for block in blocks_of(page):
        where = f"{page.name}:{block.line}"
        if block.tag not in TAGS:
            yield f"{where}: a block of code is tagged {block.tag!r}, not one of {', '.join(TAGS)}"
        if block.tag == "console" and before not in ("sh", "crontab"):
            yield f"{where}: nothing is run before what is shown here"
        if block.tag == "ini" and len(block.words) != 1:
            yield f"{where}: it is not said which file holds this"
        before = block.tag


def difference(shown: str, said: str) -> str | None:
    """How what was said differs from what a page shows, line by line; None where it is the same, masks apart.

    A line of `…` alone stands for any lines, or none. Lines that begin with a source's id in brackets may come in any
    order among themselves: sources are synced side by side.
    """
    wanted, found = _in_order(_masked(shown)), _in_order(_masked(said))
    pattern = "".join("(?:.*\n)*?" if line == _ANY_LINES else re.escape(line) + "\n" for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in found)):
        return None
    return "\n".join(difflib.unified_diff(wanted, found, "the page", "what was said", lineterm=""))


def _masked(text: str) -> list[str]:
    lines = text.strip("\n").splitlines()
    for pattern, mask in _MASKS:
        lines = [pattern.sub(mask, line.rstrip()) for line in lines]
    return lines


def _in_order(lines: list[str]) -> list[str]:
    groups = itertools.groupby(lines, key=lambda line: line.startswith("["))
    return [line for of_sources, group in groups for line in (sorted(group) if of_sources else group)]
