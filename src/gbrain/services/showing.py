"""A page as it is shown: found by slug or path, its body put together from its chunks."""

from __future__ import annotations

from dataclasses import dataclass

from gbrain.domain.paths import display, parse
from gbrain.errors import NotFound, UsageError
from gbrain.store import pages
from gbrain.store.connection import Connection
from gbrain.store.pages import PageHead, StoredChunk, StoredLink


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPage:
    """A page with all that stands in it."""

    head: PageHead
    chunks: list[StoredChunk]
    links: list[StoredLink]

    @property
    def body(self) -> str:
        """The text after the front matter, to the character."""
        return "".join(chunk.text for chunk in self.chunks)


async def show_page(conn: Connection, source_id: str | None, name: str) -> ShownPage:
    """The page of this slug or path; raises NotFound, or UsageError where several sources have one."""
    found = await pages.find(conn, source_id=source_id, slug=name, path=parse(name))
    by_slug = [head for head in found if head.slug == name] or found
    if not by_slug:
        where = f" in source {source_id}" if source_id else ""
        raise NotFound(f"there is no page {name!r}{where}", hint="a page is named by slug or path, as SOURCE:SLUG")
    if len({head.source_id for head in by_slug}) > 1:
        choices = ", ".join(f"{head.source_id}:{head.slug}" for head in by_slug)
        raise UsageError(f"several sources have a page {name!r}", hint=f"say which: {choices}")
    head = by_slug[0]
    chunks, links = await pages.chunks(conn, head.id), await pages.links(conn, head.id)
    return ShownPage(head=head, chunks=chunks, links=links)


def shown_path(head: PageHead) -> str:
    """The page's path as text."""
    return display(head.path)
