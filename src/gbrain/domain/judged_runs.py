"""Runs over judged queries: how each was answered, kept as JSON, and held against another run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from math import isclose
from typing import Any

from gbrain.domain.judged import JudgedQuery
from gbrain.domain.measures import Measures, mean, measure
from gbrain.domain.moments import moment
from gbrain.domain.search import Mode
from gbrain.errors import UsageError

SCHEMA_VERSION = 1

_HINT = "name a file that a run over judged queries has written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A query, what was found for it by `source:slug`, best first, and how good that is."""

    query: str
    ranking: tuple[str, ...]
    measures: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a mode answered the queries, in their order; no query is there twice."""

    generated_at: datetime
    mode: Mode
    answers: tuple[Answered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A query that is answered better or worse, and its nDCG@10 of both runs."""

    query: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, over the queries that are in both. The means are None where there is no such query."""

    queries: int
    left_out: int
    """The queries that are in one of the runs only."""
    before: Measures | None
    after: Measures | None
    better: tuple[Moved, ...]
    """By nDCG@10, those that moved farthest first."""
    worse: tuple[Moved, ...]


def answered(judged: JudgedQuery, ranking: Sequence[str]) -> Answered:
    """A query with its ranking, measured."""
    return Answered(query=judged.query, ranking=tuple(ranking), measures=measure(ranking, judged.grades))


def to_document(run: Run) -> dict[str, Any]:
    """What JSON says of a run; the means are there for readers."""
    means = mean(answer.measures for answer in run.answers)
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_at": run.generated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "mode": run.mode.value,
        "means": asdict(means) if means is not None else None,
        "queries": [
            {"query": answer.query, "measures": asdict(answer.measures), "ranking": list(answer.ranking)}
            for answer in run.answers
        ],
    }


def from_document(document: object, name: str) -> Run:
    """The run that a document tells of; raises UsageError that says what is wrong with it, and calls it `name`."""
    try:
        return _run(document)
    except ValueError as error:
        raise UsageError(f"{name} holds no run over judged queries: {error}", hint=_HINT) from error


def compare(before: Run, after: Run) -> Comparison:
    """What is better and what is worse in the one than in the other."""
    old, new = ({answer.query: answer.measures for answer in run.answers} for run in (before, after))
    both = [query for query in old if query in new]
    moved = [Moved(query=query, before=old[query].ndcg_at_10, after=new[query].ndcg_at_10) for query in both]
    # What another machine adds up may differ in the last digits.
    moved = [one for one in moved if not isclose(one.before, one.after, abs_tol=1e-9)]
    moved.sort(key=lambda one: -abs(one.after - one.before))
    return Comparison(
        queries=len(both),
        left_out=len(old.keys() ^ new.keys()),
        before=mean(old[query] for query in both),
        after=mean(new[query] for query in both),
        better=tuple(one for one in moved if one.after > one.before),
        worse=tuple(one for one in moved if one.after < one.before),
    )


def _run(said: Any) -> Run:
    if not isinstance(said, dict) or said.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"it is no document of version {SCHEMA_VERSION}")
    if said.get("mode") not in list(Mode):
        raise ValueError("its mode is not known")
    if not isinstance(said.get("queries"), list):
        raise ValueError("it has no list of queries")
    answers = tuple(map(_answered, said["queries"]))
    if len({answer.query for answer in answers}) < len(answers):
        raise ValueError("it has a query twice")
    return Run(generated_at=_instant(said.get("generated_at")), mode=Mode(said["mode"]), answers=answers)


def _answered(said: Any) -> Answered:
    if not isinstance(said, dict) or not isinstance(said.get("query"), str):
        raise ValueError("one of its queries has no text")
    query, ranking = said["query"], said.get("ranking")
    if not isinstance(ranking, list) or not all(isinstance(page, str) for page in ranking):
        raise ValueError(f"the ranking of {query!r} is not a list of pages")
    return Answered(query=query, ranking=tuple(ranking), measures=_measures(said.get("measures"), query))


def _measures(said: Any, query: str) -> Measures:
    numbers = {}
    for name in (one.name for one in fields(Measures)):
        number = said.get(name) if isinstance(said, dict) else None
        if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number <= 1:
            raise ValueError(f"the {name} of {query!r} is not a number from 0 to 1")
        numbers[name] = float(number)
    return Measures(**numbers)


def _instant(said: Any) -> datetime:
    found = moment(said) if isinstance(said, str) else None
    if found is None:
        raise ValueError("its generated_at is no instant")
    return found
