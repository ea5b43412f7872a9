"""Access tokens, as they are kept: what each is good for, and the hash of its secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gbrain.domain.access import Scope
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token. `sources` None: all of them. `expires_at` None: never."""

    name: str
    secret_hash: bytes
    scope: Scope
    sources: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    is_expired: bool
    """By the database's clock, as it was read."""
    is_use_due: bool
    """Whether the time of its last use is to be noted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedToken:
    """An access token as it comes: made now, with the time it lasts, or brought from elsewhere with its moments."""

    name: str
    secret_hash: bytes
    scope: Scope
    sources: tuple[str, ...] | None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    lasts: timedelta | None = None


async def add(conn: Connection, token: CarriedToken) -> bool:
    """Keep a new one; False where its name or its hash is there already."""
    values = {name: getattr(token, name) for name in CarriedToken.__dataclass_fields__}
    sources = None if token.sources is None else sorted(set(token.sources))
    values |= {"scope": token.scope.value, "sources": sources}
    return await (await conn.execute(SQL["add"], values)).fetchone() is not None


async def hold_sources(conn: Connection, sources: Sequence[str]) -> set[str]:
    """Those of the sources that there are; within a transaction they stay."""
    rows = await (await conn.execute(SQL["hold_sources"], {"sources": list(sources)})).fetchall()
    return {source_id for (source_id,) in rows}


async def all_tokens(conn: Connection) -> list[Token]:
    """Every one, by name, expired ones too."""
    return [_token(row) for row in await (await conn.execute(SQL["all"])).fetchall()]


async def by_hash(conn: Connection, secret_hash: bytes) -> Token | None:
    """The one whose secret has this hash."""
    row = await (await conn.execute(SQL["by_hash"], {"secret_hash": secret_hash})).fetchone()
    return _token(row) if row is not None else None


async def note_use(conn: Connection, secret_hash: bytes) -> None:
    """Note that it was used just now, unless that was noted within the last minute."""
    await conn.execute(SQL["note_use"], {"secret_hash": secret_hash})


async def revoke(conn: Connection, name: str) -> bool:
    """Delete it; False where there is none of that name."""
    return await (await conn.execute(SQL["revoke"], {"name": name})).fetchone() is not None


def _token(row: Sequence[Any]) -> Token:
    fields = dict(zip(Token.__dataclass_fields__, row, strict=True))
    sources = tuple(fields["sources"]) if fields["sources"] is not None else None
    return Token(**fields | {"scope": Scope(fields["scope"]), "sources": sources})
