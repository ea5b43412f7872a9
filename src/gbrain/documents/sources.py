"""A source and its settings as JSON."""

from __future__ import annotations

from typing import Any

from gbrain.documents.values import instant, presentable
from gbrain.domain.paths import display
from gbrain.domain.source import SourceState


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
