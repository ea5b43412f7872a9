"""Tokens guessed from characters, and what is learnt from an endpoint's own count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.token_estimate import TokenEstimate, guess

_PROSE = "The quick brown fox jumps over the lazy dog, and nobody minds. " * 20


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0.0),
        ("word", 1.0),
        ("a" * 400, 100.0),
        ("漢字" * 50, 100.0),
        ("żółć", 2.0),
        ("привет", 3.0),
        ("🦊", 2.0),
        ("ab漢é🦊", 0.5 + 1 + 0.5 + 2),
        ("\udce4", 1.0),
    ],
)
def test_a_guess_goes_by_the_script(text: str, tokens: float) -> None:
    assert guess(text) == pytest.approx(tokens)


def test_an_estimate_of_prose_is_a_little_high() -> None:
    assert len(_PROSE) / 4 < TokenEstimate().of(_PROSE) < len(_PROSE) / 3.5


@given(st.text())
def test_a_text_has_at_least_one_token(text: str) -> None:
    assert TokenEstimate().of(text) >= 1


@given(st.text(max_size=50), st.text(max_size=50))
def test_guesses_of_parts_add_up(left: str, right: str) -> None:
    assert guess(left + right) == pytest.approx(guess(left) + guess(right))


def test_an_endpoint_that_counts_more_is_believed_within_a_few_answers() -> None:
    estimate = TokenEstimate()
    for _ in range(4):
        estimate = estimate.learnt(guess(_PROSE), 2 * int(guess(_PROSE)))
    assert 1.9 * guess(_PROSE) < estimate.of(_PROSE) < 2.2 * guess(_PROSE)


def test_an_endpoint_that_counts_fewer_is_believed_slowly() -> None:
    once = TokenEstimate().learnt(1000, 500)
    assert once.ratio > 0.9
    estimate = once
    for _ in range(60):
        estimate = estimate.learnt(1000, 500)
    assert estimate.ratio == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("guessed", "tokens"), [(0, 5), (5, 0), (5, -1), (-1, 5)])
def test_an_answer_that_counts_nothing_teaches_nothing(guessed: float, tokens: int) -> None:
    assert TokenEstimate(ratio=1.5).learnt(guessed, tokens) == TokenEstimate(ratio=1.5)


@given(st.lists(st.tuples(st.floats(0, 1e12), st.integers(-10, 10**15)), max_size=50))
def test_no_answer_drives_the_estimate_out_of_bounds(answers: list[tuple[float, int]]) -> None:
    estimate = TokenEstimate()
    for guessed, tokens in answers:
        estimate = estimate.learnt(guessed, tokens)
    assert 0.25 <= estimate.ratio <= 8


@given(st.floats(0.3, 7.5), st.lists(st.integers(100, 100_000), min_size=100, max_size=100))
def test_what_an_endpoint_counts_steadily_is_never_estimated_too_low(ratio: float, sizes: list[int]) -> None:
    estimate = TokenEstimate()
    for size in sizes:
        estimate = estimate.learnt(size, round(size * ratio))
    text = "a" * 4000
    assert ratio * 1000 <= estimate.of(text) <= ratio * 1000 * 1.1 + 1
