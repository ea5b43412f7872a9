"""`gbrain sources …`: looking sources up, and removing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli import archiving, changing, choosing, failures, runs, status, verify
from gbrain.cli.answer import counted, presentable, put, put_document
from gbrain.cli.described import described, place, shown
from gbrain.cli.options import Id, Json
from gbrain.cli.state import with_brain
from gbrain.errors import ConfirmationNeeded

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.services.registry import Weight

app = typer.Typer(help="The registry of sources, its dashboard, and what is wrong.", no_args_is_help=True)
changing.register(app)


def register(to: typer.Typer) -> None:
    """Add `sources` with its commands."""
    to.add_typer(app, name="sources")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Every source: id, name, and where it is."""
    from gbrain.services import registry

    states = with_brain(context, lambda brain: brain.ask(registry.current_sources))
    if as_json:
        put_document({"sources": [described(state) for state in states]})
        return
    rows = [(state.source.id, presentable(state.source.name), presentable(place(state))) for state in states]
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
    rows = described(state)
    if as_json:
        put_document({"sources": [rows]})
        return
    for key, value in rows.items():
        put(f"{key.replace('_', ' ')}: {'-' if value is None else presentable(shown(value))}")


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


for module in (archiving, choosing, status, verify, failures, runs):
    module.register(app)
