"""The page of the database: every table of a migrated brain, as the server itself describes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

STORE = Path(__file__).parents[2] / "src" / "gbrain" / "store"

Conn = psycopg.Connection[tuple[Any, ...]]

_HEAD = """# The database

Generated from a migrated brain by `tools/reference.py`; the same on every PostgreSQL that gbrain knows.

All of it lies in the schema `gbrain`; besides, the database has the extension `vector`. The tables may be read, and
only gbrain should write them. Paths and object ids are bytes (`bytea`), since neither need be text.
"""

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), c.collname, a.attnotnull, a.attidentity::text,
       a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation AS c ON c.oid = a.attcollation AND c.collname <> 'default'
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

# What is not null, which newer servers list as constraints, stands with the columns.
_CONSTRAINTS = """
SELECT pg_get_constraintdef(oid, true) FROM pg_constraint
WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f', 'c')
ORDER BY array_position('{p,u,f,c}', contype::text), conname
"""

_INDEXES = """
SELECT i.indexrelid::regclass::text, i.indisunique, pg_get_indexdef(i.indexrelid, 0, true)
FROM pg_index AS i
WHERE i.indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
ORDER BY 1
"""


def page(conninfo: str) -> str:
    """The page's text, of the brain in this database."""
    with psycopg.connect(conninfo) as conn:
        conn.execute("SET search_path = pg_catalog")  # so that every name of ours is told with its schema
        sentences = _sentences()
        tables = _column(conn, "SELECT tablename FROM pg_tables WHERE schemaname = 'gbrain'")
        if unsaid := set(tables) - set(sentences):
            raise LookupError(f"no sentence stands above CREATE TABLE of {', '.join(sorted(unsaid))}")
        ordered = [table for table in sentences if table in tables]
        return "\n".join([_HEAD, *(_table(conn, table, sentences[table]) for table in ordered)])


def _sentences() -> dict[str, str]:
    """What stands above each CREATE TABLE, by table, in the order in which they came."""
    files = [*sorted((STORE / "migrations").glob("*.sql")), STORE / "sql" / "schema.sql"]
    found = {}
    for file in files:
        for comment, table in re.findall(
            r"((?:^--.*\n)+)CREATE TABLE (?:IF NOT EXISTS )?gbrain\.(\w+)", file.read_text(), re.MULTILINE
        ):
            lines = [line.removeprefix("--").strip() for line in comment.splitlines()]
            found[table] = " ".join(line for line in lines if not line.startswith("name:"))
    return found


def _table(conn: Conn, table: str, sentence: str) -> str:
    name = f"gbrain.{table}"
    rows = [_row(*values) for values in conn.execute(_COLUMNS, [name])]
    parts = [f"## {table}\n", f"{sentence}\n", "| column | type | null | default |\n|---|---|---|---|", *rows, ""]
    parts += [f"- {line}" for line in _lines(conn, name)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _row(
    name: str, kind: str, collation: str | None, not_null: bool, identity: str, generated: str, default: str | None
) -> str:
    given = {"a": "the next number, always", "d": "the next number"}.get(identity, "")
    if default is not None:
        given = f"always {_code(default)}" if generated else _code(default)
    collated = f' COLLATE "{collation}"' if collation else ""
    return f"| `{name}` | {_code(kind + collated)} | {'' if not_null else 'null'} | {given} |"


def _lines(conn: Conn, name: str) -> Iterator[str]:
    """Keys and checks, indexes, and how the table is stored."""
    for definition in _column(conn, _CONSTRAINTS, name):
        yield _code(definition)
    for index, is_unique, definition in conn.execute(_INDEXES, [name]):
        kind = "unique index" if is_unique else "index"
        yield f"{kind} `{index.removeprefix('gbrain.')}`: {_code(definition.partition(' USING ')[2])}"
    options = conn.execute("SELECT reloptions FROM pg_class WHERE oid = %s::regclass", [name]).fetchone()
    if options and options[0]:
        yield f"stored with {', '.join(_code(option) for option in options[0])}"


def _column(conn: Conn, query: str, *values: str) -> list[str]:
    return [row[0] for row in conn.execute(query, values)]


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")
