"""What a query says, as whoever searches asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gbrain.domain.moments import moment


class Kind(StrEnum):
    """What a term is about."""

    WORD = "word"
    PHRASE = "phrase"
    """Words that stand in this order, with nothing but punctuation between them."""
    SOURCE = "source"
    TYPE = "type"
    TAG = "tag"
    PATH = "path"
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A part of a query. `values`: one, or those of a list, any of which will do. `is_negative`: it must not be so."""

    kind: Kind
    values: tuple[str, ...]
    is_negative: bool = False

    def __str__(self) -> str:
        field = "" if self.kind in (Kind.WORD, Kind.PHRASE) else f"{self.kind}:"
        return ("-" if self.is_negative else "") + field + ",".join(map(self._written, self.values))

    def _written(self, value: str) -> str:
        is_bare = self.kind is Kind.WORD or (self.kind is not Kind.PHRASE and _NOT_BARE.search(value) is None)
        return value if is_bare else f'"{value}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the terms of one sign say of words, sources, types, tags and paths, each in the order it was written.

    Wanted: `words` and `phrases`, the more of them the better; one of `sources` and of `types`, where there are any; of
    each of `tags` and of `paths` one. Unwanted: none of anything that stands here.
    """

    words: tuple[str, ...]
    phrases: tuple[str, ...]
    sources: tuple[str, ...]
    """In lower case, as ids are."""
    types: tuple[str, ...]
    """In lower case."""
    tags: tuple[tuple[str, ...], ...]
    """In lower case, without the `#` they may have been written with."""
    paths: tuple[tuple[str, ...], ...]
    """As they were written; `filtering.Pattern` says what they match."""


@dataclass(frozen=True, slots=True)
class Query:
    """The terms in the order in which they were written."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    @property
    def wanted(self) -> Said:
        """What must be so."""
        return self._said(is_negative=False)

    @property
    def unwanted(self) -> Said:
        """What must not be so."""
        return self._said(is_negative=True)

    @property
    def after(self) -> datetime | None:
        """The first moment that will do, in UTC: the last of all that are given; None where none is."""
        return max(self._moments(Kind.AFTER, Kind.BEFORE), default=None)

    @property
    def before(self) -> datetime | None:
        """The first moment that will not do any more, in UTC: the first of all that are given; None where none is."""
        return min(self._moments(Kind.BEFORE, Kind.AFTER), default=None)

    @property
    def unread(self) -> tuple[str, ...]:
        """The words that look like a field that says nothing: what somebody may have meant otherwise."""
        words = (term.values[0] for term in self.terms if term.kind is Kind.WORD)
        return tuple(word for word in words if _LIKE_FIELD.match(word))

    def _said(self, *, is_negative: bool) -> Said:
        def of(kind: Kind) -> list[tuple[str, ...]]:
            return [term.values for term in self.terms if term.kind is kind and term.is_negative is is_negative]

        return Said(
            words=_flat(of(Kind.WORD)),
            phrases=_flat(of(Kind.PHRASE)),
            sources=_flat(_lower(of(Kind.SOURCE))),
            types=_flat(_lower(of(Kind.TYPE))),
            tags=tuple(tuple(tag.removeprefix("#") or tag for tag in tags) for tags in _lower(of(Kind.TAG))),
            paths=tuple(of(Kind.PATH)),
        )

    def _moments(self, kind: Kind, opposite: Kind) -> Iterator[datetime]:
        """Those of the one kind, and of the other where they are negative: what is not before is after."""
        for term in self.terms:
            if term.kind is (opposite if term.is_negative else kind) and (found := moment(term.values[0])):
                yield found


_LIKE_FIELD = re.compile(r"(?ai:source|type|tag|path|before|after):")
_NOT_BARE = re.compile(r"[\s,]")


def _lower(lists: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(map(str.lower, values)) for values in lists]


def _flat(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """All values, each once."""
    return tuple(dict.fromkeys(value for values in lists for value in values))
