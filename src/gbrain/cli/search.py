"""`gbrain search`: pages that answer, best first."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer
from typer.core import TyperCommand

from gbrain.cli.answer import is_drawable, put_document, tell
from gbrain.cli.options import Json, parted, positive
from gbrain.cli.search_hits import put_hits
from gbrain.cli.state import globals_of, with_brain
from gbrain.documents.search import document
from gbrain.domain.search import Asked, Found, Mode, Note
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain

_FLAGS = ("--source", "--mode", "--limit", "--explain", "--eval", "--save", "--against", "--json", "--help")

_NO_SOURCES = Note(code="no_sources", message="there are no sources yet", hint="gbrain sources add ID --path DIR")

MOST = 1000
"""More pages than anybody asks for at once."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    settings = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
    app.command(cls=_Search, context_settings=settings)(search)


class _Search(TyperCommand):
    """Takes `-h` for help where it is the only word: beside others it is one that is not wanted."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words and flags."""
        rest = super().parse_args(ctx, [*args])
        is_help = list(ctx.params.get("query") or ()) == ["-h"] and "--" not in args
        return super().parse_args(ctx, ["--help"]) if is_help else rest


def search(
    context: typer.Context,
    query: Annotated[list[str] | None, typer.Argument(metavar="QUERY…", show_default=False)] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Look in these sources only; else in the federated ones. May be repeated.", metavar="ID[,ID…]"
        ),
    ] = None,
    mode: Annotated[str, typer.Option(help="hybrid, keyword or vector.", metavar="MODE")] = "hybrid",
    limit: Annotated[str, typer.Option(help="How many pages at most.", metavar="N")] = "10",
    explain: Annotated[bool, typer.Option("--explain", help="Show what each score is made of.")] = False,
    eval_: Annotated[
        Path | None, typer.Option("--eval", help="Ask the judged queries of a file, and measure the answers.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="With --eval: keep how they were answered in a file.")] = None,
    against: Annotated[Path | None, typer.Option(help="With --eval: compare with what --save has kept.")] = None,
    as_json: Json = False,
) -> None:
    """Find pages by words and by what they mean.

    Words in "quotes" are a phrase, -word leaves out pages that have it, and source: type: tag: path: after: before:
    narrow, as in: gbrain search pager '"on call"' -draft tag:operations after:2026-05

    docs/reference/query.md has all of it.
    """
    asked = Asked(
        query=" ".join(query or []),
        mode=_mode(mode),
        sources=_sources(source),
        limit=_limit(limit),
    )
    for word in query or []:
        _check_is_no_flag(word)
    if eval_ is not None:
        if query:
            raise UsageError("--eval asks what is in its file", hint="leave the words out")
        if explain:
            raise UsageError("--explain is about one search, not --eval", hint="gbrain search WORDS… --explain")
        from gbrain.cli.search_eval import evaluate

        evaluate(context, asked, eval_, save=save, against=against, as_json=as_json)
        return
    if save is not None or against is not None:
        raise UsageError("--save and --against are about --eval", hint="gbrain search --eval FILE")
    if not asked.query.strip():
        raise UsageError("there is nothing to search for", hint="gbrain search WORDS…")

    async def work(brain: Brain) -> Found:
        from gbrain.app.searching import searching

        async with searching(brain) as searcher:
            found = await searcher.search(asked)
        if found.hits:
            return found
        from gbrain.services import registry

        return found if await brain.ask(registry.all_sources) else replace(found, notes=(_NO_SOURCES,))

    found = with_brain(context, work)
    if as_json:
        put_document(document(found, explain=explain))
        return
    for note in found.notes:
        tell(f"{note.message}{f'; {note.hint}' if note.hint else ''}")
    marking = is_drawable(sys.stdout) and not globals_of(context).no_color
    put_hits(found.hits, explain=explain, marking=marking)


def _check_is_no_flag(word: str) -> None:
    """Words that begin with dashes may be asked for; one that is nearly a flag is a mistake."""
    if not word.startswith("--"):
        return
    from difflib import get_close_matches

    if near := get_close_matches(word.partition("=")[0], _FLAGS, n=1, cutoff=0.75):
        raise UsageError(f"No such option: {word}", hint=f"did you mean {near[0]}? see: gbrain search --help")


def _mode(given: str) -> Mode:
    try:
        return Mode(given)
    except ValueError:
        raise UsageError(f"--mode is {given!r}", hint="give hybrid, keyword or vector") from None


def _sources(given: list[str] | None) -> tuple[str, ...] | None:
    if not given:
        return None
    found = tuple(one for one in parted(given) if one)
    if not found:
        raise UsageError("--source names none", hint="give ids with commas between them")
    return found


def _limit(given: str) -> int:
    found = positive(given, "--limit") or 10
    if found > MOST:
        raise UsageError(
            f"--limit is {found:,}, more than {MOST:,}", hint="ask for fewer, or for more with other words"
        )
    return found
