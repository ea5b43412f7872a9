"""A brain that is filled without a sync: what its rows say is made up, how many there are is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg

from benchmarks.figures import Figure, at_most
from benchmarks.home import Home
from support.servers import postgres

_RUNS = 1000
"""Of each source: a week's, where it is looked at every ten minutes."""


def status_cases(work: Path, *, sources: int = 50, pages: int = 2000, chunks: int = 10) -> Iterator[Figure]:
    """The status of very many chunks, whose counts must not be counted when it is asked for."""
    total = sources * pages * chunks
    with postgres(18) as server:
        home = Home(work / "home", server.url("postgres"))
        home.run("init")
        _fill(server.url("postgres"), sources, pages, chunks)
        shown = json.loads(home.run("sources", "status", "--json"))["sources"]
        if len(shown) != sources or sum(source["chunks_total"] for source in shown) != total:
            raise RuntimeError(f"status shows {len(shown)} sources, not {sources} with {total} chunks")
        times = [home.timed("sources", "status", "--json") for _ in range(5)]
        yield at_most(f"sources status --json on {total:,} chunks in {sources} sources, served", times, 0.5)


def _fill(url: str, sources: int, pages: int, chunks: int) -> None:
    values = {"sources": sources, "pages": pages, "chunks": chunks, "runs": _RUNS}
    with psycopg.connect(url, autocommit=True) as conn:
        with conn.transaction():
            for statement in _STATEMENTS:
                conn.execute(statement, values)
        conn.execute("VACUUM ANALYZE")
        row = conn.execute("SELECT count(*) FROM gbrain.chunks").fetchone()
        if row is None or row[0] != sources * pages * chunks:
            raise RuntimeError(f"{row} chunks were written")


_STATEMENTS = (
    """
    INSERT INTO gbrain.sources (id, name, url)
    SELECT 's' || n, 'Source ' || n, 'https://git.example.org/' || n || '.git' FROM generate_series(1, %(sources)s) AS n
    """,
    """
    INSERT INTO gbrain.states
        (source_id, bookmark_commit, bookmark_tree, bookmark_fingerprint, committed_at, settled, last_sync_at,
         last_attempt_at, last_attempt_status, pages, chunks)
    SELECT id, repeat('a', 40), repeat('b', 40), '\\x00', now(), true, now(), now(), 'ok', %(pages)s,
           %(pages)s * %(chunks)s
    FROM gbrain.sources
    """,
    """
    INSERT INTO gbrain.leases
        (name, token, expires_at, holder_host, holder_boot, holder_pids, holder_pid, holder_started)
    SELECT 'gbrain-sync:' || id, %(runs)s, now() - interval '1 minute', 'host', 'boot', '1', 1, '1' FROM gbrain.sources
    """,
    """
    INSERT INTO gbrain.runs (source_id, lease_token, host, pid, finished_at, phase, status, sync_status)
    SELECT id, n, 'host', 1, now(), 'fetch', 'ok', 'up_to_date'
    FROM gbrain.sources CROSS JOIN generate_series(1, %(runs)s) AS n
    """,
    """
    INSERT INTO gbrain.pages (id, source_id, path, blob, fingerprint, slug, kind, title, body_line)
    SELECT (s - 1) * %(pages)s + p, 's' || s, convert_to('page-' || p || '.md', 'UTF8'), sha256(int4send(p)), '\\x00',
           'page-' || p, 'markdown', 'Page ' || p, 1
    FROM generate_series(1, %(sources)s) AS s CROSS JOIN generate_series(1, %(pages)s) AS p
    """,
    """
    INSERT INTO gbrain.texts (id, source_id, hash, text) OVERRIDING SYSTEM VALUE
    SELECT (p.id - 1) * %(chunks)s + c, p.source_id, sha256(int8send(p.id * %(chunks)s + c)),
           'chunk ' || c || ' of page ' || p.id
    FROM gbrain.pages AS p CROSS JOIN generate_series(1, %(chunks)s) AS c
    """,
    """
    INSERT INTO gbrain.chunks (page_id, ordinal, text_id, headings, first_line, last_line)
    SELECT p.id, c - 1, (p.id - 1) * %(chunks)s + c, '{}', c, c
    FROM gbrain.pages AS p CROSS JOIN generate_series(1, %(chunks)s) AS c
    """,
)
"""Each fills a table."""
