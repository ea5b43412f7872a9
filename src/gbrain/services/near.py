"""Pages that were perhaps meant, where there is none of the name that was given."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from gbrain.domain.paths import parse
from gbrain.domain.slugs import base_slug
from gbrain.store import pages
from gbrain.store.connection import Connection

MOST = 3
"""So many are named."""

_LOOKED_AT = 10_000
_NEAR = 0.7
"""How much of two slugs must be the same, from 0 to 1."""


async def near_pages(conn: Connection, source_id: str | None, name: str) -> list[str]:
    """Those whose slug is near to that of a name, in one source or in all, as `source:slug`, the nearest first."""
    slug = base_slug(parse(name))
    sources = defaultdict[str, list[str]](list)
    for source, one in await pages.slugs_like(conn, source_id, slug, _LOOKED_AT):
        sources[one].append(source)
    near = await asyncio.to_thread(_nearest, slug, list(sources))
    return [f"{source}:{one}" for one in near for source in sources[one]][:MOST]


def _nearest(slug: str, slugs: Sequence[str]) -> Iterable[str]:
    """Those in a folder of another name, then those that are written nearly so, then those whose last word is."""
    from difflib import get_close_matches

    word, by_word = _last_word(slug), defaultdict[str, list[str]](list)
    for one in slugs:
        by_word[_last_word(one)].append(one)
    same = get_close_matches(slug, by_word.pop(word, []), n=MOST, cutoff=0.0)
    near = get_close_matches(slug, slugs, n=MOST, cutoff=_NEAR)
    words = get_close_matches(word, by_word, n=MOST, cutoff=_NEAR)
    return dict.fromkeys([*same, *near, *(one for each in words for one in by_word[each])])


def _last_word(slug: str) -> str:
    return slug.rpartition("/")[2]
