"""The pages that a page links to, and those that link to it: looked up when asked, as the source is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gbrain.domain.linking import Directory, Place, Wanted, wanted, words_of
from gbrain.domain.slugs import base_slug
from gbrain.services.showing import ShownPage
from gbrain.store import reading
from gbrain.store.connection import Connection
from gbrain.store.pages import StoredLink

MOST_LINKS = 2_000
"""More links of a page, or that may mean it, are not looked at."""
_MOST_NAMED = 10_000


class Direction(StrEnum):
    """Which of two pages has the link."""

    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another page of the source, with the links that make it related: on the page itself, or on the other."""

    direction: Direction
    page: Place
    links: list[StoredLink]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """What a page is related to, by direction and slug.

    `elsewhere` counts its links that lead to no page of the source. `is_cut`: some links were not looked at.
    """

    related: list[Related]
    elsewhere: int
    is_cut: bool


async def relations(conn: Connection, page: ShownPage, directions: Iterable[Direction]) -> Relations:
    """What the page is related to in these directions."""
    me = Place(
        page_id=page.head.id, path=page.head.path, slug=page.head.slug, kind=page.head.kind, title=page.head.title
    )
    source_id, found, elsewhere, is_cut = page.head.source_id, [], 0, False
    if Direction.OUT in directions:
        links = page.links[:MOST_LINKS]
        places = await _meant(conn, source_id, [(me, link) for link in links])
        elsewhere, is_cut = places.count(None), len(page.links) > MOST_LINKS
        found += _grouped(Direction.OUT, zip(places, links, strict=True), me)
    if Direction.IN in directions:
        words, of_folder = words_of(me)
        like = await reading.links_like(
            conn, source_id, me.page_id, words=words, of_folder=of_folder, limit=MOST_LINKS + 1
        )
        is_cut = is_cut or len(like) > MOST_LINKS
        places = await _meant(conn, source_id, [(one.page, one.link) for one in like[:MOST_LINKS]])
        mine = [one for one, place in zip(like, places, strict=False) if place is not None and place.path == me.path]
        found += _grouped(Direction.IN, ((one.page, one.link) for one in mine), me)
    return Relations(related=found, elsewhere=elsewhere, is_cut=is_cut)


def _grouped(direction: Direction, links: Iterable[tuple[Place | None, StoredLink]], me: Place) -> list[Related]:
    """Each other page once, by slug."""
    groups: dict[int, Related] = {}
    for place, link in links:
        if place is not None and place.page_id != me.page_id:
            group = groups.setdefault(place.page_id, Related(direction=direction, page=place, links=[]))
            group.links.append(link)
    return sorted(groups.values(), key=lambda related: related.page.slug)


async def _meant(conn: Connection, source_id: str, links: Sequence[tuple[Place, StoredLink]]) -> list[Place | None]:
    """The page of the source that each link means, None where it means none."""
    what = [wanted(link.kind, link.target, place.path) for place, link in links]
    directory = Directory(await _candidates(conn, source_id, [one for one in what if one is not None]))
    return [
        None if one is None else directory.find(one, place.path) for one, (place, _) in zip(what, links, strict=True)
    ]


async def _candidates(conn: Connection, source_id: str, what: Sequence[Wanted]) -> list[Place]:
    paths = list(dict.fromkeys(path for one in what for path in one.paths))
    found = await reading.pages_at(conn, source_id, paths) if paths else []
    names = list(dict.fromkeys(one.name for one in what if one.name is not None))
    if names:
        words = list(dict.fromkeys(base_slug(f"{name}.md".encode()).rpartition("/")[2] for name in names))
        found += await reading.pages_named(conn, source_id, words=words, titles=names, limit=_MOST_NAMED)
    return found
