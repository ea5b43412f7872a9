"""`gbrain sources status`: the dashboard."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gbrain.cli.answer import instant, presentable, put_document
from gbrain.cli.options import Json
from gbrain.cli.state import globals_of, with_brain
from gbrain.domain.health import Health
from gbrain.domain.paths import display
from gbrain.services.status import Assessed, rate_and_eta, read_status


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if any enabled source is not ok.")] = False,
    as_json: Json = False,
) -> int:
    """How fresh and how complete each source is, the worst first."""
    rows = with_brain(context, lambda brain: brain.ask(read_status))
    if as_json:
        put_document(
            {
                "embedding_column": None,
                "unacknowledged_failures": sum(row.status.failures_open for row in rows),
                "sources": [_document(row) for row in rows],
            }
        )
    else:
        from gbrain.cli import status_table

        status_table.render(rows, color=not globals_of(context).no_color)
    wrong = any(row.status.enabled and row.health is not Health.OK for row in rows)
    return 1 if check and wrong else 0


def _document(row: Assessed) -> dict[str, Any]:
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
    rate, eta = rate_and_eta(run, row.status.now)
    return {
        "host": presentable(run.host),
        "pid": run.pid,
        "started_at": instant(run.started_at),
        "phase": run.phase,
        "done": run.done,
        "total": run.total,
        "rate_per_s": rate,
        "eta_s": eta,
    }
