"""`gbrain models …`: which there are and how far each is, another one put to use, and one dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import presentable, put, put_document
from gbrain.cli.embed_report import put_embedded, row
from gbrain.cli.fill import filling
from gbrain.cli.models_table import described, put_refusals, put_table, size
from gbrain.cli.options import Json, positive
from gbrain.cli.state import globals_of, settings_of, with_brain
from gbrain.errors import ConfirmationNeeded, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gbrain.app.brain import Brain
    from gbrain.app.using import Used
    from gbrain.domain.events import Event

app = typer.Typer(help="What makes vectors, and how far each is.", invoke_without_command=True)


def register(to: typer.Typer) -> None:
    """Add `models` with its commands."""
    to.add_typer(app, name="models")


MOST_REFUSALS = 1000
"""More refused texts of a model than anybody reads."""

Refused = Annotated[bool, typer.Option("--refused", help="Show the texts that a provider refuses, and why.")]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@app.callback()
def models(context: typer.Context, refused: Refused = False, as_json: Json = False) -> None:
    """Models: what makes vectors, and how far each is. Without a word after it, `list`."""
    if context.invoked_subcommand is None:
        list_(context, refused, as_json)
    elif refused or as_json:
        raise UsageError("flags come last", hint=f"put them behind: gbrain models {context.invoked_subcommand} …")


@app.command("list")
def list_(context: typer.Context, refused: Refused = False, as_json: Json = False) -> None:
    """Every model: its state, how much of the brain it covers, and the room it takes."""
    from gbrain.services import models

    most = MOST_REFUSALS if refused else None
    found = with_brain(context, lambda brain: brain.ask(lambda conn: models.shown(conn, most_refusals=most)))
    if as_json:
        put_document({"models": [described(one) for one in found]})
        return
    if not refused:
        put_table(found, settings_of(context))
        return
    for one in found:
        put_refusals(one)
    if not any(one.refusals for one in found):
        put("no text is refused")


@app.command()
def use(
    context: typer.Context,
    name: Name,
    parallel: Annotated[str | None, typer.Option(help="How many requests are under way at most.", metavar="N")] = None,
    despite_refused: Annotated[
        bool, typer.Option("--despite-refused", help="Switch though the provider refuses some of the texts.")
    ] = False,
    progress: Annotated[str, typer.Option(help="auto, plain, json or none.", metavar="FORM")] = "auto",
    as_json: Json = False,
) -> int:
    """Fill another model while the one in use serves search, and switch when nothing lacks its vector."""
    cap = positive(parallel, "--parallel")

    async def work(brain: Brain, emit: Callable[[Event], None]) -> Used:
        from gbrain.app.using import run_use

        return await run_use(brain, name, parallel=cap, despite_refused=despite_refused, emit=emit)

    used = filling(context, work, progress=progress, as_json=as_json, again=f"gbrain models use {name}")
    done = used.embedded
    is_fine = used.was_active or done.is_whole
    if as_json:
        before = presentable(used.before.name) if used.before is not None else None
        put_document({"before": before, "switched": done.serves and not used.was_active, "models": [row(done)]})
    elif not (globals_of(context).quiet and is_fine):
        _put_used(used, name)
    return 0 if is_fine else 1


@app.command()
def drop(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a model that is not in use, with its vectors."""
    from gbrain.services import models

    work = models.drop if yes else models.idle
    found = with_brain(context, lambda brain: brain.ask(lambda conn: work(conn, name)))
    what = ", ".join(f"{one.model.name} ({size(one.size_bytes)})" for one in found)
    if not yes:
        raise ConfirmationNeeded(f"this would delete the vectors of {what} for good", hint="add --yes to do it")
    if as_json:
        rows = [{"model": presentable(one.model.name), "size_bytes": one.size_bytes, "dropped": True} for one in found]
        put_document({"models": rows})
        return
    put(presentable(f"dropped: {what}"))


def _put_used(used: Used, name: str) -> None:
    done, before = used.embedded, used.before
    if used.was_active:
        put(presentable(f"{done.model.name} is active already: search uses it"))
        if done.left.left:
            put(f"{done.left.left:,} texts wait for their vectors: gbrain embed")
        return
    put_embedded(done)
    if done.serves and before is not None and before.id != done.model.id:
        put(presentable(f"switched from {before.name} to {done.model.name}"))
    elif not done.serves:
        if done.left.refused and not done.left.left:
            put(f"to switch without them: gbrain models use {name} --despite-refused")
        still = f"search uses {before.name} until then" if before is not None else "search has none until then"
        put(presentable(f"{still}; gbrain models use {name} goes on from here"))
