"""`gbrain sources add` and the commands that change what a source is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.cli.answer import presentable, put, put_document
from gbrain.cli.described import described, place
from gbrain.cli.options import Id, Json
from gbrain.cli.progress_words import span
from gbrain.cli.source_flags import with_settings
from gbrain.cli.state import settings_of, with_brain
from gbrain.domain.source import SourceState
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.services.source_settings import Told


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("add")(with_settings(add))
    app.command("set")(with_settings(set_))
    for command in (enable, disable, federate, isolate, rename):
        app.command()(command)


def add(context: typer.Context, source_id: str, what: Told, as_json: bool) -> None:
    """Register a repository, by path or by URL."""
    from gbrain.services import registry

    allow = settings_of(context).allow_private_hosts
    state = with_brain(
        context,
        lambda brain: brain.ask(lambda conn: registry.add_source(conn, source_id, what, allow_private_hosts=allow)),
    )
    if as_json:
        put_document({"sources": [described(state)]})
        return
    is_on = state.source.enabled
    put(f"added {source_id}: {presentable(place(state))}")
    put(f"next: gbrain sync --source {source_id}" if is_on else f"next: gbrain sources enable {source_id}")


def set_(context: typer.Context, source_id: str, what: Told, as_json: bool) -> None:
    """Change a source's settings; the next sync ends as if it had always had them."""
    if all(getattr(what, name) is None for name in what.__dataclass_fields__):
        raise UsageError("nothing is said to be changed", hint="give a flag: gbrain sources set --help lists them")
    _change(context, source_id, what, as_json=as_json)


def enable(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Let sync take the source in again."""
    _change_one(context, source_id, as_json=as_json, enabled=True)


def disable(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Leave the source out of sync; what is in stays and is found."""
    _change_one(context, source_id, as_json=as_json, enabled=False)


def federate(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Search the source also when no source is named."""
    _change_one(context, source_id, as_json=as_json, federated=True)


def isolate(context: typer.Context, source_id: Id, as_json: Json = False) -> None:
    """Search the source only when it is named."""
    _change_one(context, source_id, as_json=as_json, federated=False)


def rename(
    context: typer.Context,
    source_id: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    as_json: Json = False,
) -> None:
    """Give the source another name for people. Its id is for ever."""
    _change_one(context, source_id, as_json=as_json, name=name)


def put_source(state: SourceState, *, as_json: bool) -> None:
    """The source as it is now."""
    if as_json:
        put_document({"sources": [described(state)]})
        return
    source = state.source
    words = [
        presentable(place(state)),
        source.strategy.value,
        *([f"include {', '.join(source.include)}"] if source.include else []),
        *([f"exclude {', '.join(source.exclude)}"] if source.exclude else []),
        *([f"stale after {span(source.max_age)}"] if source.max_age else []),
        *([f"every {span(source.interval)} at least"] if source.interval else []),
        "federated" if source.federated else "isolated",
        "enabled" if source.enabled else "disabled",
        *(["archived"] if source.archived_at else []),
        *(["default"] if source.is_default else []),
    ]
    put(presentable(f"{source.id} ({source.name}): {', '.join(words)}"))


def _change_one(context: typer.Context, source_id: str, *, as_json: bool, **field: Any) -> None:
    from gbrain.services.source_settings import Told

    _change(context, source_id, Told(**field), as_json=as_json)


def _change(context: typer.Context, source_id: str, what: Told, *, as_json: bool) -> None:
    from gbrain.services import registry

    allow = settings_of(context).allow_private_hosts
    state = with_brain(
        context,
        lambda brain: brain.ask(lambda conn: registry.change_source(conn, source_id, what, allow_private_hosts=allow)),
    )
    put_source(state, as_json=as_json)
