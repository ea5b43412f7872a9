"""Runs over judged queries: kept, and held against each other."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.judged import JudgedQuery
from gbrain.domain.judged_runs import Answered, Moved, Run, answered, compare, from_document, to_document
from gbrain.domain.measures import Measures, mean
from gbrain.domain.search import Mode
from gbrain.errors import UsageError

_NOW = datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_measures = st.builds(Measures, **dict.fromkeys(["ndcg_at_10", "recall_at_10", "recall_at_5", "mrr"], st.floats(0, 1)))
_answers = st.builds(Answered, query=_names, ranking=st.lists(_names, max_size=4).map(tuple), measures=_measures)
_runs = st.builds(
    Run,
    generated_at=st.just(_NOW),
    mode=st.sampled_from(Mode),
    answers=st.lists(_answers, max_size=5, unique_by=lambda answer: answer.query).map(tuple),
)
_keys = st.sampled_from(["schema_version", "mode", "queries", "query"])
_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(_keys, inner)
)


def _run(**scores: float) -> Run:
    """A run whose queries have these nDCG@10."""
    answers = [
        Answered(
            query=query, ranking=("w:a",), measures=Measures(ndcg_at_10=score, recall_at_10=1, recall_at_5=0, mrr=score)
        )
        for query, score in scores.items()
    ]
    return Run(generated_at=_NOW, mode=Mode.HYBRID, answers=tuple(answers))


@given(_runs)
def test_a_run_comes_back_from_its_document_as_it_was(run: Run) -> None:
    assert from_document(json.loads(json.dumps(to_document(run))), "run.json") == run


def test_a_document_says_all_that_a_reader_wants_to_know() -> None:
    judged = JudgedQuery(query="leases", grades={"w:a": 1, "w:b": 1})
    run = Run(generated_at=_NOW, mode=Mode.KEYWORD, answers=(answered(judged, ["w:a", "w:x", "w:b"]),))
    measures = asdict(run.answers[0].measures)
    assert measures["mrr"] == measures["recall_at_5"] == 1
    assert to_document(run) == {
        "schema_version": 1,
        "generated_at": "2026-05-01T12:30:15.250Z",
        "mode": "keyword",
        "means": measures,
        "queries": [{"query": "leases", "measures": measures, "ranking": ["w:a", "w:x", "w:b"]}],
    }


_CHANGES: list[tuple[str, list[Any], Any, str]] = [
    ("another version", ["schema_version"], 2, "no document of version 1"),
    ("an unknown mode", ["mode"], "psychic", "mode"),
    ("a mode that is no text", ["mode"], {}, "mode"),
    ("no queries", ["queries"], None, "no list of queries"),
    ("a query that is no object", ["queries", 0], "leases", "has no text"),
    ("a query without text", ["queries", 0, "query"], None, "has no text"),
    ("a ranking that is no list", ["queries", 0, "ranking"], "w:a", "the ranking of 'one'"),
    ("a ranking of numbers", ["queries", 0, "ranking"], [1], "the ranking of 'one'"),
    ("no measures", ["queries", 0, "measures"], None, "the ndcg_at_10 of 'one'"),
    ("a measure that is missing", ["queries", 0, "measures", "mrr"], None, "the mrr of 'one'"),
    ("a measure above 1", ["queries", 0, "measures", "mrr"], 1.1, "the mrr of 'one'"),
    ("a measure that is no number", ["queries", 0, "measures", "mrr"], float("nan"), "the mrr of 'one'"),
    ("a measure that is true", ["queries", 0, "measures", "mrr"], True, "the mrr of 'one'"),
    ("a query twice", ["queries", 1, "query"], "one", "a query twice"),
    ("no instant", ["generated_at"], "yesterday", "generated_at"),
    ("an instant that is a number", ["generated_at"], 5, "generated_at"),
]


@pytest.mark.parametrize(
    ("place", "value", "wrong"), [case[1:] for case in _CHANGES], ids=[case[0] for case in _CHANGES]
)
def test_a_document_that_is_wrong_is_an_error_that_says_how(place: list[Any], value: Any, wrong: str) -> None:
    document: Any = to_document(_run(one=0.5, two=0.25))
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(UsageError) as raised:
        from_document(document, "run.json")
    assert raised.value.message.startswith("run.json holds no run over judged queries: ")
    assert wrong in raised.value.message
    assert raised.value.hint


@given(_values)
def test_no_other_document_is_a_run(document: object) -> None:
    with pytest.raises(UsageError):
        from_document(document, "run.json")


def test_what_moved_is_told_by_how_far_over_the_queries_of_both() -> None:
    before = _run(same=0.5, up=0.25, far_up=0, down=1, gone=1, noise=0.3)
    after = _run(far_up=0.9, new=0, down=0.5, up=0.5, same=0.5, noise=0.1 + 0.2)
    found = compare(before, after)
    assert (found.queries, found.left_out) == (5, 2)
    assert found.better == (Moved(query="far_up", before=0, after=0.9), Moved(query="up", before=0.25, after=0.5))
    assert found.worse == (Moved(query="down", before=1, after=0.5),)
    assert found.before is not None
    assert found.after is not None
    assert found.before.ndcg_at_10 == pytest.approx((0.5 + 0.25 + 0 + 1 + 0.3) / 5)
    assert found.after.ndcg_at_10 == pytest.approx((0.5 + 0.5 + 0.9 + 0.5 + 0.3) / 5)
    assert found.before.recall_at_10 == 1


def test_runs_without_a_query_in_common_have_no_means() -> None:
    found = compare(_run(one=0.5), _run(two=0.5))
    assert (found.queries, found.left_out, found.before, found.after) == (0, 2, None, None)


@given(_runs, _runs)
def test_a_comparison_the_other_way_round_says_the_opposite(one: Run, other: Run) -> None:
    there, back = compare(one, other), compare(other, one)
    assert {moved.query for moved in there.better} == {moved.query for moved in back.worse}
    assert {moved.query for moved in there.worse} == {moved.query for moved in back.better}
    assert (there.queries, there.left_out) == (back.queries, back.left_out)


@given(_runs)
def test_a_run_is_neither_better_nor_worse_than_itself(run: Run) -> None:
    found = compare(run, run)
    assert (found.better, found.worse, found.left_out) == ((), (), 0)
    assert found.before == found.after == mean(answer.measures for answer in run.answers)
