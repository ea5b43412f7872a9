"""`gbrain embed`: everything that lacks its vector gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import presentable, put, put_document, tell
from gbrain.cli.embed_report import put_embedded, put_weight, row, row_of_weight
from gbrain.cli.fill import filling
from gbrain.cli.options import Json, positive
from gbrain.cli.state import globals_of, here, settings_of, with_brain
from gbrain.domain.models import ModelState
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gbrain.app.brain import Brain
    from gbrain.app.filled_up import Embedded
    from gbrain.domain.events import Event
    from gbrain.services.weighing import Weight


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(embed)


def embed(
    context: typer.Context,
    sources: Annotated[
        list[str] | None, typer.Option("--source", help="Only of one source, by id.", metavar="ID")
    ] = None,
    all_sources: Annotated[bool, typer.Option("--all", help="Of every source, as without --source.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what was refused.")] = False,
    parallel: Annotated[str | None, typer.Option(help="How many requests are under way at most.", metavar="N")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; say what would be sent.")] = False,
    progress: Annotated[str, typer.Option(help="auto, plain, json or none.", metavar="FORM")] = "auto",
    as_json: Json = False,
) -> int:
    """Fill in the vectors that are missing, until none is."""
    named = _named(sources, all_sources=all_sources)
    cap = positive(parallel, "--parallel")
    if dry_run:
        _put_weights(_weights(context, named, retry_failed=retry_failed), as_json=as_json)
        return 0

    async def work(brain: Brain, emit: Callable[[Event], None]) -> list[Embedded]:
        from gbrain.app.embedding import run_embed

        return await run_embed(brain, named=named, here=here(), retry_failed=retry_failed, parallel=cap, emit=emit)

    done = filling(context, work, progress=progress, as_json=as_json, again="gbrain embed")
    if as_json:
        put_document({"dry_run": False, "models": [row(one) for one in done]})
    else:
        _put(context, done)
    return 0 if all(one.is_whole for one in done) else 1


def _named(sources: list[str] | None, *, all_sources: bool) -> str | None:
    if sources and len(sources) > 1:
        raise UsageError("--source is given more than once", hint="give one, or none for all of them")
    if sources and all_sources:
        raise UsageError("--source and --all do not go together", hint="give one of them")
    return sources[0] if sources else None


def _put(context: typer.Context, done: list[Embedded]) -> None:
    is_quiet = globals_of(context).quiet
    for one in done:
        put_embedded(one, only_trouble=is_quiet)
        if one.serves and one.was is ModelState.FILLING and not is_quiet:
            put(presentable(f"{one.model.name}: search uses it from now on"))
    wanted = settings_of(context).embedder
    if not is_quiet and wanted is not None and wanted not in [one.model.embedder for one in done]:
        tell(f"the embedder is set to {wanted}, which no model in use is of; gbrain models use {wanted} changes that")


def _weights(context: typer.Context, named: str | None, *, retry_failed: bool) -> list[Weight]:
    """What would be sent; where there is no brain yet there is nothing, and none is made."""
    from gbrain.app.brain import brain_exists
    from gbrain.app.embedding import check_embedder
    from gbrain.app.rehearsing import run_rehearsal
    from gbrain.services.resolving import resolve

    async def work(brain: Brain) -> list[Weight]:
        return await run_rehearsal(brain, named=named, here=here(), retry_failed=retry_failed)

    settings = settings_of(context)
    check_embedder(settings)
    if brain_exists(settings):
        return with_brain(context, work)
    if named is not None:
        resolve([], named=named, here=here())
    return []


def _put_weights(weights: list[Weight], *, as_json: bool) -> None:
    if as_json:
        put_document({"dry_run": True, "models": [row_of_weight(weight) for weight in weights]})
        return
    for weight in weights:
        put_weight(weight)
    if not weights:
        put("nothing to embed: there is no brain yet")
