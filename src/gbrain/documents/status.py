"""The dashboard as a JSON document."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gbrain.documents.values import instant, presentable
from gbrain.domain.paths import display
from gbrain.services.coverage import Coverage, ModelFills, eta
from gbrain.services.status import Assessed, Dashboard, rate_and_eta


def document(found: Dashboard) -> dict[str, Any]:
    """The whole answer, by source."""
    return {
        "embedding_column": presentable(found.coverage.active.name) if found.coverage else None,
        "unacknowledged_failures": sum(row.status.failures_open for row in found.sources),
        "sources": [_source(row) for row in found.sources],
        "embedding": _embedding(found.coverage) if found.coverage else None,
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
        "chunks_unembedded": max(0, kept.pending or 0),
        "embedding_coverage_pct": row.coverage_pct,
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
    rate, left = rate_and_eta(run, row.status.now)
    return {
        "host": presentable(run.host),
        "pid": run.pid,
        "started_at": instant(run.started_at),
        "phase": run.phase,
        "done": run.done,
        "total": run.total,
        "rate_per_s": rate,
        "eta_s": left,
    }


def _embedding(coverage: Coverage) -> dict[str, Any]:
    filling = coverage.filling
    return {
        "model": presentable(coverage.active.name),
        "filling": filling and {"model": presentable(filling.name), "coverage_pct": filling.coverage_pct},
        "fills": [fill for model in coverage.each for fill in _fills(model)],
    }


def _fills(model: ModelFills) -> list[dict[str, Any]]:
    return [
        {
            "model": presentable(model.name),
            "host": presentable(fill.host),
            "pid": fill.pid,
            "started_at": instant(fill.started_at),
            "done": fill.done,
            "total": fill.total,
            "rate_per_s": None if fill.rate_per_s is None else round(fill.rate_per_s, 1),
            "eta_s": _seconds(eta(fill.done, fill.total, fill.rate_per_s)),
            "cools_until": instant(fill.waits_until),
            "trouble": presentable(fill.trouble) if fill.trouble else None,
        }
        for fill in model.fills
    ]


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration.total_seconds())
