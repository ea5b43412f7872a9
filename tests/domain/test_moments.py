"""Moments as users write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.moments import moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", "2024-01-01T00:00:00+00:00"),
        ("2024-05", "2024-05-01T00:00:00+00:00"),
        ("2024-05-31", "2024-05-31T00:00:00+00:00"),
        ("2024/05/31", "2024-05-31T00:00:00+00:00"),
        ("2024-05-31T09:30", "2024-05-31T09:30:00+00:00"),
        ("2024-05-31 09:30:15.5", "2024-05-31T09:30:15.500000+00:00"),
        ("2024-05-31t09:30z", "2024-05-31T09:30:00+00:00"),
        ("2024-05-31T00:30+0200", "2024-05-30T22:30:00+00:00"),
        ("2024-12-31T23:30-01:00", "2025-01-01T00:30:00+00:00"),
        ("0001-01-01", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_a_moment_is_the_first_of_what_is_named_and_without_a_zone_one_of_utc(text: str, expected: str) -> None:
    found = moment(text)
    assert found is not None
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "24", "20240531", "2024-5-1", "2024-13", "2024-02-30", "2024-05/31", "2024-05-31T", "2024-05-31T24:00"),
        *("2024-05-31T09", "2024-05-31T09:30+24:00", "0000", "0001-01-01T00:00+14:00", "٢٠٢٤", "2024-W18", "yesterday"),
        *("2024-05-31T09:60", " 2024", "2024\n", "2024-05-31Z", "9999-12-31T23:00-02:00"),
    ],
)
def test_what_names_no_moment_is_none(text: str) -> None:
    assert moment(text) is None


_zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=_zones))
def test_every_moment_in_the_form_of_iso_8601_is_read_exactly(expected: datetime) -> None:
    found = moment(expected.isoformat(timespec="microseconds"))
    assert found == expected
    assert found.tzinfo is UTC


@given(st.text(max_size=30))
def test_no_text_is_an_error(text: str) -> None:
    moment(text)
