"""Which pages a query's filters let through: by path, and by type, tags and date of the front matter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gbrain.domain.moments import moment
from gbrain.domain.query_values import Query

_DATES = ("date", "created", "created_at", "published", "updated")
"""The keys of a page's date: the first that holds one."""


class Filter:
    """What a query asks of a page, its words and its source apart; read once, asked of many pages."""

    def __init__(self, query: Query) -> None:
        self._wanted, self._unwanted = query.wanted, query.unwanted
        self._after, self._before = query.after, query.before
        self._paths = [[Pattern.of(value) for value in values] for values in self._wanted.paths]
        self._other_paths = [Pattern.of(value) for values in self._unwanted.paths for value in values]

    @property
    def needs_front_matter(self) -> bool:
        """Whether more than the path and the kind of a page is asked for."""
        dated = self._after is not None or self._before is not None
        return dated or any(said.types or said.tags for said in (self._wanted, self._unwanted))

    def __bool__(self) -> bool:
        return self.needs_front_matter or bool(self._paths or self._other_paths)

    def fits(self, path: bytes, kind: str, front_matter: dict[str, Any] | None) -> bool:
        """Whether a page is what is asked for."""
        matter = front_matter or {}
        return self._fits_path(path) and (not self.needs_front_matter or self._fits_matter(kind, matter))

    def _fits_path(self, path: bytes) -> bool:
        return all(any(one.matches(path) for one in each) for each in self._paths) and not any(
            one.matches(path) for one in self._other_paths
        )

    def _fits_matter(self, kind: str, matter: dict[str, Any]) -> bool:
        types, tags = {kind, *_words(matter.get("type"))}, tags_of(matter)
        return (
            (not self._wanted.types or not types.isdisjoint(self._wanted.types))
            and types.isdisjoint(self._unwanted.types)
            and all(not tags.isdisjoint(each) for each in self._wanted.tags)
            and all(tags.isdisjoint(each) for each in self._unwanted.tags)
            and self._is_of_its_time(matter)
        )

    def _is_of_its_time(self, matter: dict[str, Any]) -> bool:
        if self._after is None and self._before is None:
            return True
        date = date_of(matter)
        return (
            date is not None
            and (self._after is None or date >= self._after)
            and (self._before is None or date < self._before)
        )


def tags_of(matter: dict[str, Any]) -> set[str]:
    """The tags of a page, in lower case, without `#`: a list, or a text with commas or white space between them."""
    found: set[str] = set()
    for value in (matter.get("tags"), matter.get("tag")):
        parts = re.split(r"[,\s]+", value) if isinstance(value, str) else value if isinstance(value, list) else [value]
        found |= {str(part).strip().lower().removeprefix("#") for part in parts if isinstance(part, str | int | float)}
    return found - {""}


def date_of(matter: dict[str, Any]) -> datetime | None:
    """When a page says that it is of, in UTC; None where it does not say."""
    read = (moment(str(matter[key])) for key in _DATES if isinstance(matter.get(key), str | int))
    return next((found for found in read if found is not None), None)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A value of `path:`: the pieces between its `*`, in order; each is looked for once, from left to right.

    Without a `*`, the path holds the value; behind a leading `/`, it begins with it. With a `*`, which stands for
    anything, the path is it from end to end. U+FFFD stands for anything too: it is what bytes that are not UTF-8 are
    shown as.
    """

    pieces: tuple[bytes, ...]

    @classmethod
    def of(cls, value: str) -> Pattern:
        """The pattern that was written."""
        pieces = [piece.encode() for piece in re.split("[*\ufffd]", value.removeprefix("/"))]
        is_whole, is_rooted = "*" in value, value.startswith("/")
        before, behind = [] if is_whole or is_rooted else [b""], [] if is_whole else [b""]
        return cls((*before, *pieces, *behind))

    def matches(self, path: bytes) -> bool:
        """Whether a path is meant."""
        first, *inner = self.pieces
        if not inner:
            return path == first
        last = inner.pop()
        if not path.startswith(first):
            return False
        at = len(first)
        for piece in inner:
            if (found := path.find(piece, at)) < 0:
                return False
            at = found + len(piece)
        return len(path) - len(last) >= at and path.endswith(last)


def _words(value: object) -> Iterable[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() for one in values if isinstance(one, str)]
