"""A source: which repository is kept in the brain, and the bookmark that says how far it is in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
ID_RULE = "1 to 32 of a-z, 0-9 and -, beginning and ending with a letter or digit"


def is_source_id(text: str) -> bool:
    """True where `text` may name a source."""
    return _ID.fullmatch(text) is not None


class Strategy(StrEnum):
    """Which files of a tree become pages."""

    MARKDOWN = "markdown"
    CODE = "code"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One registered source and its settings. Exactly one of `path` and `url` is set."""

    id: str
    name: str
    path: bytes | None
    url: str | None
    host_id: str | None
    host_name: str | None
    branch: str | None
    strategy: Strategy
    federated: bool
    enabled: bool
    max_age: timedelta | None
    settings_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """The revision a source's rows stand for. Ids are lower-case hex."""

    commit: str
    tree: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """A source with where it stands: what a run starts from. `settled` is False while a run's batches are half in."""

    source: Source
    bookmark: Bookmark | None
    settled: bool
    committed_at: datetime | None
