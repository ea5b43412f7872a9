"""Budgets of a sliding minute and of a day, in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.endpoint import read_endpoint
from gbrain.domain.packing import fitting
from gbrain.domain.spending import MINUTE, Limits, Spent, cost_of, left, limits_of, room

_NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
_NONE = timedelta(0)
_limits = st.none() | st.integers(1, 20)


def ago(seconds: float, *, tokens: int = 0, requests: int = 1) -> Spent:
    return Spent(at=_NOW - timedelta(seconds=seconds), tokens=tokens, requests=requests)


def test_without_limits_there_is_always_room() -> None:
    past = [ago(0, tokens=10**9)] * 100
    assert room(past, _NOW, Limits(), 10**9) == _NONE
    assert left(past, _NOW, Limits()) is None


def test_a_request_waits_until_the_oldest_of_a_full_minute_has_left_it() -> None:
    past = [ago(10), ago(50), ago(30)]
    limits = Limits(requests_per_minute=3)
    assert room(past, _NOW, limits, 1) == MINUTE - timedelta(seconds=50)
    assert room(past, _NOW, Limits(requests_per_minute=2), 1) == MINUTE - timedelta(seconds=30)
    assert left(past, _NOW, limits) == 0
    assert room(past[1:], _NOW, limits, 1) == _NONE


def test_tokens_wait_until_enough_of_them_have_left_the_minute() -> None:
    past = [ago(50, tokens=4000), ago(30, tokens=3000), ago(10, tokens=2000)]
    limits = Limits(tokens_per_minute=10_000)
    assert left(past, _NOW, limits) == 1000
    assert room(past, _NOW, limits, 1000) == _NONE
    assert room(past, _NOW, limits, 1001) == MINUTE - timedelta(seconds=50)
    assert room(past, _NOW, limits, 5001) == MINUTE - timedelta(seconds=30)
    assert room(past, _NOW, limits, 8001) == MINUTE - timedelta(seconds=10)


def test_what_was_sent_a_minute_ago_still_counts_for_a_moment() -> None:
    assert timedelta(seconds=60) < MINUTE < timedelta(seconds=61)
    limits = Limits(requests_per_minute=1)
    assert room([ago(60)], _NOW, limits, 1) > _NONE
    assert room([ago(MINUTE.total_seconds())], _NOW, limits, 1) == _NONE


def test_a_request_larger_than_a_minute_allows_goes_when_the_minute_is_empty() -> None:
    limits = Limits(tokens_per_minute=100)
    assert room([], _NOW, limits, 101) == _NONE
    assert room([ago(20, tokens=1)], _NOW, limits, 101) == MINUTE - timedelta(seconds=20)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(requests_per_day=3),
        Limits(tokens_per_day=300),
        Limits(paid_tokens_per_day=300),
    ],
)
def test_a_day_that_is_used_up_ends_at_midnight_utc(limits: Limits) -> None:
    past = [ago(3600, tokens=100), ago(7200, tokens=200, requests=2)]
    assert room(past, _NOW, limits, 1) == timedelta(hours=12)
    assert left(past, _NOW, limits) == 0
    yesterday = [ago(12.5 * 3600, tokens=300, requests=3)]
    assert room(yesterday, _NOW, limits, 1) == _NONE


def test_midnight_is_that_of_utc_wherever_the_clock_stands() -> None:
    tokyo = timezone(timedelta(hours=9))
    past = [ago(11 * 3600)]
    assert room(past, _NOW.astimezone(tokyo), Limits(requests_per_day=1), 1) == timedelta(hours=12)


def test_money_is_never_overspent_not_even_by_a_single_request() -> None:
    assert room([], _NOW, Limits(paid_tokens_per_day=100), 101) == timedelta(hours=12)
    assert room([], _NOW, Limits(tokens_per_day=100), 101) == _NONE
    assert left([ago(90, tokens=60)], _NOW, Limits(paid_tokens_per_day=100, tokens_per_minute=70)) == 40


def test_the_limits_of_an_endpoint_are_those_it_was_configured_with() -> None:
    table: dict[str, object] = {"base_url": "https://api.example.com/v1", "model": "m"}
    assert limits_of(read_endpoint("x", table)) == Limits()
    table |= {"requests_per_minute": 3, "tokens_per_minute": 10_000, "requests_per_day": 5, "tokens_per_day": 6}
    table |= {"price_per_million_tokens": 0.02, "max_cost_per_day": 0.1}
    assert limits_of(read_endpoint("x", table)) == Limits(
        requests_per_minute=3,
        tokens_per_minute=10_000,
        requests_per_day=5,
        tokens_per_day=6,
        paid_tokens_per_day=5_000_000,
    )


def test_tokens_cost_their_price() -> None:
    assert cost_of(2_500_000, 0.18) == pytest.approx(0.45)


def test_47_texts_of_400_tokens_take_a_minute_and_a_request_where_10_000_tokens_and_3_requests_are_allowed() -> None:
    limits = Limits(requests_per_minute=3, tokens_per_minute=10_000)
    start = now = _NOW
    past: list[Spent] = []
    texts, sent = [400] * 47, 0
    while sent < len(texts):
        budget = left(past, now, limits)
        assert budget is not None
        count = fitting(texts[sent:], max_items=128, max_tokens=min(100_000, budget))
        tokens = sum(texts[sent : sent + count])
        wait = room(past, now, limits, tokens)
        now += wait
        if not wait:
            past.append(Spent(at=now, tokens=tokens))
            now, sent = now + timedelta(seconds=1), sent + count
    assert now - start <= timedelta(seconds=66)


@given(
    st.builds(
        Limits,
        requests_per_minute=_limits,
        tokens_per_minute=_limits,
        requests_per_day=st.none() | st.integers(1, 60),
        tokens_per_day=st.none() | st.integers(1, 60),
        paid_tokens_per_day=st.none() | st.integers(1, 60),
    ),
    st.lists(st.tuples(st.integers(0, 20), st.floats(0, 5000)), max_size=40),
    st.sampled_from([_NOW, _NOW.replace(hour=23, minute=59, second=30)]),
)
def test_no_minute_and_no_day_ever_exceeds_a_limit(
    limits: Limits, requests: list[tuple[int, float]], now: datetime
) -> None:
    past: list[Spent] = []
    for tokens, idle in requests:
        wait = room(past, now, limits, tokens)
        assert _NONE <= wait <= timedelta(days=1) + MINUTE
        now += wait
        if room(past, now, limits, tokens):
            continue  # what the money of no day buys
        past.append(Spent(at=now, tokens=tokens))
        now += timedelta(seconds=idle)
    for last in past:
        minute = [one for one in past if last.at - timedelta(minutes=1) < one.at <= last.at]
        day = [one for one in past if one.at.date() == last.at.date() and one.at <= last.at]
        assert len(minute) <= (limits.requests_per_minute or len(minute))
        assert len(day) <= (limits.requests_per_day or len(day))
        _check(minute, limits.tokens_per_minute)
        _check(day, limits.tokens_per_day)
        assert _tokens(day) <= (limits.paid_tokens_per_day or _tokens(day))


@given(
    st.lists(st.tuples(st.floats(0, 90), st.integers(1, 20), st.integers(1, 3)), max_size=20),
    st.builds(
        Limits,
        requests_per_minute=_limits,
        tokens_per_minute=_limits,
        requests_per_day=_limits,
        tokens_per_day=_limits,
        paid_tokens_per_day=_limits,
    ),
)
def test_what_is_left_may_be_sent_and_one_token_more_may_not(
    spent: list[tuple[float, int, int]], limits: Limits
) -> None:
    past = [ago(seconds, tokens=used, requests=requests) for seconds, used, requests in spent]
    budget = left(past, _NOW, limits)
    if budget is None:
        assert room(past, _NOW, limits, 10**9) == _NONE
    else:
        assert not budget or room(past, _NOW, limits, budget) == _NONE
        is_alone = budget in (limits.tokens_per_minute, limits.tokens_per_day)
        assert is_alone or room(past, _NOW, limits, budget + 1) > _NONE


def _check(spent: list[Spent], limit: int | None) -> None:
    """Only a single request is ever above the limit, and then alone."""
    if limit is not None and _tokens(spent) > limit:
        assert sum(1 for one in spent if one.tokens) == 1


def _tokens(spent: list[Spent]) -> int:
    return sum(one.tokens for one in spent)
