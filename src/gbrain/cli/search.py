"""`gbrain search`: pages that answer, best first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import is_drawable, presentable, put, put_document, tell
from gbrain.cli.options import Json, positive
from gbrain.cli.state import globals_of, with_brain
from gbrain.documents.search import document, parts_of, snippet_of
from gbrain.domain.paths import display
from gbrain.domain.search import Asked, Found, Hit, Mode
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain

_FLAGS = ("--source", "--mode", "--limit", "--explain", "--eval", "--save", "--against", "--json", "--help")

_BOLD, _NOT_BOLD = "\x1b[1m", "\x1b[22m"

MOST = 1000
"""More pages than anybody asks for at once."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    settings = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
    app.command(context_settings=settings)(search)


def search(
    context: typer.Context,
    query: Annotated[list[str] | None, typer.Argument(metavar="QUERY…", show_default=False)] = None,
    source: Annotated[
        str | None, typer.Option(help="Look in these sources only; else in the federated ones.", metavar="ID[,ID…]")
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
    """Find pages by words and by what they mean."""
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
            return await searcher.search(asked)

    found = with_brain(context, work)
    if as_json:
        put_document(document(found, explain=explain))
        return
    for note in found.notes:
        tell(f"{note.message}{f'; {note.hint}' if note.hint else ''}")
    marking = is_drawable(sys.stdout) and not globals_of(context).no_color
    for number, hit in enumerate(found.hits):
        _put_hit(hit, is_first=number == 0, explain=explain, marking=marking)
    if not found.hits:
        put("nothing found")


def _put_hit(hit: Hit, *, is_first: bool, explain: bool, marking: bool) -> None:
    if not is_first:
        put("")
    put(f"{hit.citation}  {presentable(hit.title)}")
    put(f"  {display(hit.path)}:{_lines(hit)}  {hit.score:.3f}")
    put(f"  {_snippet(hit, marking=marking)}")
    if explain:
        put("  " + ", ".join(f"{presentable(part)} {value:.3f}" for part, value in parts_of(hit)))


def _snippet(hit: Hit, *, marking: bool) -> str:
    """What matched is in bold on a terminal, unless a credential had to be taken out."""
    found = snippet_of(hit)
    shown = presentable(found.text)
    return found.marked(_BOLD, _NOT_BOLD) if marking and shown == found.text else shown


def _lines(hit: Hit) -> str:
    return str(hit.first_line) if hit.first_line == hit.last_line else f"{hit.first_line}-{hit.last_line}"


def _check_is_no_flag(word: str) -> None:
    """Words that begin with dashes may be asked for; one that is nearly a flag is a mistake."""
    if not word.startswith("--"):
        return
    from difflib import get_close_matches

    if get_close_matches(word.partition("=")[0], _FLAGS, cutoff=0.75):
        raise UsageError(f"No such option: {word}", hint="see: gbrain search --help")


def _mode(given: str) -> Mode:
    try:
        return Mode(given)
    except ValueError:
        raise UsageError(f"--mode is {given!r}", hint="give hybrid, keyword or vector") from None


def _sources(given: str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    found = tuple(dict.fromkeys(one.strip() for one in given.split(",") if one.strip()))
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
