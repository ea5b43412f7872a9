"""The dashboard as a JSON document."""

from __future__ import annotations

from typing import Any

from gbrain.cli.answer import instant, presentable
from gbrain.cli.status_words import pace
from gbrain.domain.paths import display
from gbrain.services.status import Assessed


def document(rows: list[Assessed]) -> dict[str, Any]:
    """The whole answer, by source."""
    return {
        "embedding_column": None,
        "unacknowledged_failures": sum(row.status.failures_open for row in rows),
        "sources": [_source(row) for row in rows],
    }


def _source(row: Assessed) -> dict[str, Any]:
    kept = row.status
    return {
        "source_id": kept.id,
        "name": presentable(kept.name),
        "host": presentable(kept.host_name) if kept.host_name else None,
        "local_path": display(kept.path) if kept.path is not None else None,
        "url": presentable(kept.url) if kept.url is not None else None,
        "federated": kept.federated,
        "sync_enabled": kept.enabled,
        "last_sync_at": instant(kept.last_sync_at),
        "last_attempt_at": instant(kept.last_attempt_at),
        "last_attempt_status": kept.last_attempt_status,
        "staleness_hours": row.staleness_hours,
        "staleness_class": row.staleness.value,
        "max_age_hours": kept.max_age.total_seconds() / 3600 if kept.max_age else None,
        "last_commit": kept.bookmark_commit,
        "content_at": instant(kept.committed_at),
        "pages": kept.pages,
        "chunks_total": kept.chunks,
        "chunks_unembedded": 0,
        "embedding_coverage_pct": None,
        "failures_open": kept.failures_open,
        "failures_acknowledged": kept.failures_acknowledged,
        "running": _running(row),
        "health": row.health.value,
        "reasons": row.reasons,
    }


def _running(row: Assessed) -> dict[str, Any] | None:
    run = row.status.running
    if run is None:
        return None
    rate, left = pace(row)
    return {
        "host": presentable(run.host),
        "pid": run.pid,
        "started_at": instant(run.started_at),
        "phase": run.phase,
        "done": run.done,
        "total": run.total,
        "rate_per_s": rate,
        "eta_s": None if left is None else round(left.total_seconds()),
    }
