"""`gbrain show`: one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import counted, presentable, put, put_document
from gbrain.cli.options import Json
from gbrain.cli.state import settings_of, with_brain
from gbrain.domain.redaction import visible

if TYPE_CHECKING:
    from gbrain.services.showing import ShownPage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(show)


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[SOURCE:]SLUG-OR-PATH", show_default=False)],
    as_json: Json = False,
) -> None:
    """A page's text, as it is at the source's bookmark."""
    from gbrain.services.showing import show_page, shown_path

    default = settings_of(context).source

    page = with_brain(context, lambda brain: brain.ask(lambda conn: show_page(conn, default, name)))
    if as_json:
        put_document({"page": _document(page)})
        return
    found = page.head
    put(f"{found.source_id}:{found.slug}  {presentable(found.title)}")
    counts = f"{counted(len(page.chunks), 'chunk')}, {counted(len(page.links), 'link')}"
    put(f"{shown_path(found)}, {found.kind}, {counts}, from line {found.body_line}")
    put("")
    put(visible(page.body, newlines="keep").rstrip("\n"))


def _document(page: ShownPage) -> dict[str, object]:
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
            }
            for chunk in page.chunks
        ],
        "links": [{"kind": link.kind, "target": link.target, "line": link.line} for link in page.links],
    }
