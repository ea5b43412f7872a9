"""Every named SQL statement on the migrated schema of both majors: prepared, executed, used, explained, indexed."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

import gbrain.spool
import gbrain.store
from gbrain.store.statements import statements
from support.servers import Server

_STORE = Path(gbrain.store.__file__).parent
_FILES = sorted(file.stem for file in (_STORE / "sql").glob("*.sql"))
_ALL = [(file, name) for file in _FILES for name in statements(file)]
_SEVERAL_IN_ONE = {("batch", "create_stage"), ("batch", "create_change_stage")}
_NOW = datetime(2026, 11, 5, tzinfo=UTC)

_SAMPLES: dict[str, Any] = {
    **dict.fromkeys(("source",), "one"),
    **dict.fromkeys(("id",), "bare"),
    **dict.fromkeys(("name", "holder", "host", "boot", "pids", "started", "slug", "phase", "limit_text"), "text"),
    **dict.fromkeys(("status", "sync_status", "error_code", "error", "hint", "to_revision", "from_revision"), "text"),
    **dict.fromkeys(("commit", "tree", "from_commit", "from_tree"), "text"),
    **dict.fromkeys(("path", "after", "fingerprint", "from_fingerprint"), b"bytes"),
    **dict.fromkeys(("added", "modified", "renamed", "deleted", "failed", "skipped", "done", "total"), 1),
    **dict.fromkeys(("chunks_created", "chunks_deleted", "pages_count", "chunks", "open", "acknowledged"), 1),
    **dict.fromkeys(("run", "page", "pid", "token", "seen_token", "count", "settings_version"), 1),
    **dict.fromkeys(("federated", "enabled", "fresh", "skipped_too"), True),
    **dict.fromkeys(("started_at", "committed_at"), _NOW),
    **dict.fromkeys(("term", "max_age", "wrote"), timedelta(seconds=30)),
    "strategy": "auto",
    "url": "https://example.org/one.git",
    "host_id": None,
    "host_name": None,
    **dict.fromkeys(("branch", "subdir", "archived_at", "interval")),
    "include": ["*.md"],
    "exclude": ["docs/"],
    **dict.fromkeys(("is_plain", "is_default"), False),
    "version": 9999,
    "paths": [b"a.md", b"b.md"],
    "bases": ["a", "b"],
    "hashes": [b"hash"],
    "names": ["gbrain-sync:one"],
    "tokens": [0],
}
_OF_STATEMENT: dict[tuple[str, str], dict[str, Any]] = {
    ("batch", "bound"): {"limit": "10000ms", "lock_limit": "5000ms"},
    ("batch", "count_batch"): {"pages": 1},
    ("mending", "recount"): {"pages": 1},
    ("verify", "bound"): {"limit": "60s"},
    ("sources", "failures"): {"skipped": True},
    ("sources", "create"): {"id": "new", "path": None},
    ("sources", "change"): {"path": None},
    ("runs", "past"): {"limit": 10},
    ("runs", "finish"): {"keep": timedelta(days=90), "always": 50, "limit": 20},
    ("runs", "keep_progress"): {"runs": [1], "phases": ["plan"], "done": [3], "totals": [None], "rates": [1.5]},
    ("sources", "count_acknowledged"): {"source_id": "one", "count": 1},
    ("sources", "acknowledge_again"): {
        "source_id": "one",
        "path": b"a.md",
        "blob": b"blob",
        "mode": 33188,
        "fingerprint": b"print",
        "slug": "a",
        "reason": "too_large",
        "detail": "large",
        "first_seen_at": _NOW,
    },
}
_OF_FILE: dict[str, dict[str, Any]] = {
    "verify": {"pages": [1, 2], "limit": 10},
    "batch": {"pages": [1, 2]},
    "plan": {"limit": 10, "pages": [1, 2]},
    "mending": {"pages": [1, 2], "ordinals": [0, 1], "texts": [1, 2], "limit": 10},
}


@pytest.fixture(scope="module")
def connection(new_database: Callable[[], str], server: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url(new_database()), autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="module")
def connection16(new_database16: Callable[[], str], server16: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server16.url(new_database16()), autocommit=True) as conn:
        yield conn


@pytest.fixture(params=["connection", "connection16"])
def conn(request: pytest.FixtureRequest) -> psycopg.Connection:
    """Both majors in turn."""
    found: psycopg.Connection = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(("file", "name"), _ALL)
def test_each_statement_can_be_prepared_and_executed(conn: psycopg.Connection, file: str, name: str) -> None:
    statement = statements(file)[name]
    with conn.transaction(force_rollback=True):
        _lay_out(conn, file, name)
        if (file, name) not in _SEVERAL_IN_ONE:
            prepared = conn.pgconn.prepare(b"", _numbered(statement))
            assert prepared.status == psycopg.pq.ExecStatus.COMMAND_OK, prepared.error_message.decode()
        if statement.startswith(b"COPY"):
            with conn.cursor() as cursor, cursor.copy(statement):
                pass
        else:
            conn.execute(statement, _values(file, name) if b"%(" in statement else None)


def _lay_out(conn: psycopg.Connection, file: str, name: str) -> None:
    """What the statement stands on: two sources, one of them not half there, and the stages."""
    if (file, name) == ("verify", "begin"):
        return
    for source in ("one", "bare"):
        conn.execute("INSERT INTO gbrain.sources (id, name, url) VALUES (%s, 'n', 'u')", (source,))
    conn.execute("INSERT INTO gbrain.states (source_id) VALUES ('one')")
    if file == "batch" and name != "create_stage":
        conn.execute(statements("batch")["create_stage"])
        if name != "create_change_stage":
            conn.execute(statements("batch")["create_change_stage"])


def _values(file: str, name: str) -> dict[str, Any]:
    return _SAMPLES | _OF_FILE.get(file, {}) | _OF_STATEMENT.get((file, name), {})


def _numbered(statement: bytes) -> bytes:
    """The statement with `$n` for each named value, as it goes over the wire."""
    numbers: dict[bytes, int] = {}
    return re.sub(rb"%\((\w+)\)s", lambda m: b"$%d" % numbers.setdefault(m[1], len(numbers) + 1), statement)


@pytest.mark.parametrize("file", [*(_STORE / "sql").glob("*.sql"), Path(gbrain.spool.__file__).with_name("spool.sql")])
def test_above_each_statement_stands_a_sentence(file: Path) -> None:
    lines = file.read_text().splitlines()
    bare = [line for above, line in zip(["", *lines], lines, strict=False) if _is_name(line) and not _ends(above)]
    assert bare == []


def _is_name(line: str) -> bool:
    return line.startswith("-- name: ")


def _ends(line: str) -> bool:
    return line.startswith("-- ") and not _is_name(line) and line.endswith(".")


@pytest.mark.parametrize("file", _FILES)
def test_each_statement_is_used(file: str) -> None:
    words, prefixes = _words_of(file)
    names = set(statements(file))
    used = {name for name in names if name in words or any(f"{p}{word}" == name for p in prefixes for word in words)}
    assert names - used == set()


def _words_of(file: str) -> tuple[set[str], set[str]]:
    """The strings of all modules that read the file, and the beginnings of their f-strings."""
    words, prefixes = set(), set()
    for module in _STORE.glob("*.py"):
        text = module.read_text()
        if f'statements("{file}")' not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Constant(value=str(word)):
                    words.add(word)
                case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
                    prefixes.add(prefix)
    return words, prefixes


@pytest.fixture(scope="module")
def filled(connection: psycopg.Connection, connection16: psycopg.Connection) -> dict[int, psycopg.Connection]:
    """Both majors with thousands of rows of two sources."""
    return {18: _filled(connection), 16: _filled(connection16)}


def _filled(conn: psycopg.Connection) -> psycopg.Connection:
    conn.execute(
        "INSERT INTO gbrain.pages (source_id, path, blob, fingerprint, slug, kind, title, body_line) "
        "SELECT 's' || n % 2, convert_to('dir/page-' || n || '.md', 'UTF8'), '', '', 'dir/page-' || n, 'text', '', 1 "
        "FROM generate_series(1, 20000) AS n"
    )
    conn.execute(
        "INSERT INTO gbrain.ledger (source_id, path, blob, mode, fingerprint, slug, reason, detail, state) "
        "SELECT 's' || n % 2, convert_to('dir/bad-' || n, 'UTF8'), '', 0, '', 'dir/bad-' || n, 'binary', '', 'skipped' "
        "FROM generate_series(1, 20000) AS n"
    )
    conn.execute(
        "INSERT INTO gbrain.texts (source_id, hash, text) "
        "SELECT 's' || n % 2, sha256(int4send(n)), n::text FROM generate_series(1, 20000) AS n"
    )
    conn.execute("INSERT INTO gbrain.chunks SELECT p.id, 0, p.id, '{}', 1, 1 FROM gbrain.pages AS p")
    conn.execute("INSERT INTO gbrain.links SELECT p.id, 0, 'link', '', 1 FROM gbrain.pages AS p")
    for table in ("pages", "ledger", "texts", "chunks", "links"):
        conn.execute(f"ANALYZE gbrain.{table}")
    return conn


@pytest.mark.parametrize("major", [18, 16])
@pytest.mark.parametrize(
    ("file", "name", "indexes"),
    [
        ("plan", "pages_after", ["pages_by_path"]),
        ("plan", "entries_after", ["ledger_by_path"]),
        ("plan", "pages_at", ["pages_by_path"]),
        ("plan", "entries_at", ["ledger_by_path"]),
        ("plan", "group_members", ["pages_source_id_slug_key", "ledger_by_slug"]),
        ("verify", "pages_after", ["pages_by_path"]),
        ("verify", "texts_after", ["texts_source_id_hash_key"]),
        ("verify", "chunks_of", ["chunks_pkey"]),
        ("mending", "texts_after", ["texts_source_id_hash_key"]),
        ("mending", "drop_places", ["chunks_pkey"]),
        ("mending", "doubt_pages", ["chunks_by_text"]),
        ("pages", "find", ["pages_source_id_slug_key", "pages_by_path"]),
        ("pages", "chunks", ["chunks_pkey"]),
        ("batch", "drop_loose_texts", ["chunks_by_text"]),
        ("batch", "note_loose", ["chunks_pkey"]),
        ("batch", "drop_chunks", ["chunks_pkey"]),
        ("batch", "clear_ledger", ["ledger_by_path"]),
    ],
)
def test_what_grows_is_reached_by_its_index(
    filled: dict[int, psycopg.Connection], major: int, file: str, name: str, indexes: list[str]
) -> None:
    conn = filled[major]
    with conn.transaction(force_rollback=True):
        if file == "batch":
            _stage(conn)
            conn.execute("SET LOCAL enable_seqscan = off")
        values = _values(file, name) | {"source": "s1", "slug": "dir/page-7"}
        values |= {"path": b"dir/page-7.md", "after": b"dir/page-2"}
        explained = conn.execute(b"EXPLAIN " + statements(file)[name], values).fetchall()
    plan = "\n".join(line for (line,) in explained)
    assert [index for index in indexes if f"on {index} " not in plan and f"using {index} " not in plan] == [], plan
    assert not re.search(r"Seq Scan on (pages|ledger|texts|chunks|links)\b", plan), plan


def _stage(conn: psycopg.Connection) -> None:
    """A batch of ten pages, changed or removed, as autovacuum never sees it."""
    conn.execute(statements("batch")["create_stage"])
    conn.execute(statements("batch")["create_change_stage"])
    conn.execute("INSERT INTO stage_pages (page_id, is_new) SELECT n, false FROM generate_series(1, 10) AS n")
    conn.execute("INSERT INTO stage_removed SELECT n, true FROM generate_series(11, 20) AS n")
    conn.execute("INSERT INTO stage_loose SELECT n FROM generate_series(1, 20) AS n")
    conn.execute("INSERT INTO stage_ledger (path) VALUES ('dir/bad-1'), ('dir/bad-2')")
