"""How a call names a page: by citation, or by source and path."""

from __future__ import annotations

from gbrain.domain.source import is_source_id
from gbrain.mcp import schemas
from gbrain.mcp.failing import invalid
from gbrain.mcp.schemas import Schema, words
from gbrain.mcp.tools import Call
from gbrain.services.reading import read_page
from gbrain.services.showing import ShownPage

LONGEST_NAME = 5_000

NAMES: dict[str, Schema] = {
    "page": words(
        LONGEST_NAME, "The page as SOURCE:SLUG or SOURCE:PATH; a citation will do. Or give source_id and path."
    ),
    "source_id": schemas.SOURCE_ID,
    "path": words(LONGEST_NAME, "The page's path in the source source_id."),
}
"""The arguments."""


async def named_page(call: Call) -> ShownPage:
    """The page that the arguments name; raises ToolError where they name none, and NotFound where there is none."""
    source_id, name, by_path = _named(call)
    return await call.brain.ask(lambda conn: read_page(conn, call.access, source_id, name, by_path=by_path))


def _named(call: Call) -> tuple[str, str, bool]:
    page, source_id, path = (call.arguments.get(name) for name in NAMES)
    if page is None and source_id is not None and path is not None:
        return source_id, path, True
    if page is None or source_id is not None or path is not None:
        hint = "give page alone, such as wiki:guide, or source_id and path together"
        raise invalid("the page is not named, or named twice", hint)
    inner = page[1:-1] if page.startswith("[") and page.endswith("]") else page
    source, colon, name = inner.partition(":")
    if not colon or not name or not is_source_id(source):
        raise invalid(f"{page[:100]!r} is not SOURCE:SLUG or SOURCE:PATH", "give one such as wiki:guide")
    return source, name, False
