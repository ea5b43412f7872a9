"""Access tokens as an export holds them, and back: what a brain could not hold is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gbrain.domain.access import Scope, is_token_name
from gbrain.services.transfer_rows import given, instant, moment_out, texts
from gbrain.store.tokens import CarriedToken, Token

_HASH_BYTES = 32


def token_out(token: Token) -> dict[str, Any]:
    """An access token, for JSON: the hash of its secret, which nobody can be let in with."""
    return {
        "name": token.name,
        "secret_hash": token.secret_hash.hex(),
        "scope": token.scope.value,
        "sources": list(token.sources) if token.sources is not None else None,
        "created_at": moment_out(token.created_at),
        "expires_at": moment_out(token.expires_at),
    }


def token_in(row: Mapping[str, Any]) -> CarriedToken:
    """An access token of an export; raises as `source_in` does."""
    secret_hash = bytes.fromhex(given(row, "secret_hash", str))
    created_at = instant(row, "created_at")
    if not is_token_name(given(row, "name", str)):
        raise ValueError(f"{row['name']!r} cannot name a token")
    if len(secret_hash) != _HASH_BYTES or created_at is None:
        raise ValueError("it is no token: see its secret_hash and created_at")
    return CarriedToken(
        name=row["name"],
        secret_hash=secret_hash,
        scope=Scope(given(row, "scope", str)),
        sources=None if row["sources"] is None else texts(row, "sources"),
        created_at=created_at,
        expires_at=instant(row, "expires_at"),
    )
