"""`gbrain search`: pages that answer, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import presentable, put, put_document, tell
from gbrain.cli.options import Json, positive
from gbrain.cli.state import with_brain
from gbrain.domain.paths import display
from gbrain.domain.search import Asked, Found, Hit, Mode
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.domain.snippets import Snippet

MOST = 1000
"""More pages than anybody asks for at once."""

_OPENING, _CLOSING = "\x1b[1m", "\x1b[22m"


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
    as_json: Json = False,
) -> None:
    """Find pages by words and by what they mean."""
    asked = Asked(
        query=" ".join(query or []),
        mode=_mode(mode),
        sources=_sources(source),
        limit=_limit(limit),
    )
    if unknown := next((word for word in query or [] if word.startswith("--")), None):
        raise UsageError(f"No such option: {unknown}", hint="see: gbrain search --help")
    if not asked.query.strip():
        raise UsageError("there is nothing to search for", hint="gbrain search WORDS…")

    async def work(brain: Brain) -> Found:
        from gbrain.app.searching import searching

        async with searching(brain) as searcher:
            return await searcher.search(asked)

    found = with_brain(context, work)
    if as_json:
        put_document(_document(found, explain=explain))
        return
    for note in found.notes:
        tell(f"{note.message}{f'; {note.hint}' if note.hint else ''}")
    for number, hit in enumerate(found.hits):
        _put_hit(hit, is_first=number == 0, explain=explain)
    if not found.hits:
        put("nothing found")


def _put_hit(hit: Hit, *, is_first: bool, explain: bool) -> None:
    if not is_first:
        put("")
    put(f"{hit.citation}  {presentable(hit.title)}")
    put(f"  {display(hit.path)}:{_lines(hit)}  {hit.score:.3f}")
    put(f"  {presentable(shown(hit).text)}")
    if explain:
        put("  " + ", ".join(f"{presentable(part)} {value:.3f}" for part, value in _parts(hit)))


def shown(hit: Hit) -> Snippet:
    """The stretch of the passage that shows best why it was found."""
    from gbrain.domain.lexing import located
    from gbrain.domain.snippets import Span, snippet

    spans = [
        Span(start, end, hit.parts[lexeme], lexeme) for start, end, lexeme in located(hit.text) if lexeme in hit.parts
    ]
    return snippet(hit.text, spans)


def _parts(hit: Hit) -> list[tuple[str, float]]:
    return sorted(hit.parts.items(), key=lambda part: -part[1])


def _lines(hit: Hit) -> str:
    return str(hit.first_line) if hit.first_line == hit.last_line else f"{hit.first_line}-{hit.last_line}"


def _document(found: Found, *, explain: bool) -> dict[str, object]:
    return {
        "mode": found.mode.value,
        "notes": [{"code": note.code, "message": note.message, "hint": note.hint} for note in found.notes],
        "results": [_described(hit, explain=explain) for hit in found.hits],
    }


def _described(hit: Hit, *, explain: bool) -> dict[str, object]:
    snippet = shown(hit)
    return {
        "source_id": hit.source_id,
        "slug": hit.slug,
        "path": display(hit.path),
        "title": hit.title,
        "headings": list(hit.headings),
        "snippet": snippet.text,
        "marks": [list(mark) for mark in snippet.marks],
        "lines": [hit.first_line, hit.last_line],
        "score": round(hit.score, 6),
        "citation": hit.citation,
        "parts": {part: round(value, 6) for part, value in _parts(hit)} if explain else None,
    }


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
