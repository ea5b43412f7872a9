"""`gbrain init` and `gbrain destroy`: the brain as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import presentable, put, put_document
from gbrain.cli.options import Json
from gbrain.cli.state import settings_of, with_brain
from gbrain.errors import ConfirmationNeeded, UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(destroy)


def init(context: typer.Context, as_json: Json = False) -> None:
    """Make the brain, or see that it is there: harmless to repeat."""
    from gbrain.services.about import describe

    settings = settings_of(context)

    async def look(brain: Brain) -> tuple[bool, int, str]:
        return brain.is_new, *await brain.ask(describe)

    is_new, version, server = with_brain(context, look)
    place = presentable(settings.database_url or str(settings.home))
    if as_json:
        kind = "served" if settings.database_url else "embedded"
        put_document({"brain": {"kind": kind, "place": place, "schema_version": version, "server_version": server}})
        return
    put(f"{'new brain' if is_new else 'brain'} in {place}: schema {version}, PostgreSQL {server}, with pgvector")
    put("next: gbrain sources add ID --path DIR, then gbrain sync --all")


def destroy(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the embedded brain of this home: database and mirrors. The repositories are not touched."""
    from gbrain.app.brain import destroy_embedded

    settings = settings_of(context)
    if settings.database_url:
        raise UsageError(
            "destroy deletes an embedded brain, and this one is served",
            hint="drop its schema with psql: DROP SCHEMA gbrain CASCADE",
        )
    if not yes:
        raise ConfirmationNeeded(
            f"this would delete the brain in {settings.home}: its database and mirrors",
            hint="add --yes to do it",
        )
    was_there = destroy_embedded(settings)
    home = presentable(str(settings.home))
    if as_json:
        put_document({"destroyed": was_there, "home": home})
    else:
        put(f"the brain in {home} is deleted" if was_there else f"there was no brain in {home}")
