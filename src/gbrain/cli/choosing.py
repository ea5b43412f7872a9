"""`gbrain sources current`, `default`, `attach` and `detach`: which source a command means when none is named."""

from __future__ import annotations

import typer

from gbrain.cli.answer import presentable, put, put_document
from gbrain.cli.changing import put_source
from gbrain.cli.options import Id, Json
from gbrain.cli.state import here, settings_of, with_brain


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (attach, detach, current, default):
        app.command()(command)


def attach(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Mean this source in this folder and below: writes `.gbrain-source` into it."""
    from gbrain.services import registry, resolving

    states = with_brain(context, lambda brain: brain.ask(registry.all_sources))
    meant = resolving.resolve(states, named=source_id, here=here())
    file = resolving.attach(here(), meant.source.id)
    _put(meant.source.id, f"{file} says so", as_json=as_json)


def detach(as_json: Json = False) -> None:
    """Remove the `.gbrain-source` of this folder."""
    from gbrain.services import resolving

    file = resolving.detach(here())
    if as_json:
        put_document({"sources": []})
        return
    put(presentable(f"removed {file}"))


def current(context: typer.Context, as_json: Json = False) -> None:
    """The source that is meant here when none is named, and why."""
    from gbrain.services import registry, resolving

    settings = settings_of(context)
    states = with_brain(context, lambda brain: brain.ask(registry.all_sources))
    meant = resolving.resolve(states, named=settings.source, here=here())
    because = "GBRAIN_SOURCE says so" if settings.source else meant.because
    _put(meant.source.id, because, as_json=as_json)


def default(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Mean this source wherever none is named and none follows from the folder."""
    from gbrain.services import registry

    put_source(
        with_brain(context, lambda brain: brain.ask(lambda conn: registry.make_default(conn, source_id))),
        as_json=as_json,
    )


def _put(source_id: str, because: str, *, as_json: bool) -> None:
    if as_json:
        put_document({"sources": [{"source_id": source_id, "because": presentable(because)}]})
        return
    put(presentable(f"{source_id}: {because}"))
