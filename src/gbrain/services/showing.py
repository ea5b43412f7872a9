"""A page as it is shown: found by slug or path, its body put together from its chunks."""

from __future__ import annotations

from dataclasses import dataclass

from gbrain.domain.paths import display, parse
from gbrain.domain.source import is_source_id
from gbrain.errors import NotFound, UsageError
from gbrain.services.near import near_pages
from gbrain.services.resolving import unknown
from gbrain.store import pages, sources
from gbrain.store.connection import Connection
from gbrain.store.pages import PageHead, StoredChunk, StoredLink


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPage:
    """A page with all that stands in it."""

    head: PageHead
    chunks: list[StoredChunk]
    links: list[StoredLink]
    pending: set[int]
    """Which chunks wait for a vector of the active model, by ordinal."""

    @property
    def body(self) -> str:
        """The text after the front matter, to the character."""
        return "".join(chunk.text for chunk in self.chunks)


async def show_page(conn: Connection, default: str | None, name: str) -> ShownPage:
    """The page of this slug or path, of the source named before a colon, else of `default`, else of any.

    It may stand in brackets, as a page is cited.
    Raises NotFound, or UsageError where several sources have one.
    """
    found = await _named(conn, default, name)
    if not found and name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
        found = await _named(conn, default, name)
    if not found:
        raise await _without_page(conn, default, name)
    head = _the_one(found, name)
    chunks, links = await pages.chunks(conn, head.id), await pages.links(conn, head.id)
    return ShownPage(head=head, chunks=chunks, links=links, pending=await pages.pending(conn, head.id))


def shown_path(head: PageHead) -> str:
    """The page's path as text."""
    return display(head.path)


async def _named(conn: Connection, default: str | None, name: str) -> list[PageHead]:
    """The pages the words may mean. A path may hold a colon too: the whole is tried where the rest names nothing."""
    source_id, colon, rest = name.partition(":")
    named = await _find(conn, source_id, rest) if colon and is_source_id(source_id) else []
    return named or await _find(conn, default, name)


async def _find(conn: Connection, source_id: str | None, name: str) -> list[PageHead]:
    # What is not UTF-8 is in no slug.
    slug = name.encode("utf-8", "replace").decode()
    found = await pages.find(conn, source_id=source_id, slug=slug, path=parse(name))
    return [head for head in found if head.slug == slug] or found


async def _without_page(conn: Connection, default: str | None, name: str) -> NotFound:
    """Why there is no such page, as far as that is known."""
    source_id, colon, rest = name.partition(":")
    is_named = bool(colon) and is_source_id(source_id)
    noted = await pages.noted(conn, source_id=source_id, path=parse(rest)) if is_named else None
    noted = noted or await pages.noted(conn, source_id=default, path=parse(name))
    if noted is not None:
        how = "was skipped" if noted.state == "skipped" else "could not be taken in"
        hint = f"see: gbrain sources failures {noted.source_id} --skipped"
        return NotFound(f"{name!r} {how}: {noted.reason}: {noted.detail}", hint=hint)
    if is_named and (state := await sources.one(conn, source_id)) is None:
        return unknown(source_id, [known.source.id for known in await sources.all_sources(conn)])
    if is_named and state is not None and state.source.archived_at is not None:
        return NotFound(f"{source_id} is archived", hint=f"gbrain sources restore {source_id}")
    near = await near_pages(conn, source_id if is_named else default, rest if is_named else name)
    meant = f"perhaps {' or '.join(near)} is meant" if near else "a page is named by slug or path, as SOURCE:SLUG"
    return NotFound(f"there is no page {name!r}", hint=f"{meant}: gbrain search WORDS… finds pages")


def _the_one(found: list[PageHead], name: str) -> PageHead:
    if len({head.source_id for head in found}) > 1:
        choices = ", ".join(f"{head.source_id}:{head.slug}" for head in found)
        raise UsageError(f"several sources have a page {name!r}", hint=f"say which: {choices}")
    return found[0]
