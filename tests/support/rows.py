"""A brain's rows by natural keys: every column but ids and times, so that two brains can be held side by side."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from typing import Any

import psycopg

from gbrain.domain.bm25 import CODES
from gbrain.domain.postings import NUMBER_SHIFT, unpacked

_QUERIES = {
    "states": """
        SELECT source_id, bookmark_commit, bookmark_tree, encode(bookmark_fingerprint, 'hex'), committed_at, settled,
               pages, chunks, failures_open, failures_acknowledged
        FROM gbrain.states ORDER BY 1""",
    "pages": """
        SELECT source_id, path, blob, fingerprint, slug, kind, title, front_matter::text, body_line
        FROM gbrain.pages ORDER BY 1, 2""",
    "texts": "SELECT source_id, hash, text FROM gbrain.texts ORDER BY 1, 2",
    "chunks": """
        SELECT p.source_id, p.path, c.ordinal, t.source_id, t.hash, c.headings, c.first_line, c.last_line, c.passage
        FROM gbrain.chunks AS c LEFT JOIN gbrain.pages AS p ON p.id = c.page_id
        LEFT JOIN gbrain.texts AS t ON t.id = c.text_id ORDER BY 1, 2, 3""",
    "links": """
        SELECT p.source_id, p.path, l.ordinal, l.kind, l.target, l.line
        FROM gbrain.links AS l LEFT JOIN gbrain.pages AS p ON p.id = l.page_id ORDER BY 1, 2, 3""",
    "ledger": """
        SELECT source_id, path, blob, mode, fingerprint, slug, reason, detail, state
        FROM gbrain.ledger ORDER BY 1, 2""",
}


def rows(conninfo: str) -> dict[str, list[tuple[Any, ...]]]:
    """All derived rows and bookmarks of the brain, by table."""
    with psycopg.connect(conninfo) as conn:
        conn.execute("SET LOCAL timezone = 'UTC'")
        found = {table: conn.execute(query).fetchall() for table, query in _QUERIES.items()}
        return found | {"words": words(conn)}


def words(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """What the index has of each place of a page: its terms with their codes: how often, and how long it is."""
    found: dict[tuple[str, bytes, int], list[tuple[int, int, int]]] = {}
    pages = {row[0]: row[1:] for row in conn.execute("SELECT edition, source_id, path FROM gbrain.pages")}
    postings = defaultdict(list)
    for segment, term, data in conn.execute("SELECT segment_id, term, entries FROM gbrain.postings").fetchall():
        postings[segment].append((term, unpacked(data)))
    for segment, editions, starts in conn.execute("SELECT id, editions, starts FROM gbrain.segments").fetchall():
        which, first = array("q", editions), array("I", starts)
        for term, entries in postings[segment]:
            for entry in entries:
                at = bisect_right(first, entry >> NUMBER_SHIFT) - 1
                if which[at] in pages:
                    key = (*pages[which[at]], (entry >> NUMBER_SHIFT) - first[at])
                    found.setdefault(key, []).append((term, entry & CODES - 1))
    return [(*key, sorted(of_place)) for key, of_place in sorted(found.items())]


def differences(left: dict[str, list[tuple[Any, ...]]], right: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    """What only one of the two has, table by table; empty where they hold the same."""
    found = []
    for table in (*_QUERIES, "words"):
        mine, other = {repr(row) for row in left[table]}, {repr(row) for row in right[table]}
        found += [f"{table}: only left: {row}" for row in sorted(mine - other)[:5]]
        found += [f"{table}: only right: {row}" for row in sorted(other - mine)[:5]]
        if len(left[table]) != len(right[table]):
            found.append(f"{table}: {len(left[table])} rows left, {len(right[table])} right")
    return found
