"""Rates are of the last half minute, and nobody says how long the rest takes before there is work to judge by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.pace import ETA_AFTER_S, WINDOW_S, Pace

Steps = st.lists(st.tuples(st.floats(0.01, 20.0), st.integers(0, 500)), min_size=1, max_size=200)


@given(Steps)
def test_the_rate_is_of_the_items_of_the_window_give_or_take_a_sample(steps: list[tuple[float, int]]) -> None:
    pace, now, done = Pace(0.0), 0.0, 0
    history = [(0.0, 0)]
    for seconds, items in steps:
        now, done = now + seconds, done + items
        pace.note(now, done)
        history.append((now, done))
    rate = pace.rate_per_s(now)
    if now < 1.0:
        assert rate is None
        return
    assert rate is not None
    window = min(WINDOW_S, now)
    inside = done - max(count for at, count in history if at <= now - window + 1e-9)
    longest = max(items for _, items in steps)
    assert rate * window <= done + 1e-6
    assert rate * window == pytest.approx(inside, abs=_half_a_second_of(history) + longest)


def _half_a_second_of(history: list[tuple[float, int]]) -> int:
    """As much as may have been done between two samples."""
    return max(
        count - before for at, count in history for since, before in history if since <= at and at - since <= 0.5
    )


@given(Steps, st.integers(0, 100_000))
def test_no_time_is_told_before_three_seconds_of_work(steps: list[tuple[float, int]], total: int) -> None:
    pace, now, done = Pace(0.0), 0.0, 0
    for seconds, items in steps:
        now, done = now + seconds, done + items
        pace.note(now, done)
        eta = pace.eta(now, total)
        assert eta is None or (now >= ETA_AFTER_S and eta.total_seconds() >= 0)


def test_work_at_an_even_pace_is_done_when_it_was_said_to_be() -> None:
    pace = Pace(0.0)
    for second in range(1, 11):
        pace.note(float(second), second * 10)
    assert pace.rate_per_s(10.0) == pytest.approx(10.0)
    eta = pace.eta(10.0, 400)
    assert eta is not None
    assert eta.total_seconds() == pytest.approx(30.0)


def test_what_stands_still_for_half_a_minute_has_no_rate_and_no_end() -> None:
    pace = Pace(0.0)
    pace.note(2.0, 500)
    assert pace.rate_per_s(10.0) == pytest.approx(50.0)
    assert pace.rate_per_s(33.0) == 0.0
    assert pace.eta(33.0, 1000) is None


def test_without_a_total_no_time_is_told() -> None:
    pace = Pace(0.0)
    pace.note(10.0, 500)
    assert pace.eta(10.0, None) is None
