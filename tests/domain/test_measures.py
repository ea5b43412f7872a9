"""How good a ranking is."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.measures import Measures, mean, measure, ndcg

_PAGES = [f"wiki:{number}" for number in range(30)]
_grades = st.dictionaries(st.sampled_from(_PAGES), st.integers(0, 3), min_size=1).filter(
    lambda all_: any(all_.values())
)
_rankings = st.permutations(_PAGES).flatmap(lambda pages: st.integers(0, 30).map(lambda count: pages[:count]))
_measures = st.builds(Measures, **dict.fromkeys(["ndcg_at_10", "recall_at_10", "recall_at_5", "mrr"], st.floats(0, 1)))


def test_ndcg_is_what_is_computed_by_hand() -> None:
    # Gains 3, 2, 3, 0, 1, 2; best first 3, 3, 2, 2, 1, 0. log2 of 2 to 7: 1, 1.58496, 2, 2.32193, 2.58496, 2.80735.
    # 3 + 1.26186 + 1.5 + 0 + 0.38685 + 0.71242 = 6.86113; 3 + 1.89279 + 1 + 0.86135 + 0.38685 + 0 = 7.14099.
    assert ndcg([3, 2, 3, 0, 1, 2], [3, 3, 2, 2, 1, 0], depth=10) == pytest.approx(6.86113 / 7.14099, abs=1e-5)
    assert ndcg([0, 1], [1], depth=10) == pytest.approx(1 / log2(3))
    assert ndcg([0] * 10 + [1], [1], depth=10) == 0


def test_all_measures_of_one_ranking() -> None:
    grades = {"w:a": 2, "w:b": 1, "w:c": 1, "w:zero": 0}
    found = measure(["w:x", "w:zero", "w:b", "w:y", "w:z", "w:a"], grades)
    assert found.mrr == pytest.approx(1 / 3)
    assert found.recall_at_5 == pytest.approx(1 / 3)
    assert found.recall_at_10 == pytest.approx(2 / 3)
    best = 2 + 1 / log2(3) + 1 / 2
    assert found.ndcg_at_10 == pytest.approx((1 / 2 + 2 / log2(7)) / best)


def test_the_first_relevant_page_counts_wherever_it_stands_but_ten_ranks_for_the_rest() -> None:
    found = measure([*_PAGES[:19], "wiki:here"], {"wiki:here": 1})
    assert found == Measures(ndcg_at_10=0, recall_at_10=0, recall_at_5=0, mrr=1 / 20)


def test_nothing_found_is_worth_nothing() -> None:
    assert measure([], {"w:a": 1}) == Measures(ndcg_at_10=0, recall_at_10=0, recall_at_5=0, mrr=0)


def test_a_page_that_is_there_twice_counts_once() -> None:
    grades = {"w:a": 1, "w:b": 1}
    assert measure(["w:a", "w:a", "w:a", "w:b"], grades) == measure(["w:a", "w:b"], grades)


@given(_rankings, _grades)
def test_every_measure_is_between_nothing_and_one(ranking: list[str], grades: dict[str, int]) -> None:
    found = measure(ranking, grades)
    for value in (found.ndcg_at_10, found.recall_at_10, found.recall_at_5, found.mrr):
        assert 0 <= value <= 1
    assert found.recall_at_5 <= found.recall_at_10


@given(_grades)
def test_the_best_order_is_worth_one(grades: dict[str, int]) -> None:
    ideal = sorted(grades, key=lambda page: -grades[page])
    found = measure(ideal, grades)
    assert found.ndcg_at_10 == 1
    assert found.mrr == 1
    relevant = sum(grade > 0 for grade in grades.values())
    assert found.recall_at_10 == min(10, relevant) / relevant


@given(_rankings, _grades, st.data())
def test_no_ranking_is_worse_where_what_is_more_relevant_has_moved_up(
    ranking: list[str], grades: dict[str, int], data: st.DataObject
) -> None:
    pairs = [
        (upper, lower)
        for lower in range(len(ranking))
        for upper in range(lower)
        if grades.get(ranking[lower], 0) > grades.get(ranking[upper], 0)
    ]
    if not pairs:
        return
    upper, lower = data.draw(st.sampled_from(pairs))
    better = list(ranking)
    better[upper], better[lower] = better[lower], better[upper]
    old, new = measure(ranking, grades), measure(better, grades)
    assert new.ndcg_at_10 >= old.ndcg_at_10
    assert new.ndcg_at_10 > old.ndcg_at_10 or upper >= 10
    assert (new.recall_at_10, new.recall_at_5, new.mrr) >= (old.recall_at_10, old.recall_at_5, old.mrr)
    assert new.mrr >= old.mrr


@given(st.lists(_measures, min_size=1, max_size=8))
def test_a_mean_lies_between_the_least_and_the_most(rows: list[Measures]) -> None:
    found = mean(rows)
    assert found is not None
    least, most = min(row.mrr for row in rows), max(row.mrr for row in rows)
    assert least - 1e-12 <= found.mrr <= most + 1e-12
    assert mean([rows[0]]) == rows[0]


def test_the_mean_of_each_measure_is_its_own_and_that_of_none_is_none() -> None:
    one = Measures(ndcg_at_10=1, recall_at_10=0.5, recall_at_5=0.25, mrr=0)
    other = Measures(ndcg_at_10=0, recall_at_10=0.5, recall_at_5=0.75, mrr=1)
    assert mean([one, other]) == Measures(ndcg_at_10=0.5, recall_at_10=0.5, recall_at_5=0.5, mrr=0.5)
    assert mean([]) is None
