"""Access tokens: given out once, known by their hash from then on."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from gbrain.domain.access import MAX_NAME, Access, Scope, is_token_name
from gbrain.domain.source import is_source_id
from gbrain.errors import NotFound, UsageError
from gbrain.services.resolving import unknown
from gbrain.store import sources as registry
from gbrain.store import tokens
from gbrain.store.connection import Connection
from gbrain.store.tokens import CarriedToken
from gbrain.store.tokens import Token as Token

_SECRET_BYTES = 32
_SECRET = re.compile(r"gbrain_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new access token with its secret, which nobody can tell again."""

    token: Token
    secret: str


async def issue(
    conn: Connection, name: str, scope: Scope, sources: tuple[str, ...] | None, lasts: timedelta | None
) -> Issued:
    """Make one for these sources, or for all where that is None; it lasts for ever where `lasts` is None.

    Raises UsageError where the name is none or taken, and NotFound where a source is not there.
    """
    if not is_token_name(name):
        hint = f"a name is 1 to {MAX_NAME} characters, with no blank at either end"
        raise UsageError(f"{name!r} cannot name a token", hint=hint)
    secret = f"gbrain_{secrets.token_urlsafe(_SECRET_BYTES)}"
    async with conn.transaction():
        wanted = [source_id for source_id in sources or () if is_source_id(source_id)]
        if missing := set(sources or ()) - await tokens.hold_sources(conn, wanted):
            raise unknown(min(missing), [state.source.id for state in await registry.all_sources(conn)])
        new = CarriedToken(name=name, secret_hash=_hash(secret), scope=scope, sources=sources, lasts=lasts)
        if not await tokens.add(conn, new):
            raise UsageError(f"there is a token {name!r} already", hint="revoke it first, or give another name")
        token = await tokens.by_hash(conn, new.secret_hash)
    if token is None:
        raise RuntimeError("a token that was stored is not there")
    return Issued(token=token, secret=secret)


async def listed(conn: Connection) -> list[Token]:
    """Every one, by name, expired ones too."""
    return await tokens.all_tokens(conn)


async def revoke(conn: Connection, name: str) -> None:
    """Let it be good for nothing from now on; raises NotFound where there is none of that name."""
    if not is_token_name(name) or not await tokens.revoke(conn, name):
        raise NotFound(f"there is no token {name!r}", hint="gbrain tokens list shows those there are")


async def admitted(conn: Connection, secret: str) -> Access | None:
    """What whoever shows this secret may do; None where it is none, was revoked or has expired."""
    if _SECRET.fullmatch(secret) is None:
        return None
    hashed = _hash(secret)
    token = await tokens.by_hash(conn, hashed)
    if token is None or not hmac.compare_digest(token.secret_hash, hashed) or token.is_expired:
        return None
    if token.is_use_due:
        await tokens.note_use(conn, hashed)
    return Access(scope=token.scope, sources=None if token.sources is None else frozenset(token.sources))


def _hash(secret: str) -> bytes:
    """Of 256 random bits no slow hash is needed: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()
