"""The floor: what any program must at least do to bring these pages into these tables.

All `git cat-file` children side by side, then plain COPY of the finished rows, one connection a source, side by side,
from memory into the same empty tables with the same indexes, the index of words among them.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from gbrain.postgres.embedded import EmbeddedServer

_TABLES = {
    "pages": "id, source_id, path, blob, fingerprint, slug, kind, title, front_matter, body_line, edition",
    "texts": "id, source_id, hash, text",
    "chunks": "page_id, ordinal, text_id, headings, first_line, last_line, passage",
    "links": "page_id, ordinal, kind, target, line",
    "segments": "id, source_id, rule, texts, lexemes, checksum, editions, starts",
    "postings": "segment_id, term, entries",
}
_WORDS = ("segments", "postings")
_OF_SOURCE = {
    "pages": "gbrain.pages WHERE source_id = '{0}'",
    "texts": "gbrain.texts WHERE source_id = '{0}'",
    "chunks": "gbrain.chunks WHERE page_id IN (SELECT id FROM gbrain.pages WHERE source_id = '{0}')",
    "links": "gbrain.links WHERE page_id IN (SELECT id FROM gbrain.pages WHERE source_id = '{0}')",
    "segments": "gbrain.segments WHERE source_id = '{0}'",
    "postings": "gbrain.postings WHERE segment_id IN (SELECT id FROM gbrain.segments WHERE source_id = '{0}')",
}

Rows = dict[str, bytes]


def rows_of(home: Path, sources: Sequence[str]) -> dict[str, Rows]:
    """Each source's rows of a synced brain, by table, in COPY's binary form."""
    with EmbeddedServer.open(home, say=_quiet) as server, psycopg.connect(server.conninfo) as conn:
        return {source: {table: _copied(conn, table, source) for table in _TABLES} for source in sources}


def seconds(
    home: Path, repositories: Sequence[Path], rows: dict[str, Rows], *, with_servers_words: bool = False
) -> tuple[float, float]:
    """The time of the children and of the COPY, into the empty brain of `home`.

    `with_servers_words`: the server makes an index of words from the texts, instead of ours being copied.
    """
    lists = [_blob_ids(repository) for repository in repositories]
    started = time.perf_counter()
    _side_by_side([lambda pair=pair: _read(*pair) for pair in zip(repositories, lists, strict=True)])
    reading = time.perf_counter() - started
    with EmbeddedServer.open(home, say=_quiet) as server:
        connections = [psycopg.connect(server.conninfo) for _ in rows]
        if with_servers_words:
            _let_the_server_index(connections[0])
            rows = {source: {table: rows[source][table] for table in _TABLES if table not in _WORDS} for source in rows}
        started = time.perf_counter()
        work = zip(connections, rows.values(), strict=True)
        _side_by_side([lambda pair=pair: _write(*pair) for pair in work])
        writing = time.perf_counter() - started
        for connection in connections:
            connection.close()
    return reading, writing


def _let_the_server_index(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "ALTER TABLE gbrain.texts ADD COLUMN search tsvector NOT NULL"
        " GENERATED ALWAYS AS (to_tsvector('pg_catalog.english', text)) STORED"
    )
    conn.execute("CREATE INDEX ON gbrain.texts USING gin (search)")
    conn.commit()


def _copied(conn: psycopg.Connection[Any], table: str, source: str) -> bytes:
    query = f"COPY (SELECT {_TABLES[table]} FROM {_OF_SOURCE[table].format(source)}) TO STDOUT (FORMAT binary)"
    with conn.cursor().copy(query) as copy:
        return b"".join(bytes(piece) for piece in copy)


def _blob_ids(repository: Path) -> bytes:
    listed = subprocess.run(
        ["git", "-C", str(repository), "ls-tree", "-r", "--object-only", "main"], capture_output=True, check=True
    )
    return listed.stdout


def _read(repository: Path, ids: bytes) -> None:
    subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch", "--buffer"], input=ids, capture_output=True, check=True
    )


def _write(conn: psycopg.Connection[Any], rows: Rows) -> None:
    for table, data in rows.items():
        with conn.cursor().copy(f"COPY gbrain.{table} ({_TABLES[table]}) FROM STDIN (FORMAT binary)") as copy:
            for start in range(0, len(data), 1 << 18):
                copy.write(data[start : start + (1 << 18)])
    conn.commit()


def _side_by_side(work: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _quiet(text: str) -> None:
    """The benchmark speaks for itself."""
