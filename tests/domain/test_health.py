"""Freshness and health at their edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.health import Health, Signs, Staleness, assess, rank, staleness_of

_NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
_EVER = datetime(1, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_DAY = timedelta(hours=24)
_spans = st.timedeltas(timedelta(0), timedelta(days=400))
_ages = st.none() | _spans


def signs(
    age: timedelta | None = timedelta(0),
    *,
    status: str | None = "ok",
    code: str | None = None,
    failures: int = 0,
    max_age: timedelta | None = None,
    is_half_in: bool = False,
    lacks_vectors: bool = False,
) -> Signs:
    return Signs(
        last_sync_at=None if age is None else _NOW - age,
        last_attempt_status=status,
        last_attempt_code=code,
        failures_open=failures,
        max_age=max_age,
        is_half_in=is_half_in,
        lacks_vectors=lacks_vectors,
    )


@pytest.mark.parametrize(
    ("age", "max_age", "expected"),
    [
        (None, None, Staleness.UNKNOWN),
        (None, _DAY, Staleness.UNKNOWN),
        (timedelta(0), None, Staleness.FRESH),
        (-timedelta(minutes=5), None, Staleness.FRESH),
        (_DAY - _TICK, None, Staleness.FRESH),
        (_DAY, None, Staleness.STALE),
        (3 * _DAY - _TICK, None, Staleness.STALE),
        (3 * _DAY, None, Staleness.SEVERE),
        (timedelta(hours=2) - _TICK, timedelta(hours=2), Staleness.FRESH),
        (timedelta(hours=2), timedelta(hours=2), Staleness.STALE),
        (timedelta(hours=6) - _TICK, timedelta(hours=2), Staleness.STALE),
        (timedelta(hours=6), timedelta(hours=2), Staleness.SEVERE),
        (5 * _DAY, 7 * _DAY, Staleness.FRESH),
        (20 * _DAY, 7 * _DAY, Staleness.STALE),
        (21 * _DAY, 7 * _DAY, Staleness.SEVERE),
    ],
)
def test_staleness_turns_exactly_at_its_limits(
    age: timedelta | None, max_age: timedelta | None, expected: Staleness
) -> None:
    last_sync_at = None if age is None else _NOW - age
    assert staleness_of(last_sync_at, _NOW, max_age) is expected


@given(st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=36_500)))
def test_whatever_the_limit_it_is_stale_from_that_very_instant_and_severe_from_the_third(
    max_age: timedelta | None,
) -> None:
    limit = max_age or _DAY
    at = [timedelta(0), limit - _TICK, limit, 3 * limit - _TICK, 3 * limit, 4 * limit]
    found = [staleness_of(_NOW - age, _NOW, max_age) for age in at if age <= _NOW - _EVER]
    expected = [Staleness.FRESH] * 2 + [Staleness.STALE] * 2 + [Staleness.SEVERE] * 2
    assert found == expected[: len(found)]


@given(_spans, _spans, st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_a_source_never_gets_fresher_by_waiting(age: timedelta, longer: timedelta, max_age: timedelta | None) -> None:
    order = [Staleness.FRESH, Staleness.STALE, Staleness.SEVERE]
    now, later = (staleness_of(_NOW - span, _NOW, max_age) for span in (age, age + longer))
    assert order.index(now) <= order.index(later)


@pytest.mark.parametrize(
    ("given_signs", "health", "reasons"),
    [
        (signs(), Health.OK, []),
        (signs(None, status=None), Health.UNKNOWN, ["never_synced"]),
        (signs(_DAY), Health.ATTENTION, ["stale"]),
        (signs(3 * _DAY), Health.FAILING, ["severely_stale"]),
        (signs(status="partial", code="fetch_failed"), Health.ATTENTION, ["fetch_failed"]),
        (signs(status="partial"), Health.ATTENTION, ["partial"]),
        (signs(status="error", code="database"), Health.FAILING, ["database"]),
        (signs(status="refused", code="mass_delete"), Health.FAILING, ["mass_delete"]),
        (signs(status="busy", code="lease_held"), Health.OK, []),
        (signs(status="skipped", code="disabled"), Health.OK, []),
        (signs(lacks_vectors=True), Health.ATTENTION, ["embeddings_pending"]),
        (signs(failures=1, lacks_vectors=True), Health.ATTENTION, ["open_failures", "embeddings_pending"]),
        (signs(None, status=None, lacks_vectors=True), Health.ATTENTION, ["embeddings_pending", "never_synced"]),
        (signs(failures=1), Health.ATTENTION, ["open_failures"]),
        (signs(None, status="error", code="auth_failed"), Health.FAILING, ["auth_failed", "never_synced"]),
        (signs(None, status=None, failures=2), Health.ATTENTION, ["open_failures", "never_synced"]),
        (
            signs(3 * _DAY, status="partial", code="timeout", failures=1),
            Health.FAILING,
            ["severely_stale", "timeout", "open_failures"],
        ),
    ],
)
def test_the_worst_sign_gives_the_health_and_every_sign_its_reason(
    given_signs: Signs, health: Health, reasons: list[str]
) -> None:
    assert assess(given_signs, _NOW) == (health, reasons)


def test_tables_show_failing_before_attention_before_unknown_before_ok() -> None:
    assert sorted(Health, key=rank) == [Health.FAILING, Health.ATTENTION, Health.UNKNOWN, Health.OK]


@given(
    _ages,
    st.sampled_from([None, "ok", "partial", "refused", "error", "busy", "skipped"]),
    st.integers(0, 3),
    st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=40)),
)
def test_a_source_is_ok_only_without_any_reason_and_more_trouble_never_makes_it_better(
    age: timedelta | None, status: str | None, failures: int, max_age: timedelta | None
) -> None:
    health, reasons = assess(signs(age, status=status, failures=failures, max_age=max_age), _NOW)
    assert (health is Health.OK) == (reasons == [])
    worse, more = assess(signs(age, status=status, failures=failures + 1, max_age=max_age), _NOW)
    assert rank(worse) <= rank(health)
    assert set(reasons) <= set(more)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("ok", None, (Health.ATTENTION, ["interrupted"])),
        (None, None, (Health.ATTENTION, ["interrupted", "never_synced"])),
        ("partial", "timeout", (Health.ATTENTION, ["timeout"])),
        ("error", "database", (Health.FAILING, ["database"])),
    ],
)
def test_a_run_that_was_cut_off_is_told_where_nothing_else_says_why_the_source_is_half_in(
    status: str | None, code: str | None, expected: tuple[Health, list[str]]
) -> None:
    age = None if status is None else timedelta(0)
    assert assess(signs(age, status=status, code=code, is_half_in=True), _NOW) == expected
