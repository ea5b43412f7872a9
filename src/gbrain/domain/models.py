"""Models: what makes vectors of passages, and how far each is with that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gbrain.domain.passages import TEMPLATE

MAX_DIMENSIONS = 4000
"""The most that pgvector's HNSW index takes of a `halfvec`."""

LOCAL = "local"
NONE = "none"


class ModelState(StrEnum):
    """What a model is there for."""

    FILLING = "filling"
    """It becomes the active one when nothing lacks its vector any more."""
    ACTIVE = "active"
    """Search uses it, and what comes in gets its vectors."""
    RETIRED = "retired"
    """Its vectors are kept until it is dropped, and it gets no new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A model as its embedder describes it: equal ones make equal vectors of equal passages."""

    embedder: str
    """`local`, or the name of a configured endpoint."""
    model: str
    dimensions: int
    version: str = ""
    """Changes where the same model makes other vectors."""
    limits: dict[str, Any] = field(default_factory=dict)
    """What the embedder was configured to keep to, for whoever looks."""

    @property
    def name(self) -> str:
        """`local:wordllama-256`."""
        return f"{self.embedder}:{self.model}"

    @property
    def fingerprint(self) -> bytes:
        """8 bytes that change when an equal passage may get another vector, the template of passages included."""
        parts = [TEMPLATE, self.embedder, self.model, self.dimensions, self.version]
        return hashlib.sha256(json.dumps(parts).encode()).digest()[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as the brain knows it."""

    id: int
    name: str
    embedder: str
    dimensions: int
    fingerprint: bytes
    limits: dict[str, Any]
    state: ModelState
    seeded: bool
    """Whether all that was there when it came is in its backlog."""
    created_at: datetime
    activated_at: datetime | None


def is_meant(model: Model, name: str) -> bool:
    """Whether a person who says `name` means the model: by its name, or by that of its embedder."""
    return name in (model.name, model.embedder)


def coverage_pct(places: int, pending: int) -> float:
    """The share of places that need no vector any more, in percent to one decimal; never 100.0 while one waits."""
    if not places or pending <= 0:
        return 100.0
    return min(99.9, round(100 * max(0, places - pending) / places, 1))
