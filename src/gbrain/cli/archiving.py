"""`gbrain sources archive`, `restore`, `archived` and `purge`: sources that are put away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import instant, presentable, put, put_document
from gbrain.cli.changing import put_source
from gbrain.cli.described import described
from gbrain.cli.options import Id, Json
from gbrain.cli.state import with_brain
from gbrain.domain.source import SourceState
from gbrain.errors import ConfirmationNeeded

if TYPE_CHECKING:
    from gbrain.app.brain import Brain


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (archive, restore, archived, purge):
        app.command()(command)


def archive(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Hide a source from sync and search; what is in is kept for 72 hours at least."""
    from gbrain.services import registry

    state = with_brain(context, lambda brain: brain.ask(lambda conn: registry.archive(conn, source_id)))
    put_source(state, as_json=as_json)
    if not as_json:
        put(f"kept until {_until(state)} at least: gbrain sources restore {source_id} brings it back")


def restore(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Bring an archived source back as it was."""
    from gbrain.services import registry

    state = with_brain(context, lambda brain: brain.ask(lambda conn: registry.restore(conn, source_id)))
    put_source(state, as_json=as_json)


def archived(context: typer.Context, as_json: Json = False) -> None:
    """The archived sources, and until when each is kept at least."""
    from gbrain.services import registry

    states = with_brain(context, lambda brain: brain.ask(registry.archived))
    if as_json:
        put_document({"sources": [described(state) | {"kept_until": _until(state)} for state in states]})
        return
    for state in states:
        put(f"{state.source.id}  {presentable(state.source.name)}  kept until {_until(state)}")
    if not states:
        put("no source is archived")


def purge(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: Json = False,
) -> None:
    """Remove the archived sources whose 72 hours are over, for good."""
    from gbrain.services import registry

    async def work(brain: Brain) -> list[SourceState]:
        due = await brain.ask(registry.overdue)
        removed = []
        for state in due if yes else []:
            # One that was restored or removed meanwhile is left alone.
            if state.source in [still.source for still in await brain.ask(registry.overdue)]:
                async with brain.pool.connection() as conn:
                    await registry.remove_source(conn, state.source.id, brain.settings.home / "mirrors")
                removed.append(state)
        return removed if yes else due

    due = with_brain(context, work)
    ids = ", ".join(state.source.id for state in due)
    if due and not yes:
        raise ConfirmationNeeded(f"this would remove for good: {ids}", hint="add --yes to do it")
    if as_json:
        put_document({"sources": [{"source_id": state.source.id, "removed": True} for state in due]})
        return
    put(f"removed for good: {ids}" if due else "no archived source is old enough: each is kept for 72 hours")


def _until(state: SourceState) -> str | None:
    from gbrain.services import registry

    at = state.source.archived_at
    return instant(at + registry.ARCHIVE_FOR) if at is not None else None
