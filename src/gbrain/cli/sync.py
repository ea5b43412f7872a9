"""`gbrain sync`: sources brought up to date, one or all of them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.app.brain import Brain
from gbrain.cli.answer import presentable, put, put_document, tell
from gbrain.cli.numbers import positive
from gbrain.cli.state import globals_of, here, settings_of, with_brain
from gbrain.domain.events import Event, Finished, ParallelLowered
from gbrain.domain.outcome import Result, Status, SyncStatus, exit_code
from gbrain.domain.parallelism import DEFAULT_WRITERS, RENEWALS_AND_REST
from gbrain.errors import CouldNotRun, UsageError

if TYPE_CHECKING:
    from gbrain.app.syncing import Synced


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sync)


def sync(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="One source, by id.", metavar="ID")] = None,
    all_sources: Annotated[bool, typer.Option("--all", help="Every enabled source.")] = False,
    parallel: Annotated[str | None, typer.Option(help="How many sources write at once.", metavar="N")] = None,
    workers: Annotated[str | None, typer.Option(help="Processes that parse and chunk.", metavar="N")] = None,
    fetch_slots: Annotated[str | None, typer.Option(help="How many sources fetch at once.", metavar="N")] = None,
    full: Annotated[bool, typer.Option("--full", help="Derive every page again.")] = False,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Contact no remote.")] = False,
    no_embed: Annotated[bool, typer.Option("--no-embed", help="Leave embeddings for later.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """Bring sources up to date, side by side."""
    from gbrain.app.syncing import run_sync
    from gbrain.services.context import SyncOptions

    if source is not None and all_sources:
        raise UsageError("--source and --all do not go together", hint="give one of them")
    asked = positive(parallel, "--parallel")
    width = positive(workers, "--workers")
    slots = positive(fetch_slots, "--fetch-slots") or settings_of(context).fetch_slots
    named = None if all_sources else settings_of(context).source if source is None else source
    options = SyncOptions(full=full, pull=not no_pull)
    started = time.monotonic()

    unwritable: list[CouldNotRun] = []

    def emit(event: Event) -> None:
        if isinstance(event, ParallelLowered) and not globals_of(context).quiet:
            tell(_lowered(event))
        elif isinstance(event, Finished) and not as_json and not unwritable:
            try:
                _print(event.result)
            except CouldNotRun as error:
                unwritable.append(error)

    async def work(brain: Brain) -> Synced:
        return await run_sync(
            brain,
            options,
            named=named,
            here=here(),
            all_sources=all_sources,
            parallel=asked,
            workers=width,
            fetch_slots=slots,
            emit=emit,
        )

    connections = (asked if asked is not None else min(width or DEFAULT_WRITERS, DEFAULT_WRITERS)) + 1
    synced = with_brain(context, work, connections=connections)
    if unwritable:
        raise unwritable[0]
    elapsed = timedelta(seconds=time.monotonic() - started)
    if as_json:
        put_document(_document(synced, elapsed))
    else:
        put(_summary(synced.results))
    return exit_code(synced.results, all_sources=all_sources)


def _lowered(event: ParallelLowered) -> str:
    needed = f"it takes {event.before + RENEWALS_AND_REST} connections"
    return f"--parallel lowered from {event.before} to {event.after}: {needed}, and {event.limit}"


def _print(result: Result) -> None:
    for line in _lines(result):
        put(f"[{result.source_id}] {presentable(line)}")


def _lines(result: Result) -> list[str]:
    seconds = f"{result.duration.total_seconds():.1f} s"
    lines = []
    match result.sync_status:
        case SyncStatus.UP_TO_DATE:
            lines.append(f"up to date at {_short(result.to_revision)} ({seconds})")
        case SyncStatus.FIRST_SYNC:
            lines.append(f"first sync at {_short(result.to_revision)}: {_changes(result)} ({seconds})")
        case SyncStatus.SYNCED:
            lines.append(
                f"synced {_short(result.from_revision)}..{_short(result.to_revision)}: {_changes(result)} ({seconds})"
            )
    if result.trouble is not None:
        lines.append(f"{result.status.value}: {result.trouble.message}; {result.trouble.hint}")
    if result.failures_open:
        lines.append(f"{result.failures_open} pages could not be taken in: gbrain sources failures {result.source_id}")
    return lines


def _short(revision: str | None) -> str:
    return (revision or "-")[:10]


def _changes(result: Result) -> str:
    counts = result.counts
    words = [
        f"{number} {word}"
        for word in ("added", "modified", "renamed", "deleted", "failed", "skipped")
        if (number := getattr(counts, word))
    ]
    return ", ".join(words) or "no page changed"


def _summary(results: list[Result]) -> str:
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
    return presentable(", ".join(parts))


def _document(synced: Synced, elapsed: timedelta) -> dict[str, Any]:
    counts = {f"{status.value}_count": 0 for status in Status}
    for result in synced.results:
        counts[f"{result.status.value}_count"] += 1
    return {
        "parallel": synced.parallel,
        "duration_ms": _milliseconds(elapsed),
        "connections_peak": synced.connections_peak,
        **counts,
        "sources": [_row(result) for result in synced.results],
    }


def _row(result: Result) -> dict[str, Any]:
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
        "embedded": 0,
        "embeddings_pending": 0,
        "duration_ms": _milliseconds(result.duration),
        "error": presentable(trouble.message) if trouble else None,
        "error_code": trouble.code.value if trouble else None,
        "hint": presentable(trouble.hint) if trouble else None,
    }


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
