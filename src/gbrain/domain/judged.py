"""Judged queries: what a user says should be found, read from lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gbrain.errors import UsageError

MAX_GRADE = 100

_FORM = '{"query": "…", "relevant": ["source:slug", {"page": "source:slug", "grade": 2}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuery:
    """A query, and how relevant which pages are to it, by `source:slug`; what is not there is not relevant."""

    query: str
    grades: Mapping[str, int]
    """From 0 to `MAX_GRADE`, at least one of them above 0."""


def judged_queries(text: str, name: str) -> list[JudgedQuery]:
    """The queries of a file, in its order; blank lines and those that begin with `#` are left out.

    Raises UsageError, which calls the file `name` and says which line is wrong and how, or that there is none.
    """
    found: dict[str, int] = {}
    queries = []
    for number, line in _lines(text):
        try:
            one = _judged(line)
            if one.query in found:
                raise ValueError(f"its query is that of line {found[one.query]}")
        except ValueError as error:
            raise UsageError(f"{name}, line {number}: {error}", hint=f"a line is {_FORM}") from error
        found[one.query] = number
        queries.append(one)
    if not queries:
        raise UsageError(f"{name} holds no judged query", hint=f"give it lines such as {_FORM}")
    return queries


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines: a text in JSON may hold what that takes for the end of a line.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield number, stripped


def _judged(line: str) -> JudgedQuery:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} (column {error.colno})") from error
    _no_others(said, "it", {"query", "relevant"})
    query, relevant = said.get("query"), said.get("relevant")
    if not isinstance(query, str) or not query.strip():
        raise ValueError("its query is not a text that says something")
    if not isinstance(relevant, list):
        raise ValueError("its relevant is not a list")
    grades: dict[str, int] = {}
    for page, grade in map(_graded, relevant):
        if page in grades:
            raise ValueError(f"its relevant has {page} twice")
        grades[page] = grade
    if not any(grades.values()):
        raise ValueError("nothing is relevant to its query")
    return JudgedQuery(query=query, grades=grades)


def _graded(said: Any) -> tuple[str, int]:
    if isinstance(said, str):
        return _page(said), 1
    _no_others(said, "what is relevant", {"page", "grade"})
    page, grade = _page(said.get("page")), said.get("grade", 1)
    if not isinstance(grade, int) or isinstance(grade, bool) or not 0 <= grade <= MAX_GRADE:
        raise ValueError(f"the grade of {page} is not a whole number from 0 to {MAX_GRADE}")
    return page, grade


def _page(said: Any) -> str:
    source, _, slug = said.partition(":") if isinstance(said, str) else ("", "", "")
    if not source or not slug:
        raise ValueError(f"{orjson.dumps(said).decode():.80} is not a page, which is written source:slug")
    return f"{source}:{slug}"


def _no_others(said: Any, what: str, known: set[str]) -> None:
    """Raises ValueError where it is no object, or one with a name that is not known, which may be a slip."""
    if not isinstance(said, dict):
        raise ValueError(f"{what} is not an object")
    if unknown := sorted(said.keys() - known):
        raise ValueError(f"{what} has {unknown[0]!r}, which is not known")
