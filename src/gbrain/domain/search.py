"""What is asked of a search, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """What ranks: words, vectors, or both."""

    HYBRID = "hybrid"
    KEYWORD = "keyword"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search. `sources` None: the federated ones; `visible` None: whoever asks may see them all."""

    query: str
    mode: Mode = Mode.HYBRID
    sources: tuple[str, ...] | None = None
    visible: frozenset[str] | None = None
    limit: int = 10
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A page that was found, by its best passage."""

    source_id: str
    slug: str
    path: bytes
    title: str
    headings: tuple[str, ...]
    """The headings over the passage, outermost first."""
    text: str
    """The passage."""
    first_line: int
    last_line: int
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)
    """What the score is made of, by name: what each word added, and the vector."""

    @property
    def citation(self) -> str:
        """How the page is referred to."""
        return f"[{self.source_id}:{self.slug}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a search could not do as it was asked to; `code` is stable."""

    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found, best first, in what mode, and what stood in the way of better. `is_more`: more follows."""

    mode: Mode
    hits: tuple[Hit, ...]
    notes: tuple[Note, ...] = ()
    is_more: bool = False
