"""From a blob and its path to a page, its chunks and its links."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from gbrain.chunking.decode import REPLACEMENT, decode
from gbrain.chunking.front_matter import split
from gbrain.chunking.kinds import kind_of
from gbrain.chunking.lines import BLANKS, count_line_ends
from gbrain.chunking.markdown import MAX_TITLE, MarkdownReader
from gbrain.chunking.nesting import MAX_STEPS, steps
from gbrain.chunking.packing import LIMIT_BYTES, Stretch, pack
from gbrain.chunking.plain import code_blocks, text_blocks
from gbrain.chunking.tiling import tile
from gbrain.domain.content import Chunk, Derived, PageContent, PageKind, Reason, Refused

UNNAMED = "untitled"
MAX_CHUNKS = 20_000
"""A page of 5 MB has some 7,000; what is written in one transaction must stay within a third of a lease's term."""
MAX_LINKS = 100_000
MAX_HEADING_CHARACTERS = 5_000_000
"""Headings are stored, and compared, with each chunk under them: of 20,000 chunks it could be 60,000,000."""


def derive(path: bytes, blob: bytes) -> Derived:
    """The page that `blob` is at `path`, or why there is none: a function of these two and of PIPELINE, for any bytes.

    A path that no strategy takes in is read as text.
    """
    text = decode(blob)
    if isinstance(text, Refused):
        return text
    kind = kind_of(path) or PageKind.TEXT
    if kind is PageKind.MARKDOWN:
        return _markdown(path, text)
    blocks = code_blocks(text, whole_bytes=LIMIT_BYTES) if kind is PageKind.CODE else text_blocks(text)
    stretches = pack(text, tile(text, blocks, limit=LIMIT_BYTES))
    if (refusal := _too_many(stretches, 0)) is not None:
        return refusal
    return PageContent(kind, name_title(path), None, 1, tuple(_chunks(text, stretches, 1)), ())


def _markdown(path: bytes, text: bytes) -> Derived:
    parts = split(text)
    if isinstance(parts, Refused):
        return parts
    body = text[parts.body_start :]
    body_line = 1 + count_line_ends(text, 0, parts.body_start)
    if (refusal := _over(steps(body), MAX_STEPS, "lines times levels of lists and quotes")) is not None:
        return refusal
    reader = MarkdownReader(body, first_line=body_line, whole_bytes=LIMIT_BYTES)
    stretches = pack(body, tile(body, reader.blocks(), limit=LIMIT_BYTES))
    if (refusal := _too_many(stretches, len(reader.links))) is not None:
        return refusal
    title = _own_title(parts.front_matter) or reader.title or name_title(path)
    chunks = tuple(_chunks(body, stretches, body_line))
    return PageContent(PageKind.MARKDOWN, title, parts.front_matter, body_line, chunks, tuple(reader.links))


def _too_many(stretches: list[Stretch], links: int) -> Refused | None:
    headings = sum([len(title) for stretch in stretches for title in stretch.headings])
    return (
        _over(len(stretches), MAX_CHUNKS, "chunks")
        or _over(links, MAX_LINKS, "links")
        or _over(headings, MAX_HEADING_CHARACTERS, "characters of headings, counted with each chunk under them")
    )


def _over(count: int, limit: int, what: str) -> Refused | None:
    if count <= limit:
        return None
    return Refused(Reason.TOO_LARGE, f"{count:,} {what}: more than {limit:,} are not taken in")


def _chunks(body: bytes, stretches: list[Stretch], line: int) -> Iterator[Chunk]:
    for start, end, headings in stretches:
        raw = body[start:end]
        text_start = len(raw) - len(raw.lstrip(BLANKS))
        text_end = max(text_start, len(raw.rstrip(BLANKS)))
        first = line if text_start == len(raw) else line + count_line_ends(raw, 0, text_start)
        last = first + count_line_ends(raw, text_start, text_end)
        yield Chunk(raw.decode(), hashlib.sha256(raw).digest(), headings, first, last)
        line += count_line_ends(raw, 0, len(raw))


def _own_title(front_matter: dict[str, Any] | None) -> str | None:
    title = front_matter.get("title") if front_matter else None
    return title.strip()[:MAX_TITLE] if isinstance(title, str) else None


def name_title(path: bytes) -> str:
    """The file's name without its extension; bytes that are not UTF-8, and NUL, shown as U+FFFD."""
    name = path.rpartition(b"/")[2]
    stem = name.rpartition(b".")[0] or name
    return stem.decode("utf-8", "replace").replace("\0", REPLACEMENT)[:MAX_TITLE] or UNNAMED
