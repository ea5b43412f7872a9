"""`gbrain sources …`: registering sources, looking them up, removing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.app.brain import Brain
from gbrain.cli import failures, status, verify
from gbrain.cli.answer import counted, instant, presentable, put, put_document
from gbrain.cli.options import Id, Json, duration
from gbrain.cli.state import settings_of, with_brain
from gbrain.domain.paths import display
from gbrain.domain.source import SourceState, Strategy
from gbrain.errors import ConfirmationNeeded

if TYPE_CHECKING:
    from gbrain.services.registry import Weight

app = typer.Typer(help="The registry of sources, its dashboard, and what is wrong.", no_args_is_help=True)


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
        max_age=duration(max_age, "--max-age"),
    )
    allow = settings_of(context).allow_private_hosts

    state = with_brain(
        context, lambda brain: brain.ask(lambda conn: registry.add_source(conn, new, allow_private_hosts=allow))
    )
    if as_json:
        put_document({"sources": [_described(state)]})
        return
    put(f"added {source_id}: {presentable(_place(state))}")
    put(f"next: gbrain sync --source {source_id}")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Every source: id, name, and where it is."""
    from gbrain.services import registry

    states = with_brain(context, lambda brain: brain.ask(registry.all_sources))
    if as_json:
        put_document({"sources": [_described(state) for state in states]})
        return
    rows = [(state.source.id, presentable(state.source.name), presentable(_place(state))) for state in states]
    width, wide = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    for source_id, name, where in rows:
        put(f"{source_id:<{width}}  {name:<{wide}}  {where}")
    if not states:
        put("no sources yet: gbrain sources add ID --path DIR")


@app.command()
def show(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """One source: where it is, its settings, its bookmark."""
    from gbrain.services import registry

    state = with_brain(context, lambda brain: brain.ask(lambda conn: registry.existing(conn, source_id)))
    described = _described(state)
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
    counts = [(weight.pages, "page"), (weight.chunks, "chunk"), (weight.failures, "failure"), (weight.runs, "run")]
    what = ", ".join(counted(number, word) for number, word in counts)
    if not yes and not dry_run:
        raise ConfirmationNeeded(f"this would delete {source_id}: {what}", hint="add --yes to do it")
    if as_json:
        numbers = {f"{word}s": number for number, word in counts}
        put_document({"sources": [{"source_id": source_id, "removed": removed, **numbers}]})
        return
    put(f"{'removed' if removed else 'would remove'} {source_id}: {what}")


status.register(app)
verify.register(app)
failures.register(app)


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
