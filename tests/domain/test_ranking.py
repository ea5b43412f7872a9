"""Ranking by words: BM25 as its formula says, by either way of adding up, and parts that make up the whole."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator

import numpy as np  # noqa: F401 - which way is taken depends on it
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain import ranking
from gbrain.domain.bm25 import CODES, K1, TIMES_BITS, B, length_of, rarity, times_of
from gbrain.domain.postings import NUMBER_SHIFT, packed
from gbrain.domain.ranking import Collection, Ranking, Word

TEXTS = 60
ENTRIES = st.dictionaries(
    st.integers(0, TEXTS - 1), st.tuples(st.integers(0, 15), st.integers(0, (CODES >> TIMES_BITS) - 1)), max_size=TEXTS
)
ASKED = st.lists(st.tuples(ENTRIES, st.integers(1, 3)), max_size=4)


def word(name: str, entries: dict[int, tuple[int, int]], *, cut: int = TEXTS) -> Word:
    """A word in two segments, the second of which begins with the text `cut`."""
    parts = [{n: e for n, e in entries.items() if n < cut}, {n - cut: e for n, e in entries.items() if n >= cut}]
    packs = [
        packed(
            array("I", [n << NUMBER_SHIFT | length << TIMES_BITS | times for n, (times, length) in sorted(p.items())])
        )
        for p in parts
    ]
    parts_with_any = [(first, data) for first, data in ((0, packs[0]), (cut, packs[1])) if data]
    return Word(lexeme=name, entries=tuple(parts_with_any))


@pytest.fixture(params=["few", "many", "blocks"], autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    before = ranking._FEW_BESIDE_NUMPY, ranking._BLOCK_TEXTS
    ranking._FEW_BESIDE_NUMPY = 1_000_000 if request.param == "few" else -1
    ranking._BLOCK_TEXTS = 16 if request.param == "blocks" else before[1]
    yield
    ranking._FEW_BESIDE_NUMPY, ranking._BLOCK_TEXTS = before


@given(asked=ASKED, cut=st.integers(0, TEXTS), mean=st.floats(1, 500))
def test_scores_are_what_the_formula_says(
    asked: list[tuple[dict[int, tuple[int, int]], int]], cut: int, mean: float
) -> None:
    words = {word(str(n), entries, cut=cut): times for n, (entries, times) in enumerate(asked)}
    found = Ranking(words, Collection(texts=TEXTS, mean_length=mean))
    scores = found.scores_of(range(TEXTS))
    for number, score in enumerate(scores):
        assert score == pytest.approx(by_formula(asked, number, round(mean, 1)), rel=1e-9)
        assert sum(found.parts(number).values()) == pytest.approx(score, rel=1e-9)


def by_formula(asked: list[tuple[dict[int, tuple[int, int]], int]], number: int, mean: float) -> float:
    total = 0.0
    for entries, times_asked in asked:
        if number in entries:
            times, code = times_of(entries[number][0]), entries[number][1]
            idf = math.log(1 + (TEXTS - len(entries) + 0.5) / (len(entries) + 0.5))
            norm = K1 * (1 - B + B * length_of(code) / mean)
            total += times_asked * idf * times * (K1 + 1) / (times + norm)
    return total


@given(asked=ASKED, count=st.integers(1, 70), among=st.none() | st.frozensets(st.integers(0, TEXTS)))
def test_the_best_come_first_and_equal_ones_by_number(
    asked: list[tuple[dict[int, tuple[int, int]], int]], count: int, among: frozenset[int] | None
) -> None:
    words = {word(str(n), entries): times for n, (entries, times) in enumerate(asked)}
    found = Ranking(words, Collection(texts=TEXTS, mean_length=40.0))
    numbers = sorted({n for entries, _ in asked for n in entries if among is None or n in among})
    scores = dict(zip(numbers, found.scores_of(numbers), strict=True))
    assert found.best(count, among) == sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:count]


def test_equal_texts_score_the_same_and_as_much_by_whichever_way(monkeypatch: pytest.MonkeyPatch) -> None:
    equal = dict.fromkeys(range(200), (1, 17))
    asked = {word(str(n), equal | {200 + one: (n, 20) for one in range(7 * n)}, cut=500): 1 for n in (3, 1, 4, 0, 2)}
    collection = Collection(texts=500, mean_length=40.0)
    found = Ranking(asked, collection)
    monkeypatch.setattr(ranking, "_FEW_BESIDE_NUMPY", 1_000_000)
    other_way = Ranking(asked, collection)
    [score] = {*found.scores_of(range(200)), *other_way.scores_of(range(200))}
    assert found.best(200) == other_way.best(200) == [(number, score) for number in range(200)]
    assert sum(found.parts(199).values()) == score


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_rarer_word_is_worth_more_and_none_is_worth_nothing(one: int, other: int) -> None:
    assert rarity(1000, min(one, other)) >= rarity(1000, max(one, other)) > 0
