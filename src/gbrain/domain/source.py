"""A source: which repository is kept in the brain, and the bookmark that says how far it is in."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from gbrain.domain.locations import PathLocation, PlainLocation, UrlLocation

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
    is_plain: bool
    """Whether the path is a folder without git."""
    url: str | None
    host_id: str | None
    host_name: str | None
    branch: str | None
    """The branch that is followed; None is the remote's, or the checkout's, current one."""
    subdir: bytes | None
    """The folder of the repository that is the whole of the source: its pages' paths begin below it."""
    strategy: Strategy
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    federated: bool
    enabled: bool
    max_age: timedelta | None
    interval: timedelta | None
    """How long `sync --watch` leaves the source alone at most."""
    archived_at: datetime | None
    is_default: bool
    settings_version: int

    @property
    def location(self) -> PathLocation | PlainLocation | UrlLocation:
        """Where its files are."""
        if self.path is None:
            return UrlLocation(url=self.url or "")
        path = Path(os.fsdecode(self.path))
        return PlainLocation(path=path) if self.is_plain else PathLocation(path=path)


def newcomer(source_id: str) -> Source:
    """A source of which nothing is known but its id; where it is has still to be said."""
    return Source(
        id=source_id,
        name=source_id,
        path=None,
        is_plain=False,
        url=None,
        host_id=None,
        host_name=None,
        branch=None,
        subdir=None,
        strategy=Strategy.AUTO,
        include=(),
        exclude=(),
        federated=True,
        enabled=True,
        max_age=None,
        interval=None,
        archived_at=None,
        is_default=False,
        settings_version=1,
    )


def reads_the_same(before: Source, after: Source) -> bool:
    """Whether both select the same files of the same repository."""
    return all(getattr(before, name) == getattr(after, name) for name in _WHAT_IS_READ)


def ends_run(before: Source, after: Source) -> bool:
    """Whether a run that began with `before` must not go on once `after` is in force."""
    is_put_away = (before.enabled and not after.enabled) or (before.archived_at is None) != (after.archived_at is None)
    return is_put_away or not reads_the_same(before, after)


_WHAT_IS_READ = ("path", "is_plain", "url", "host_id", "branch", "subdir", "strategy", "include", "exclude")


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
