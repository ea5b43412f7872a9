"""A page as rows of COPY, made by the process that derives it: nothing is taken apart and put together on the way."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from gbrain.domain.content import Chunk, PageContent
from gbrain.domain.lexing import name
from gbrain.domain.passages import head_of, passage_hash, passage_of
from gbrain.domain.postings import NO_WORDS, Words, with_name, words_of
from gbrain.store.binary_copy import bytea, int4, text, text_array

_PLACE = struct.Struct("!hiqiii32siiii")
_LINK = struct.Struct("!hiqii")
_TEXT = struct.Struct("!hi32s")
_HASH = slice(struct.calcsize("!hiqiii"), struct.calcsize("!hiqiii32s"))
_FIELDS_OF_PLACE, _FIELDS_OF_LINK, _FIELDS_OF_TEXT = 7, 5, 2

Headings = tuple[str, ...]

Place = tuple[bytes, Headings]
"""A row of `copy_chunks` up to its headings, and these. They are encoded last: written out for each of a page's many
places they may take a thousand times the room that the page does.
"""


class EncodedPage(NamedTuple):
    """What is stored of a page beside its path, blob and slug. `texts` and `hashes` are those of `places`, in order."""

    kind: str
    title: str
    front_matter: bytes | None
    """JSON in UTF-8."""
    body_line: int
    places: list[Place]
    """By ordinal."""
    links: list[bytes]
    """Rows of `copy_links`, by ordinal."""
    hashes: list[bytes]
    """SHA-256 of the texts."""
    texts: list[bytes]
    """Rows of `copy_texts`."""
    words: list[Words]
    """Those of `places`, in order; a blank text has none."""


def encode_page(page_id: int, content: PageContent) -> EncodedPage:
    """The rows of a page that is stored under `page_id`."""
    return EncodedPage(
        kind=content.kind.value,
        title=content.title,
        front_matter=None if content.front_matter is None else orjson.dumps(content.front_matter),
        body_line=content.body_line,
        places=[
            encode_place(page_id, ordinal, *chunk[1:], _passage(content.title, chunk))
            for ordinal, chunk in enumerate(content.chunks)
        ],
        links=[encode_link(page_id, ordinal, *link) for ordinal, link in enumerate(content.links)],
        hashes=[chunk.text_hash for chunk in content.chunks],
        texts=[_TEXT.pack(_FIELDS_OF_TEXT, 32, chunk.text_hash) + text(chunk.text) for chunk in content.chunks],
        words=words_in(content.title, content.chunks),
    )


def words_in(title: str, chunks: Sequence[Chunk]) -> list[Words]:
    """The words of a page's chunks as they are indexed: title and headings count in each. A blank one has none.

    The first that has any is what is found where the title is asked for as it is.
    """
    found = [
        words_of(passage_of(title, chunk.headings, chunk.text)) if chunk.text and not chunk.text.isspace() else NO_WORDS
        for chunk in chunks
    ]
    first = next((at for at, words in enumerate(found) if words is not NO_WORDS), None)
    if first is not None:
        found[first] = with_name(found[first], name(title))
    return found


def encode_place(
    page_id: int,
    ordinal: int,
    text_hash: bytes,
    headings: Headings,
    first_line: int,
    last_line: int,
    passage: bytes | None,
) -> Place:
    """A place, from which `place_row` makes the row of `copy_chunks`."""
    row = _PLACE.pack(_FIELDS_OF_PLACE, 8, page_id, 4, ordinal, 32, text_hash, 4, first_line, 4, last_line)
    return row + bytea(passage), headings


def hash_of(place: Place) -> bytes:
    """The hash of the text that stands there."""
    return place[0][_HASH]


def place_row(place: Place) -> bytes:
    """A row of `copy_chunks`."""
    row, headings = place
    return row + text_array(headings)


def _passage(title: str, chunk: Chunk) -> bytes | None:
    return passage_hash(head_of(title, chunk.headings), chunk.text)


def encode_link(page_id: int, ordinal: int, kind: str, target: str, line: int) -> bytes:
    """A row of `copy_links`."""
    return _LINK.pack(_FIELDS_OF_LINK, 8, page_id, 4, ordinal) + text(kind) + text(target) + int4(line)
