"""`gbrain sources runs`: what was done, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.cli.answer import instant, presentable, put, put_document
from gbrain.cli.options import Json, MaybeId, positive
from gbrain.cli.state import with_brain

if TYPE_CHECKING:
    from gbrain.services.registry import PastRun

MOST = 100_000
"""More runs than anybody reads at once."""

COUNTS = ("added", "modified", "renamed", "deleted", "failed", "skipped")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(runs)


def runs(
    context: typer.Context,
    source_id: MaybeId = None,
    limit: Annotated[str, typer.Option(help="How many at most, the newest first.", metavar="N")] = "20",
    as_json: Json = False,
) -> None:
    """The last runs of one source or of all, the newest first."""
    from gbrain.services import registry

    most = min(positive(limit, "--limit") or 1, MOST)
    found = with_brain(context, lambda brain: brain.ask(lambda conn: registry.past_runs(conn, source_id, most)))
    if as_json:
        put_document({"runs": [_document(run) for run in found]})
        return
    for run in found:
        put(presentable(_line(run)))
    if not found:
        put("no runs yet")


def _line(run: PastRun) -> str:
    at = run.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    if run.finished_at is None:
        return f"{at}  {run.source_id}: {run.phase} {run.done}, under way or cut off"
    seconds = (run.finished_at - run.started_at).total_seconds()
    counts = ", ".join(f"{run.counts[name]} {name}" for name in COUNTS if run.counts[name])
    what = counts or (run.sync_status or "").replace("_", " ") or "nothing"
    why = f": {run.error}; {run.hint}" if run.error else ""
    took = "" if run.error_code == "interrupted" else f" ({seconds:.1f} s)"
    return f"{at}  {run.source_id}: {run.status}, {what}{took}{why}"


def _document(run: PastRun) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "source_id": run.source_id,
        "host": presentable(run.host),
        "pid": run.pid,
        "started_at": instant(run.started_at),
        "finished_at": instant(run.finished_at),
        "phase": run.phase,
        "done": run.done,
        "total": run.total,
        "status": run.status,
        "sync_status": run.sync_status,
        "error_code": run.error_code,
        "error": presentable(run.error) if run.error else None,
        "hint": presentable(run.hint) if run.hint else None,
        "from_revision": run.from_revision,
        "to_revision": run.to_revision,
        **run.counts,
    }
