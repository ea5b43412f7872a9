"""Copies of databases, and what sessions of a server are doing."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg

from support.servers import Server


def copy_of(server: Server, database: str) -> str:
    """A new database that holds what the other, which nobody may be using, holds; its name."""
    name = f"copy_{uuid.uuid4().hex}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {database} STRATEGY FILE_COPY")
    return name


def ask(conninfo: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        return conn.execute(query, values).fetchall()


def drop(server: Server, database: str) -> None:
    """Drop a database, whoever uses it."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
