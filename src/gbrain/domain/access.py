"""What somebody who asks from outside may do, and of which sources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_NAME = 64
"""Characters of the name of an access token."""


class Scope(StrEnum):
    """How much is allowed; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        """Whether whoever has this may do what the other is enough for."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = (Scope.READ, Scope.WRITE, Scope.ADMIN)

SCOPE_MEANINGS = {
    Scope.READ: "Search and read.",
    Scope.WRITE: "And have sources synced.",
    Scope.ADMIN: "Everything.",
}
"""Each scope in a sentence, for the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one caller may do. `sources` None: all of them, those that come later too."""

    scope: Scope
    sources: frozenset[str] | None

    def sees(self, source_id: str) -> bool:
        """Whether the source is there for this caller."""
        return self.sources is None or source_id in self.sources

    def may(self, scope: Scope) -> bool:
        """Whether the caller may do what the scope is enough for."""
        return self.scope.includes(scope)


OWNER = Access(scope=Scope.ADMIN, sources=None)
"""Whoever runs the process may do everything."""


def is_token_name(text: str) -> bool:
    """True where `text` may name an access token: 1 to 64 characters that are seen, no blank at either end."""
    return 0 < len(text) <= MAX_NAME and text.isprintable() and text == text.strip()
