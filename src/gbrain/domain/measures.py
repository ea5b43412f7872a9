"""How good a ranking is, held against what was judged relevant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import fsum, log2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Of one ranking, or the means of several; each from 0 to 1, and 1 is best."""

    ndcg_at_10: float
    recall_at_10: float
    recall_at_5: float
    mrr: float
    """Of one ranking: 1 / the rank of the first page that is relevant, wherever it stands; 0 where none is there."""


def measure(ranking: Sequence[str], grades: Mapping[str, int]) -> Measures:
    """How good a ranking is, best first; a page that stands in it twice counts where it stands first.

    A page is relevant whose grade is above 0; one at least is.
    """
    gains = [grades.get(page, 0) for page in dict.fromkeys(ranking)]
    relevant = sum(grade > 0 for grade in grades.values())
    return Measures(
        ndcg_at_10=ndcg(gains, list(grades.values()), depth=10),
        recall_at_10=sum(gain > 0 for gain in gains[:10]) / relevant,
        recall_at_5=sum(gain > 0 for gain in gains[:5]) / relevant,
        mrr=next((1 / rank for rank, gain in enumerate(gains, start=1) if gain > 0), 0.0),
    )


def ndcg(gains: Sequence[int], judged: Sequence[int], *, depth: int) -> float:
    """The normalized discounted cumulated gain of the first `depth` ranks, `gains` being the grades in ranked order.

    K. Järvelin and J. Kekäläinen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4), 2002: the gain of a
    page is its grade, and the sum is divided by that of the best order of all that were `judged`. A gain is discounted
    by log2(rank + 1), as is usual since, so that the second rank counts for less than the first; theirs is log2(rank)
    from the second on.
    """
    return _cumulated(gains[:depth]) / _cumulated(sorted(judged, reverse=True)[:depth])


def mean(measures: Iterable[Measures]) -> Measures | None:
    """The mean of each measure; None where there are none."""
    rows = list(measures)
    if not rows:
        return None
    return Measures(**{one.name: fsum(getattr(row, one.name) for row in rows) / len(rows) for one in fields(Measures)})


def _cumulated(gains: Iterable[int]) -> float:
    return fsum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))
