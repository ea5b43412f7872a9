"""Migrations: forward only, each once, one process at a time, and never under a program older than the brain."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from psycopg import errors

from gbrain.errors import DatabaseUnusable, SchemaTooNew
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("schema")


def newest_version() -> int:
    """The version this program brings a brain to."""
    return max(_migrations())


async def stored_version(conn: Connection) -> int | None:
    """The version of the brain in this database; None where there is none yet."""
    if not await _one(conn, "has_brain"):
        return None
    version: int | None = await _one(conn, "version")
    return version


async def migrate(conn: Connection) -> list[int]:
    """Bring the brain to this program's version; the versions that were applied, none where it was there already."""
    version = await stored_version(conn)
    refuse_newer(version)
    if version == newest_version():
        return []
    async with conn.transaction():
        await conn.execute(SQL["lock_migrations"])
        await _ensure_vector(conn)
        await _ensure_schema(conn)
        await conn.execute(SQL["create_versions"])
        version = await stored_version(conn)
        refuse_newer(version)
        todo = [number for number in sorted(_migrations()) if number > (version or 0)]
        for number in todo:
            await conn.execute(_migrations()[number])
            await conn.execute(SQL["record_version"], {"version": number})
    return todo


def refuse_newer(version: int | None) -> None:
    """Raise where the brain was migrated by a newer program: its rows may mean what this one does not know."""
    if version is not None and version > newest_version():
        raise SchemaTooNew(
            f"the brain has schema version {version}, this program knows {newest_version()}",
            hint="install the newer gbrain that migrated it",
        )


async def refuse_newer_stored(conn: Connection) -> None:
    """The same of the version that is stored now."""
    refuse_newer(await stored_version(conn))


async def _ensure_vector(conn: Connection) -> None:
    if await _one(conn, "has_vector"):
        return
    try:
        async with conn.transaction():
            await conn.execute(SQL["create_vector"])
    except errors.InsufficientPrivilege as error:
        may_create = await _one(conn, "may_create")
        raise _forbidden(conn, "the extension vector", "CREATE EXTENSION vector", *_grants(conn, may_create)) from error
    except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
        raise DatabaseUnusable(
            "the server does not have the extension vector (pgvector)",
            hint="install pgvector 0.8 or newer on the server, then run gbrain init again",
        ) from error


async def _ensure_schema(conn: Connection) -> None:
    try:
        async with conn.transaction():
            await conn.execute(SQL["create_schema"])
    except errors.InsufficientPrivilege as error:
        raise _forbidden(conn, "a schema", *_grants(conn, may_create=False)) from error


def _grants(conn: Connection, may_create: bool) -> list[str]:
    return [] if may_create else [f"GRANT CREATE ON DATABASE {conn.info.dbname} TO {conn.info.user}"]


def _forbidden(conn: Connection, what: str, *commands: str) -> DatabaseUnusable:
    """The error that tells the one command for an administrator."""
    words = " ".join(f'-c "{command}"' for command in commands)
    return DatabaseUnusable(
        f"role {conn.info.user} may not create {what} in database {conn.info.dbname}",
        hint=f"as an administrator run: psql -d {conn.info.dbname} {words}",
    )


def _migrations() -> dict[int, bytes]:
    folder = files("gbrain.store").joinpath("migrations")
    return {int(file.name[:4]): file.read_bytes() for file in folder.iterdir() if file.name.endswith(".sql")}


async def _one(conn: Connection, name: str) -> Any:
    """The one value that the statement gives."""
    row = await (await conn.execute(SQL[name])).fetchone()
    return row[0] if row is not None else None
