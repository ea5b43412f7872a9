"""What a fill must at least do, and the brains that it is measured on."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import struct
import time
from urllib.parse import urlsplit

import numpy as np
import orjson
import psycopg
import pybase64

from benchmarks.home import Home
from gbrain.app.brain import open_brain
from gbrain.app.settings import read_settings
from gbrain.app.specs import endpoint_spec
from gbrain.services import models
from support.endpoint import EndpointServer
from support.servers import Server

_STATEMENTS = (
    """
    INSERT INTO gbrain.sources (id, name, url) VALUES ('notes', 'Notes', 'https://git.example.org/notes.git')
    """,
    """
    INSERT INTO gbrain.states (source_id, bookmark_commit, bookmark_tree, bookmark_fingerprint, settled, pages, chunks)
    VALUES ('notes', repeat('a', 40), repeat('b', 40), '\\x00', true, %(texts)s / 10, %(texts)s)
    """,
    """
    INSERT INTO gbrain.pages (id, source_id, path, blob, fingerprint, slug, kind, title, body_line)
    SELECT n, 'notes', convert_to('page-' || n || '.md', 'UTF8'), sha256(int4send(n)), '\\x00', 'page-' || n,
           'markdown', 'Page ' || n, 1
    FROM generate_series(0, %(texts)s / 10) AS n
    """,
    """
    INSERT INTO gbrain.texts (id, source_id, hash, text) OVERRIDING SYSTEM VALUE
    SELECT n, 'notes', sha256(int4send(n)), repeat(md5(n::text) || ' ', 36) FROM generate_series(1, %(texts)s) AS n
    """,
    """
    INSERT INTO gbrain.chunks (page_id, ordinal, text_id, headings, first_line, last_line, passage)
    SELECT n / 10, n %% 10, n, '{}', 1, 1,
           sha256(convert_to('Page ' || n / 10 || E'\\n\\n' || repeat(md5(n::text) || ' ', 36), 'UTF8'))
    FROM generate_series(1, %(texts)s) AS n
    """,
)
"""Each fills a table: texts of 1.2 kB, ten to a page."""


def fill_texts(url: str, texts: int) -> None:
    """Put so many texts into an empty brain."""
    with psycopg.connect(url, autocommit=True) as conn:
        with conn.transaction():
            for statement in _STATEMENTS:
                conn.execute(statement, {"texts": texts})
        conn.execute("VACUUM ANALYZE")


def register(home: Home, played: EndpointServer, name: str) -> None:
    """Register the endpoint's model, with its backlog, as syncs leave it behind."""
    asyncio.run(_register(home, name))
    assert home.url is not None
    with psycopg.connect(home.url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE gbrain.backlog")
        conn.execute("CHECKPOINT")
    played.clear()


async def _register(home: Home, name: str) -> None:
    settings = read_settings({"GBRAIN_HOME": str(home.folder), "GBRAIN_DATABASE_URL": home.url or ""})
    found = settings.embedders[name]
    async with open_brain(settings, home.url or "", connections=2) as brain:
        await models.register(brain.pool, endpoint_spec(found, found.dimensions or 0))


def seconds(server: Server, played: EndpointServer, *, texts: int, items: int, dimensions: int) -> float:
    """Decoding the answers to all requests, and one binary COPY of their vectors into an empty table with its key."""
    bodies = [_body(played, min(items, texts - start)) for start in range(0, texts, items)]
    hashes = [hashlib.sha256(b"%d" % number).digest() for number in range(texts)]
    started = time.perf_counter()
    decoded = [_decoded(body, dimensions) for body in bodies]
    decoding = time.perf_counter() - started
    rows = _rows(decoded, hashes, dimensions)
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        _empty_table(conn, dimensions)
        started = time.perf_counter()
        with conn.cursor() as cursor, cursor.copy("COPY floor FROM STDIN (FORMAT binary)") as copy:
            for start in range(0, len(rows), 1 << 20):
                copy.write(rows[start : start + (1 << 20)])
        return decoding + time.perf_counter() - started


def index_seconds(server: Server, dimensions: int, texts: int) -> float:
    """Building the index over the rows that the last floor has left."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        row = conn.execute("SELECT count(*) FROM floor").fetchone()
        if row is None or row[0] != texts:
            raise RuntimeError(f"the floor has left {row} rows")
        started = time.perf_counter()
        conn.execute(f"SET maintenance_work_mem = '{texts * (dimensions * 2 + 400) // 1024}kB'")
        conn.execute(f"SET max_parallel_maintenance_workers = {max(0, (os.cpu_count() or 1) - 1)}")
        conn.execute("CREATE INDEX ON floor USING hnsw (vector halfvec_ip_ops)")
        return time.perf_counter() - started


def _empty_table(conn: psycopg.Connection[tuple[object, ...]], dimensions: int) -> None:
    conn.execute("DROP TABLE IF EXISTS floor")
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    conn.execute(
        f"CREATE TABLE floor (passage bytea PRIMARY KEY, vector halfvec({dimensions})) WITH (toast_tuple_target = 8160)"
    )
    conn.execute("CHECKPOINT")


_bodies: dict[tuple[int, int], bytes] = {}


def _body(played: EndpointServer, items: int) -> bytes:
    """What the endpoint answers to so many texts."""
    if (played.port, items) not in _bodies:
        place = urlsplit(played.base_url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port)
        asked = {"model": "m", "input": ["text"] * items, "encoding_format": "base64"}
        connection.request(
            "POST", f"{place.path}/embeddings", orjson.dumps(asked), {"Content-Type": "application/json"}
        )
        _bodies[played.port, items] = connection.getresponse().read()
        connection.close()
    return bytes(bytearray(_bodies[played.port, items]))


def _decoded(body: bytes, dimensions: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    data = orjson.loads(body)["data"]
    if isinstance(data[0]["embedding"], str):
        joined = b"".join([pybase64.b64decode(one["embedding"], validate=True) for one in data])
        return np.frombuffer(joined, "<f4").reshape(len(data), dimensions)
    return np.array([one["embedding"] for one in data], np.float32)


def _rows(
    decoded: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]], hashes: list[bytes], dimensions: int
) -> memoryview:
    """The stream of COPY, whole, in memory."""
    halves = np.concatenate(decoded).astype(">f2")
    head, element = struct.pack("!hi", 2, 32), struct.pack("!iHH", 4 + 2 * dimensions, dimensions, 0)
    rows = [head + one + element + half.tobytes() for one, half in zip(hashes, halves, strict=True)]
    stream = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0) + b"".join(rows) + struct.pack("!h", -1)
    return memoryview(stream)
