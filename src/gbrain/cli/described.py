"""A source and its settings, as text and as JSON."""

from __future__ import annotations

from typing import Any

from gbrain.cli.answer import instant, presentable
from gbrain.domain.paths import display
from gbrain.domain.source import SourceState


def place(state: SourceState) -> str:
    """Where the source's repository is, and what of it is meant."""
    source = state.source
    where = display(source.path) if source.path is not None else source.url or ""
    parts = [
        "a plain folder" if source.is_plain else "",
        f"folder {display(source.subdir)}" if source.subdir else "",
        f"branch {source.branch}" if source.branch else "",
    ]
    return ", ".join([where, *filter(None, parts)])


def described(state: SourceState) -> dict[str, Any]:
    """The source for JSON."""
    source, bookmark = state.source, state.bookmark
    return {
        "source_id": source.id,
        "name": presentable(source.name),
        "host": presentable(source.host_name) if source.host_name else None,
        "local_path": display(source.path) if source.path is not None else None,
        "is_plain_folder": source.is_plain,
        "url": presentable(source.url) if source.url is not None else None,
        "branch": source.branch,
        "subdir": display(source.subdir) if source.subdir is not None else None,
        "strategy": source.strategy.value,
        "include": list(source.include),
        "exclude": list(source.exclude),
        "federated": source.federated,
        "sync_enabled": source.enabled,
        "max_age_hours": source.max_age.total_seconds() / 3600 if source.max_age else None,
        "interval_s": int(source.interval.total_seconds()) if source.interval else None,
        "archived_at": instant(source.archived_at),
        "is_default": source.is_default,
        "last_commit": bookmark.commit if bookmark else None,
        "content_at": instant(state.committed_at),
    }


def shown(value: object) -> str:
    """One of these values as a person reads it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
