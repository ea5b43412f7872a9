"""What a sync did, as text while it goes and as one JSON document."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gbrain.cli.answer import counted, presentable, put
from gbrain.cli.sync_embedding import described
from gbrain.domain.events import ParallelLowered
from gbrain.domain.outcome import Planned, Result, Status, SyncStatus
from gbrain.domain.parallelism import RENEWALS_AND_REST
from gbrain.domain.paths import display

if TYPE_CHECKING:
    from gbrain.app.beside import Embedding
    from gbrain.app.syncing import Synced


def lowered(event: ParallelLowered) -> str:
    """The sum that shows why fewer sources write at once than were asked for."""
    needed = f"it takes {event.before + RENEWALS_AND_REST} connections"
    return f"--parallel lowered from {event.before} to {event.after}: {needed}, and {event.limit}"


def is_well(result: Result) -> bool:
    """Whether nobody need look at the source."""
    return result.status in (Status.OK, Status.SKIPPED) and not result.failures_open


def is_fine(result: Result, *, all_sources: bool) -> bool:
    """Whether the row makes no exit code of its own: among all sources one that somebody else is syncing is fine."""
    return is_well(result) or (all_sources and result.status is Status.BUSY and not result.failures_open)


def is_no_news(result: Result) -> bool:
    """Whether all is well with the source, and it holds what it held before."""
    return is_well(result) and not _changed(result)


def put_result(result: Result, *, only_trouble: bool = False, at: datetime | None = None) -> None:
    """One source's lines, each with its id before it; with the time of day where it is given."""
    for line in _trouble(result) if only_trouble else [*_news(result, at), *_trouble(result)]:
        put(f"[{result.source_id}] {presentable(line)}")


def _news(result: Result, at: datetime | None) -> list[str]:
    seconds = f"{result.duration.total_seconds():.1f} s" + (f", {at:%H:%M:%S}" if at else "")
    lines = []
    match result.sync_status:
        case SyncStatus.UP_TO_DATE:
            lines.append(f"up to date at {_short(result.to_revision)} ({seconds})")
        case SyncStatus.FIRST_SYNC:
            lines.append(f"first sync at {_short(result.to_revision)}: {_changes(result)} ({seconds})")
        case SyncStatus.DRY_RUN if not _changed(result):
            lines.append(f"nothing to do up to {_short(result.to_revision)} ({seconds})")
        case SyncStatus.DRY_RUN:
            lines.append(f"would sync to {_short(result.to_revision)}: {_changes(result)} ({seconds})")
        case SyncStatus.SYNCED:
            lines.append(
                f"synced {_short(result.from_revision)}..{_short(result.to_revision)}: {_changes(result)} ({seconds})"
            )
    if result.acknowledged:
        lines.append(f"{counted(result.acknowledged, 'failure')} acknowledged")
    return lines


def _trouble(result: Result) -> list[str]:
    lines = []
    if result.trouble is not None:
        lines.append(f"{result.status.value}: {result.trouble.message.rstrip('.')}; {result.trouble.hint}")
    if result.failures_open:
        what = counted(result.failures_open, "file")
        lines.append(f"{what} could not be taken in: gbrain sources failures {result.source_id}")
    return lines


def _changed(result: Result) -> bool:
    return any(getattr(result.counts, name) for name in result.counts.__slots__)


def _short(revision: str | None) -> str:
    return (revision or "-")[:10]


def _changes(result: Result) -> str:
    counts = result.counts
    words = [
        f"{number:,} {word}"
        for word in ("added", "modified", "renamed", "deleted", "failed", "skipped")
        if (number := getattr(counts, word))
    ]
    return ", ".join(words) or "no page changed"


def summary(results: list[Result]) -> str:
    """The last line: how many of each status, and why those that are not ok are not."""
    if not results:
        return "no sources to sync: gbrain sources add ID --path DIR"
    parts = []
    for status in Status:
        of_status = [result for result in results if result.status is status]
        if of_status:
            reasons = "; ".join(
                f"{result.source_id}: {result.trouble.message}" for result in of_status if result.trouble is not None
            )
            parts.append(f"{len(of_status)} {status.value}" + (f" ({reasons})" if reasons else ""))
    open_failures = [result for result in results if result.failures_open]
    if open_failures:
        total = counted(sum(result.failures_open for result in open_failures), "open failure")
        parts.append(f"{total} ({', '.join(result.source_id for result in open_failures)})")
    return presentable(", ".join(parts))


def document(synced: Synced, elapsed: timedelta) -> dict[str, Any]:
    """The whole answer, sorted by source."""
    counts = {f"{status.value}_count": 0 for status in Status}
    for result in synced.results:
        counts[f"{result.status.value}_count"] += 1
    return {
        "parallel": synced.parallel,
        "duration_ms": _milliseconds(elapsed),
        "connections_peak": synced.connections_peak,
        **counts,
        "embedding": described(synced.embedding) if synced.embedding is not None else None,
        "sources": [_row(result, synced.embedding) for result in synced.results],
    }


def _row(result: Result, embedding: Embedding | None) -> dict[str, Any]:
    counts, trouble = result.counts, result.trouble
    return {
        "source_id": result.source_id,
        "name": presentable(result.name),
        "status": result.status.value,
        "sync_status": result.sync_status.value if result.sync_status else None,
        "from_revision": result.from_revision,
        "to_revision": result.to_revision,
        "added": counts.added,
        "modified": counts.modified,
        "renamed": counts.renamed,
        "deleted": counts.deleted,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "failures_open": result.failures_open,
        "chunks_created": counts.chunks_created,
        "chunks_deleted": counts.chunks_deleted,
        "embedded": embedding.places[result.source_id] if embedding is not None else 0,
        "embeddings_pending": embedding.pending.get(result.source_id, 0) if embedding is not None else 0,
        "duration_ms": _milliseconds(result.duration),
        "planned_paths": _paths(result.planned),
        "planned_paths_count": result.planned.count if result.planned else None,
        "error": presentable(trouble.message) if trouble else None,
        "error_code": trouble.code.value if trouble else None,
        "hint": presentable(trouble.hint) if trouble else None,
    }


def _paths(planned: Planned | None) -> list[dict[str, str]] | None:
    return None if planned is None else [{"path": display(path), "action": action} for path, action in planned.paths]


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
