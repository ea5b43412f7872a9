"""Cutting what is to be written into transactions that are bounded by rows, those that go included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gbrain.store.rows import Batch

MAX_ROWS = 50_000
"""Chunks and links that one transaction may write, compare or delete; a single page may pass it."""

HEADING_CHARACTERS = 100
"""So many characters of headings weigh as much as a row: a chunk may have 3,000, which take 12 kB to compare."""

Pieces = list[Batch]
"""What is written of single paths: each must stay in one transaction."""


def page_ids(pieces: Pieces) -> list[int]:
    """The pages among them that are there already."""
    removed = [page_id for piece in pieces for page_id, _ in piece.removed]
    return removed + [page.page_id for piece in pieces for page in piece.pages if not page.is_new]


def bounded(pieces: Pieces, stored: Mapping[int, int]) -> list[Pieces]:
    """The pieces in order, in parts of at most MAX_ROWS; `stored` counts the rows a page has now."""
    parts: list[Pieces] = [[]]
    rows = 0
    for piece in pieces:
        weight = sum(_weights(piece, stored))
        if parts[-1] and rows + weight > MAX_ROWS:
            parts.append([])
            rows = 0
        parts[-1].append(piece)
        rows += weight
    return parts


def joined(pieces: Pieces) -> Batch:
    """One batch that does what all of them do."""
    return Batch(
        items=sum(piece.items for piece in pieces),
        removed=[row for piece in pieces for row in piece.removed],
        slugs=[row for piece in pieces for row in piece.slugs],
        pages=[row for piece in pieces for row in piece.pages],
        ledger=[row for piece in pieces for row in piece.ledger],
    )


def _weights(piece: Batch, stored: Mapping[int, int]) -> Iterator[int]:
    for page_id, _ in piece.removed:
        yield stored.get(page_id, 0)
    for page in piece.pages:
        headings = sum([len(title) for _, titles in page.content.places for title in titles])
        yield len(page.content.places) + len(page.content.links) + headings // HEADING_CHARACTERS
        yield stored.get(page.page_id, 0)
