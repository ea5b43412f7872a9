"""`gbrain sources status`: the dashboard."""

from __future__ import annotations

from typing import Annotated

import typer

from gbrain.cli.answer import put_document
from gbrain.cli.options import Json
from gbrain.cli.state import globals_of, settings_of, with_brain
from gbrain.domain.health import Health
from gbrain.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Show it every 2 seconds until told to stop.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if any enabled source is not ok.")] = False,
    as_json: Json = False,
) -> int:
    """How fresh and how complete each source is, the worst first."""
    flags = globals_of(context)
    if watch:
        if check:
            raise UsageError("--watch and --check do not go together", hint="give --check alone: it looks once")
        from gbrain.cli import status_watch

        status_watch.watch(settings_of(context), quiet=flags.quiet, color=not flags.no_color, as_json=as_json)
        return 0
    from gbrain.cli.status_surfaces import put_table, seen_by
    from gbrain.documents.status import document
    from gbrain.services.status import read_dashboard

    found = seen_by(settings_of(context), with_brain(context, lambda brain: brain.ask(read_dashboard)))
    if as_json:
        put_document(document(found))
    else:
        put_table(found, color=not flags.no_color)
    return int(check and any(row.status.enabled and row.health is not Health.OK for row in found.sources))
