"""`gbrain show`: one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.cli.answer import counted, presentable, put, put_document
from gbrain.cli.options import Json
from gbrain.cli.state import settings_of, with_brain
from gbrain.domain.paths import display
from gbrain.domain.redaction import visible

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.services.relating import Relations
    from gbrain.services.showing import ShownPage

MOST_LISTED = 20
"""So many pages that it links to, or that link to it, are named in the text."""

_ASKED_FOR = ("type", "tags", "tag", "date", "created", "created_at", "published", "updated")
_LONGEST_VALUE = 100


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(show)


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[SOURCE:]SLUG-OR-PATH", show_default=False)],
    as_json: Json = False,
) -> None:
    """A page's text, as it is at the source's bookmark."""
    from gbrain.services.relating import Direction, relations
    from gbrain.services.showing import show_page, shown_path

    default = settings_of(context).source

    async def work(brain: Brain) -> tuple[ShownPage, Relations]:
        page = await brain.ask(lambda conn: show_page(conn, default, name))
        return page, await brain.ask(lambda conn: relations(conn, page, list(Direction)))

    page, related = with_brain(context, work)
    if as_json:
        put_document({"page": _document(page, related)})
        return
    found = page.head
    put(f"{found.source_id}:{found.slug}  {presentable(found.title)}")
    counts = f"{counted(len(page.chunks), 'chunk')}, {counted(len(page.links), 'link')}"
    put(f"{shown_path(found)}, {found.kind}, {counts}, from line {found.body_line}")
    if said := _said(found.front_matter or {}):
        put(said)
    for direction, words in ((Direction.OUT, "links to"), (Direction.IN, "linked from")):
        if slugs := [one.page.slug for one in related.related if one.direction is direction]:
            put(f"{words}: {_listed(slugs)}")
    if page.pending:
        put(f"{counted(len(page.pending), 'chunk')} of it {'waits' if len(page.pending) == 1 else 'wait'} for a vector")
    put("")
    put(visible(page.body, newlines="keep").rstrip("\n"))


def _said(matter: dict[str, Any]) -> str:
    """What the front matter says that a search can ask for, in one line: the type, the tags, the date."""
    shown = {key: _value(matter[key]) for key in _ASKED_FOR if key in matter}
    return "  ".join(f"{key}: {value}" for key, value in shown.items() if value)


def _value(value: object) -> str:
    values = value if isinstance(value, list) else [value]
    text = ", ".join(str(one) for one in values if isinstance(one, str | int | float))
    return presentable(text) if len(text) <= _LONGEST_VALUE else presentable(text)[:_LONGEST_VALUE] + "…"


def _listed(slugs: list[str]) -> str:
    more = f" and {len(slugs) - MOST_LISTED:,} more" if len(slugs) > MOST_LISTED else ""
    return ", ".join(slugs[:MOST_LISTED]) + more


def _document(page: ShownPage, related: Relations) -> dict[str, object]:
    from gbrain.services.showing import shown_path

    found = page.head
    return {
        "source_id": found.source_id,
        "slug": found.slug,
        "path": shown_path(found),
        "kind": found.kind,
        "title": found.title,
        "front_matter": found.front_matter,
        "body_line": found.body_line,
        "body": page.body,
        "chunks": [
            {
                "ordinal": chunk.ordinal,
                "headings": chunk.headings,
                "first_line": chunk.first_line,
                "last_line": chunk.last_line,
                "bytes": len(chunk.text.encode()),
                "pending": chunk.ordinal in page.pending,
            }
            for chunk in page.chunks
        ],
        "links": [{"kind": link.kind, "target": link.target, "line": link.line} for link in page.links],
        "related": [
            {
                "direction": one.direction.value,
                "slug": one.page.slug,
                "path": display(one.page.path),
                "title": one.page.title,
                "lines": sorted({link.line for link in one.links}),
            }
            for one in related.related
        ],
        "links_elsewhere": related.elsewhere,
    }
