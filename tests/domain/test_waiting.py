"""What an answer says of waiting, and how long to wait where it says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.waiting import LONGEST_WAIT, asked_wait, backoff, jittered, remaining, reset

_NOW = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)
_EPOCH = int(_NOW.timestamp())
_luck = st.floats(0, 1, exclude_max=True)
_names = st.sampled_from(
    [
        "retry-after",
        "retry-after-ms",
        "date",
        "x-ratelimit-reset",
        "x-ratelimit-reset-requests",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-remaining-requests",
    ]
)
_texts = (
    st.text(max_size=40)
    | st.from_regex(r"[0-9hmsuµn.:,+\- GMT]{1,20}", fullmatch=True)
    | st.integers(-(10**20), 10**20).map(str)
    | st.floats().map(str)
)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", seconds(0)),
        ("20", seconds(20)),
        (" 1.5 ", seconds(1.5)),
        ("0.2", seconds(0.2)),
        ("86400", seconds(86_400)),
        ("999999", LONGEST_WAIT),
        ("Thu, 05 Nov 2026 12:00:30 GMT", seconds(30)),
        ("Thursday, 05-Nov-26 12:00:30 GMT", seconds(30)),
        ("Thu Nov  5 12:00:30 2026", seconds(30)),
        ("Thu, 05 Nov 2026 11:59:30 GMT", seconds(0)),
        ("Thu, 05 Nov 2036 12:00:00 GMT", LONGEST_WAIT),
        (str(_EPOCH + 45), seconds(45)),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("1e3", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(text: str, wait: timedelta | None) -> None:
    assert asked_wait({"retry-after": text}, _NOW) == wait


def test_a_date_is_held_against_the_clock_of_the_one_who_wrote_it() -> None:
    headers = {"retry-after": "Thu, 05 Nov 2026 14:00:30 GMT", "date": "Thu, 05 Nov 2026 14:00:00 GMT"}
    assert asked_wait(headers, _NOW) == seconds(30)


def test_milliseconds_are_the_more_exact_word() -> None:
    assert asked_wait({"retry-after": "1", "retry-after-ms": "250"}, _NOW) == seconds(0.25)
    assert asked_wait({"retry-after": "1", "retry-after-ms": "soon"}, _NOW) == seconds(1)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("1s", seconds(1)),
        ("6m0s", seconds(360)),
        ("350ms", seconds(0.35)),
        ("1m26.4s", seconds(86.4)),
        ("1h2m3s", seconds(3723)),
        ("250µs", seconds(0.00025)),
        ("24", seconds(24)),
        ("0.5", seconds(0.5)),
        (str(_EPOCH + 20), seconds(20)),
        (str((_EPOCH + 20) * 1000), seconds(20)),
        (str(_EPOCH - 20), seconds(0)),
        ("2026-11-05T12:01:00Z", seconds(60)),
        ("48h0m0s", LONGEST_WAIT),
        ("1s?", None),
        ("s", None),
        ("later", None),
    ],
)
@pytest.mark.parametrize("name", ["x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-ratelimit-reset"])
def test_resets_are_read_in_all_forms_in_use(name: str, text: str, wait: timedelta | None) -> None:
    assert reset({name: text}, _NOW) == wait
    assert asked_wait({name: text}, _NOW) == wait


def test_retry_after_counts_before_resets() -> None:
    assert asked_wait({"retry-after": "2", "x-ratelimit-reset-tokens": "6m0s"}, _NOW) == seconds(2)


def test_the_limit_that_is_used_up_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "20s",
    }
    assert reset(headers, _NOW) == seconds(20)


def test_of_limits_that_both_have_something_left_the_longer_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "5",
        "x-ratelimit-reset-tokens": "20s",
    }
    assert reset(headers, _NOW) == seconds(20)


def test_what_remains_is_the_first_header_that_is_a_number() -> None:
    headers = {"a": "many", "b": "7", "c": "8"}
    assert remaining(headers, "none", "a", "b", "c") == 7
    assert remaining(headers, "none", "a") is None


def test_silence_asks_nothing() -> None:
    assert asked_wait({}, _NOW) is None
    assert reset({}, _NOW) is None


@given(st.dictionaries(_names, _texts))
def test_whatever_the_headers_say_a_wait_is_within_a_day(headers: dict[str, str]) -> None:
    wait = asked_wait(headers, _NOW)
    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT


@pytest.mark.parametrize(("attempt", "longest"), [(0, 0.5), (1, 1), (3, 4), (6, 32), (7, 60), (10_000, 60)])
def test_a_backoff_doubles_up_to_a_minute(attempt: int, longest: float) -> None:
    assert backoff(attempt, 0.0) == seconds(longest / 2)
    assert backoff(attempt, 0.999999) <= seconds(longest)


@given(st.integers(0, 100), _luck, _luck)
def test_luck_spreads_a_backoff_in_order(attempt: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert backoff(attempt, low) <= backoff(attempt, high)


@given(st.timedeltas(timedelta(0), LONGEST_WAIT), _luck)
def test_nobody_comes_back_sooner_than_was_asked(wait: timedelta, luck: float) -> None:
    assert wait <= jittered(wait, luck) <= wait * 1.25
