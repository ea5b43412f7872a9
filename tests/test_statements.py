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
from psycopg.types.json import Jsonb

import gbrain.spool
import gbrain.store
from gbrain.store.statements import of_model, statements
from support.servers import Server

pytestmark = pytest.mark.xdist_group("statements")
"""What is laid out for all of them is laid out once."""

_STORE = Path(gbrain.store.__file__).parent
_FILES = sorted(file.stem for file in (_STORE / "sql").glob("*.sql"))
_ALL = [(file, name) for file in _FILES for name in statements(file)]
_SEVERAL_IN_ONE = {("search", "begin_near"), ("batch", "create_stage"), ("batch", "create_change_stage")}
_OF_A_BATCH = ("batch", "pending")
_OF_MODELS = ("pending", "models", "backlog", "vectors", "status", "vector_transfer", "search")
_MODEL = 987
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
    **dict.fromkeys(("model", "dimensions"), _MODEL),
    **dict.fromkeys(("worker", "position", "limit", "pending", "request", "requests", "rate", "cost"), 1),
    **dict.fromkeys(("wait", "waits", "keep"), timedelta(seconds=30)),
    **dict.fromkeys(("now", "moment"), _NOW),
    **dict.fromkeys(("provider", "passage"), b"bytes"),
    **dict.fromkeys(("embedder", "trouble", "reason"), "text"),
    **dict.fromkeys(("whatever", "refused"), True),
    "passages": [b"one", b"two", b"none"],
    "vectors": ["[1,0,0]", "[0,1,0]", None],
    "vector": "[1,0,0]",
    "limits": Jsonb({}),
    "state": "filling",
    "memory": "64MB",
    "helpers": "0",
    "table": f"gbrain.embedding_{_MODEL}",
    "index": f"gbrain.embedding_{_MODEL}_nearest",
}
_OF_STATEMENT: dict[tuple[str, str], dict[str, Any]] = {
    ("batch", "bound"): {"limit": "10000ms", "lock_limit": "5000ms"},
    ("batch", "count_batch"): {"pages": 1},
    ("mending", "recount"): {"pages": 1},
    ("mending", "bound_recount"): {"limit": "10000ms", "longest": "100000ms"},
    ("verify", "bound"): {"limit": "60s"},
    ("sources", "failures"): {"skipped": True},
    ("sources", "create"): {"id": "new", "path": None},
    ("sources", "change"): {"path": None},
    ("runs", "past"): {"limit": 10},
    ("segments", "insert"): {"texts": 1, "lexemes": 1, "checksum": b"sum", "editions": b"", "starts": b""},
    ("segments", "postings_after"): {"after": 0},
    ("search", "scope"): {"name": "guide/install", "last": "install", "most": 100, "visible": ["wiki"]},
    ("segments", "editions_after"): {"after": 0},
    ("segments", "seal"): {"lexemes": 1, "checksum": b"sum"},
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
    "tokens": {
        "secret_hash": b"h" * 32,
        "scope": "read",
        "sources": ["one"],
        "created_at": None,
        "expires_at": None,
        "lasts": timedelta(days=90),
    },
    "pages": {"sources": ["one"], "slugs": ["a"], "limit": 10},
    "reading": {
        "after": b"a",
        "after_hash": b"hash",
        "prefix": b"a",
        "end": b"b",
        "kind": "markdown",
        "words": ["guide"],
        "titles": ["guide"],
        "of_folder": True,
        "limit": 10,
    },
    "verify": {"pages": [1, 2], "limit": 10},
    "batch": {"pages": [1, 2]},
    "plan": {"limit": 10, "pages": [1, 2]},
    "segments": {
        "segment": 1,
        "rule": 1,
        "pages": [1, 2],
        "editions": [1, 2],
        "sources": ["one"],
        "limit": 10,
    },
    "search": {
        "pages": [1],
        "matter": True,
        "after": 0,
        "sources": ["one"],
        "rule": 1,
        "segments": [1],
        "terms": [1],
        "numbers": [1],
        "editions": [1],
        "ordinals": [0],
        "limit": 10,
        "width": "100",
    },
    "compacting": {"segment": 1, "rule": 1, "editions": [1, 2], "first": -5, "last": 5},
    "throttle": {"tokens": 1},
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
    statement = of_model(statements(file)[name], _MODEL, dimensions=3)
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
    """What the statement stands on: two sources, one of them not half there, a model with vectors, and the stages."""
    if name.startswith("begin"):
        return
    for source in ("one", "bare"):
        conn.execute("INSERT INTO gbrain.sources (id, name, url) VALUES (%s, 'n', 'u')", (source,))
    conn.execute("INSERT INTO gbrain.states (source_id) VALUES ('one')")
    if file in _OF_MODELS and name != "create_vectors":
        _lay_out_model(conn, _MODEL)
    if file in _OF_A_BATCH and name != "create_stage":
        conn.execute(statements("batch")["create_stage"])
        if name != "create_change_stage":
            conn.execute(statements("batch")["create_change_stage"])


def _lay_out_model(conn: psycopg.Connection, model: int) -> None:
    conn.execute(
        "INSERT INTO gbrain.models (id, name, embedder, dimensions, fingerprint, state) OVERRIDING SYSTEM VALUE "
        "VALUES (%s, 'local:x', 'local', 3, '', 'active')",
        (model,),
    )
    conn.execute(of_model(statements("models")["create_vectors"], model, dimensions=3))


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
    conn.execute(
        "INSERT INTO gbrain.chunks (page_id, ordinal, text_id, headings, first_line, last_line, passage) "
        "SELECT p.id, 0, p.id, '{}', 1, 1, sha256(int8send(p.id)) FROM gbrain.pages AS p"
    )
    conn.execute("INSERT INTO gbrain.links SELECT p.id, 0, 'link', '', 1 FROM gbrain.pages AS p")
    _fill_model(conn)
    for table in ("pages", "ledger", "texts", "chunks", "links", "backlog", "coverage", "loose", f"embedding_{_MODEL}"):
        conn.execute(f"ANALYZE gbrain.{table}")
    return conn


def _fill_model(conn: psycopg.Connection) -> None:
    """A model with vectors for half of all passages; of the others most are free, some claimed, some refused."""
    _lay_out_model(conn, _MODEL)
    conn.execute(
        f"INSERT INTO gbrain.embedding_{_MODEL} "
        "SELECT c.passage, '[1,0,0]' FROM gbrain.chunks AS c WHERE c.page_id % 2 = 0"
    )
    conn.execute(
        "INSERT INTO gbrain.backlog (model_id, passage, worker_id, refused) "
        "SELECT m.id, c.passage, "
        "       CASE WHEN c.page_id %% 20 = 1 THEN 1 END, CASE WHEN c.page_id %% 20 = 3 THEN 'large' END "
        "FROM gbrain.chunks AS c, unnest(ARRAY[1, %s]) AS m (id) WHERE c.page_id %% 2 = 1 ORDER BY sha256(c.passage)",
        (_MODEL,),
    )
    conn.execute(
        "INSERT INTO gbrain.coverage (model_id, source_id, pending) "
        "SELECT m.id, 's' || n, n FROM generate_series(0, 999) AS n, unnest(ARRAY[1, 2, 3, 4, %s]) AS m (id)",
        (_MODEL,),
    )
    conn.execute("INSERT INTO gbrain.loose (passage) SELECT sha256(int4send(n)) FROM generate_series(1, 20000) AS n")


_SCANNED = r"Seq Scan on (pages|ledger|texts|chunks|links|backlog|coverage|loose|embedding_\d+)\b"


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
        ("pages", "there", ["pages_source_id_slug_key"]),
        ("pages", "chunks", ["chunks_pkey"]),
        ("reading", "pages_after", ["pages_by_path"]),
        ("reading", "pages_at", ["pages_by_path"]),
        ("batch", "drop_loose_texts", ["chunks_by_text"]),
        ("batch", "note_loose", ["chunks_pkey"]),
        ("batch", "drop_chunks", ["chunks_pkey"]),
        ("batch", "clear_ledger", ["ledger_by_path"]),
        ("backlog", "claim", ["backlog_free", "backlog_model_id_passage_key"]),
        ("backlog", "claim_of_source", ["backlog_free", "chunks_by_passage"]),
        ("backlog", "passages", ["chunks_by_passage", f"embedding_{_MODEL}_pkey"]),
        ("backlog", "free", ["backlog_claimed"]),
        ("backlog", "give_back", ["backlog_model_id_passage_key"]),
        ("vectors", "lock", ["backlog_model_id_passage_key"]),
        ("vectors", "drop_needless", ["backlog_model_id_passage_key"]),
        ("vectors", "take", ["backlog_model_id_passage_key"]),
        ("vectors", "store", ["chunks_by_passage", "coverage_pkey"]),
        ("backlog", "refuse", ["backlog_model_id_passage_key"]),
        ("vectors", "still_loose", ["chunks_by_passage"]),
        ("vector_transfer", "after", [f"embedding_{_MODEL}_pkey"]),
        ("vector_transfer", "keep_loose", ["loose_pkey"]),
        ("vector_transfer", "hold_backlog", ["backlog_model_id_passage_key"]),
        ("vectors", "drop_vectors", [f"embedding_{_MODEL}_pkey"]),
        ("pending", "fasten", ["loose_pkey"]),
        ("pending", "add", [f"embedding_{_MODEL}_pkey"]),
        ("pending", "hold", ["backlog_model_id_passage_key"]),
        ("pending", "lacking", [f"embedding_{_MODEL}_pkey"]),
        ("pending", "come", [f"embedding_{_MODEL}_pkey"]),
        ("pending", "went", [f"embedding_{_MODEL}_pkey"]),
        ("pending", "loosen", ["chunks_by_passage"]),
        ("models", "coverage", ["coverage_pkey", "backlog_refused"]),
        ("status", "pending_places", ["coverage_pkey"]),
    ],
)
def test_what_grows_is_reached_by_its_index(
    filled: dict[int, psycopg.Connection], major: int, file: str, name: str, indexes: list[str]
) -> None:
    conn = filled[major]
    with conn.transaction(force_rollback=True):
        if file in _OF_A_BATCH:
            _stage(conn)
            conn.execute("SET LOCAL enable_seqscan = off" if file == "batch" else statements("batch")["prefer_indexes"])
        values = _values(file, name) | {"source": "s1", "slug": "dir/page-7"}
        values |= {"path": b"dir/page-7.md", "after": b"dir/page-2"}
        explained = conn.execute(b"EXPLAIN " + of_model(statements(file)[name], _MODEL), values).fetchall()
    plan = "\n".join(line for (line,) in explained)
    assert [index for index in indexes if f"on {index} " not in plan and f"using {index} " not in plan] == [], plan
    assert not re.search(_SCANNED, plan), plan


def _stage(conn: psycopg.Connection) -> None:
    """A batch of ten pages, changed or removed, as autovacuum never sees it."""
    conn.execute(statements("batch")["create_stage"])
    conn.execute(statements("batch")["create_change_stage"])
    conn.execute("INSERT INTO stage_pages (page_id, is_new) SELECT n, false FROM generate_series(1, 10) AS n")
    conn.execute("INSERT INTO stage_removed SELECT n, true FROM generate_series(11, 20) AS n")
    conn.execute("INSERT INTO stage_chunks (passage) SELECT sha256(int8send(n)) FROM generate_series(1, 10) AS n")
    conn.execute("INSERT INTO stage_loose SELECT n, sha256(int8send(n)) FROM generate_series(1, 20) AS n")
    conn.execute("INSERT INTO stage_ledger (path) VALUES ('dir/bad-1'), ('dir/bad-2')")


@pytest.mark.parametrize("major", [18, 16])
@pytest.mark.parametrize("name", ["claim", "claim_of_source"])
@pytest.mark.parametrize("limit", [64, 1024])
def test_a_claim_reads_no_more_of_the_backlog_than_it_takes_and_in_order(
    filled: dict[int, psycopg.Connection], major: int, name: str, limit: int
) -> None:
    values = _values("backlog", name) | {"source": "s1", "limit": limit}
    explained = filled[major].execute(b"EXPLAIN " + statements("backlog")[name], values).fetchall()
    plan = "\n".join(line for (line,) in explained)
    assert "Index Scan using backlog_free on backlog" in plan, plan
    assert not re.search(r"\bSort\b|Seq Scan on (backlog|chunks|pages)", plan), plan
