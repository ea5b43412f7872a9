"""`gbrain sources …`: the registry, its dashboard, and what is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.app.brain import Brain
from gbrain.cli.answer import instant, presentable, put, put_document
from gbrain.cli.numbers import positive
from gbrain.cli.state import globals_of, here, settings_of, with_brain
from gbrain.domain.durations import parse_duration
from gbrain.domain.health import Health
from gbrain.domain.paths import display
from gbrain.domain.source import SourceState, Strategy
from gbrain.errors import ConfirmationNeeded, UsageError
from gbrain.services.status import Assessed, rate_and_eta, read_status

if TYPE_CHECKING:
    from gbrain.services.registry import Failure, Weight
    from gbrain.services.verify import Report

app = typer.Typer(help="The registry of sources, its dashboard, and what is wrong.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
MaybeId = Annotated[str | None, typer.Argument(metavar="[ID]", show_default=False)]


@app.command()
def add(
    context: typer.Context,
    source_id: Id,
    path: Annotated[Path | None, typer.Option(help="A git repository on this host.")] = None,
    url: Annotated[str | None, typer.Option(help="An https, ssh, git or file URL.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for people; the id where it is not given.")] = None,
    strategy: Annotated[Strategy, typer.Option(help="Which files become pages.")] = Strategy.AUTO,
    federated: Annotated[bool, typer.Option("--federated/--isolated", help="Searched when no source is named.")] = True,
    max_age: Annotated[
        str | None, typer.Option(help="Stale after this long, such as 24h; three times that: severe.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Register a repository, by path or by URL."""
    from gbrain.services import registry

    new = registry.NewSource(
        id=source_id,
        name=name,
        path=path,
        url=url,
        strategy=strategy,
        federated=federated,
        max_age=_duration(max_age, "--max-age"),
    )
    allow = settings_of(context).allow_private_hosts

    async def work(brain: Brain) -> SourceState:
        async with brain.pool.connection() as conn:
            await registry.add_source(conn, new, allow_private_hosts=allow)
            return await registry.existing(conn, source_id)

    state = with_brain(context, work)
    if as_json:
        put_document({"sources": [_described(state)]})
        return
    put(f"added {source_id}: {presentable(_place(state))}")
    put(f"next: gbrain sync --source {source_id}")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Every source: id, name, and where it is."""
    states = with_brain(context, _all)
    if as_json:
        put_document({"sources": [_described(state) for state in states]})
        return
    width = max((len(state.source.id) for state in states), default=0)
    for state in states:
        put(f"{state.source.id:<{width}}  {presentable(state.source.name)}  {presentable(_place(state))}")
    if not states:
        put("no sources yet: gbrain sources add ID --path DIR")


@app.command()
def show(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """One source: where it is, its settings, its bookmark."""
    from gbrain.services import registry

    async def work(brain: Brain) -> SourceState:
        async with brain.pool.connection() as conn:
            return await registry.existing(conn, source_id)

    described = _described(with_brain(context, work))
    if as_json:
        put_document({"sources": [described]})
        return
    for key, value in described.items():
        put(f"{key.replace('_', ' ')}: {'-' if value is None else presentable(str(value))}")


@app.command()
def remove(
    context: typer.Context,
    source_id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a source and all that was derived from it. Its repository is not touched."""
    from gbrain.services import registry

    async def work(brain: Brain) -> tuple[Weight, bool]:
        async with brain.pool.connection() as conn:
            weight = await registry.weigh(conn, source_id)
            if yes and not dry_run:
                await registry.remove_source(conn, source_id, brain.settings.home / "mirrors")
        return weight, yes and not dry_run

    weight, removed = with_brain(context, work)
    what = f"{weight.pages} pages, {weight.chunks} chunks, {weight.failures} failures, {weight.runs} runs"
    if not yes and not dry_run:
        raise ConfirmationNeeded(f"this would delete {source_id}: {what}", hint="add --yes to do it")
    if as_json:
        counts = {"pages": weight.pages, "chunks": weight.chunks, "failures": weight.failures, "runs": weight.runs}
        put_document({"sources": [{"source_id": source_id, "removed": removed, **counts}]})
        return
    put(f"{'removed' if removed else 'would remove'} {source_id}: {what}")


@app.command()
def status(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if any enabled source is not ok.")] = False,
    as_json: Json = False,
) -> int:
    """How fresh and how complete each source is, the worst first."""

    async def work(brain: Brain) -> list[Assessed]:
        async with brain.pool.connection() as conn:
            return await read_status(conn)

    rows = with_brain(context, work)
    if as_json:
        put_document(
            {
                "embedding_column": None,
                "unacknowledged_failures": sum(row.status.failures_open for row in rows),
                "sources": [_status(row) for row in rows],
            }
        )
    else:
        from gbrain.cli import status_table

        status_table.render(rows, color=not globals_of(context).no_color)
    wrong = any(row.status.enabled and row.health is not Health.OK for row in rows)
    return 1 if check and wrong else 0


@app.command()
def verify(
    context: typer.Context,
    source_id: MaybeId = None,
    all_sources: Annotated[bool, typer.Option("--all", help="Every source.")] = False,
    sample: Annotated[str | None, typer.Option(help="Derive only so many pages of each source.", metavar="N")] = None,
    as_json: Json = False,
) -> int:
    """Derive every page again at the bookmark and hold it against what is stored."""
    from gbrain.app.syncing import run_verify
    from gbrain.cli import verify_report

    if source_id is not None and all_sources:
        raise UsageError("an id and --all do not go together", hint="give one of them")
    pages = positive(sample, "--sample")
    named = settings_of(context).source if source_id is None else source_id

    async def work(brain: Brain) -> tuple[list[Report], dict[str, int]]:
        return await run_verify(brain, named=named, here=here(), all_sources=all_sources, sample=pages)

    reports, stray = with_brain(context, work, connections=5)
    if as_json:
        put_document({"stray_rows": stray, "sources": [verify_report.document(report) for report in reports]})
    else:
        verify_report.render(reports, stray)
    wrong = any(stray.values()) or any(report.cannot or report.findings_count for report in reports)
    return 1 if wrong else 0


@app.command()
def failures(context: typer.Context, source_id: MaybeId = None, as_json: Json = False) -> None:
    """What could not be taken in, and why."""
    from gbrain.services import registry

    async def work(brain: Brain) -> list[Failure]:
        async with brain.pool.connection() as conn:
            return await registry.failures(conn, source_id)

    found = with_brain(context, work)
    if as_json:
        put_document({"failures": [_failure(failure) for failure in found]})
        return
    for failure in found:
        what = f"{failure.reason} ({failure.state}): {presentable(failure.detail)}"
        put(f"{failure.source_id}: {display(failure.path)}: {what}")
    if not found:
        put("no failures")


async def _all(brain: Brain) -> list[SourceState]:
    from gbrain.services import registry

    async with brain.pool.connection() as conn:
        return await registry.all_sources(conn)


def _duration(text: str | None, flag: str) -> timedelta | None:
    if text is None:
        return None
    found = parse_duration(text)
    if found is None:
        raise UsageError(f"{flag} is {text!r}, not a duration", hint="give one such as 90, 30s, 15m, 24h or 3d")
    return found


def _place(state: SourceState) -> str:
    source = state.source
    return display(source.path) if source.path is not None else source.url or ""


def _described(state: SourceState) -> dict[str, Any]:
    source, bookmark = state.source, state.bookmark
    return {
        "source_id": source.id,
        "name": presentable(source.name),
        "host": presentable(source.host_name) if source.host_name else None,
        "local_path": display(source.path) if source.path is not None else None,
        "url": presentable(source.url) if source.url is not None else None,
        "strategy": source.strategy.value,
        "federated": source.federated,
        "sync_enabled": source.enabled,
        "max_age_hours": source.max_age.total_seconds() / 3600 if source.max_age else None,
        "last_commit": bookmark.commit if bookmark else None,
        "content_at": instant(state.committed_at),
    }


def _status(row: Assessed) -> dict[str, Any]:
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
    rate, eta = rate_and_eta(run.started_at, row.status.now, run.done, run.total)
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


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "source_id": failure.source_id,
        "path": display(failure.path),
        "reason": failure.reason,
        "detail": presentable(failure.detail),
        "state": failure.state,
        "blob": failure.blob,
        "first_seen_at": instant(failure.first_seen_at),
    }
