"""Which pages a query's filters let through: by path, and by type, tags and date of the front matter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from gbrain.domain.moments import moment
from gbrain.domain.query import path_like
from gbrain.domain.query_values import Query

_DATES = ("date", "created", "created_at", "published", "updated")
"""The keys of a page's date: the first that holds one."""


def has_filters(query: Query) -> bool:
    """Whether any page may be left out for what it is."""
    dated = query.before or query.after
    return bool(dated) or any(said.types or said.tags or said.paths for said in (query.wanted, query.unwanted))


def fits(query: Query, path: bytes, kind: str, front_matter: dict[str, Any] | None) -> bool:
    """Whether a page is what a query asks for, its words and its source apart."""
    matter = front_matter or {}
    types, tags = {kind, *_words(matter.get("type"))}, tags_of(matter)
    wanted, unwanted = query.wanted, query.unwanted
    return (
        (not wanted.types or not types.isdisjoint(wanted.types))
        and types.isdisjoint(unwanted.types)
        and all(not tags.isdisjoint(each) for each in wanted.tags)
        and all(tags.isdisjoint(each) for each in unwanted.tags)
        and all(_matches(each, path) for each in wanted.paths)
        and not any(_matches(each, path) for each in unwanted.paths)
        and _is_of_its_time(query, date_of(matter))
    )


def tags_of(matter: dict[str, Any]) -> set[str]:
    """The tags of a page, in lower case, without `#`: a list, or a text with commas or white space between them."""
    found: set[str] = set()
    for value in (matter.get("tags"), matter.get("tag")):
        parts = re.split(r"[,\s]+", value) if isinstance(value, str) else value if isinstance(value, list) else []
        found |= {str(part).strip().lower().removeprefix("#") for part in parts if isinstance(part, str | int)}
    return found - {""}


def date_of(matter: dict[str, Any]) -> datetime | None:
    """When a page says that it is of, in UTC; None where it does not say."""
    read = (moment(str(matter[key])) for key in _DATES if isinstance(matter.get(key), str | int))
    return next((found for found in read if found is not None), None)


def _words(value: object) -> Iterable[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() for one in values if isinstance(one, str)]


def _is_of_its_time(query: Query, date: datetime | None) -> bool:
    after, before = query.after, query.before
    if after is None and before is None:
        return True
    return date is not None and (after is None or date >= after) and (before is None or date < before)


def _matches(patterns: Iterable[str], path: bytes) -> bool:
    return any(_like(path_like(pattern)).fullmatch(path) for pattern in patterns)


@lru_cache(maxsize=256)
def _like(pattern: bytes) -> re.Pattern[bytes]:
    r"""SQL's LIKE as a regular expression: `%` is anything, `_` one byte, what stands behind `\` itself."""
    parts = re.findall(rb"\\.|%|_|[^\\%_]+", pattern, re.DOTALL)
    found = (b".*" if one == b"%" else b"." if one == b"_" else re.escape(one.removeprefix(b"\\")) for one in parts)
    return re.compile(b"".join(found), re.DOTALL)
