"""`gbrain sources failures`: what could not be taken in, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.cli.answer import instant, presentable, put, put_document
from gbrain.cli.options import Json, MaybeId
from gbrain.cli.state import with_brain
from gbrain.domain.paths import display

if TYPE_CHECKING:
    from gbrain.services.registry import Failure


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(failures)


def failures(
    context: typer.Context,
    source_id: MaybeId = None,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="What was left out for what it is, too: binaries, links and the like.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What could not be taken in, and why."""
    from gbrain.services import registry

    found = with_brain(
        context, lambda brain: brain.ask(lambda conn: registry.failures(conn, source_id, with_skipped=skipped))
    )
    if as_json:
        put_document({"failures": [_document(failure) for failure in found]})
        return
    for failure in found:
        what = f"{failure.reason} ({failure.state}): {presentable(failure.detail)}"
        put(f"{failure.source_id}: {display(failure.path)}: {what}")
    if not found:
        put("no failures" if not skipped else "no failures, and nothing skipped")


def _document(failure: Failure) -> dict[str, Any]:
    return {
        "source_id": failure.source_id,
        "path": display(failure.path),
        "reason": failure.reason,
        "detail": presentable(failure.detail),
        "state": failure.state,
        "blob": failure.blob,
        "first_seen_at": instant(failure.first_seen_at),
    }
