"""Durations as users write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("15m", 900), ("24h", 86400), ("3d", 259200), (" 5m ", 300), ("1", 1), ("007s", 7)],
)
def test_a_number_with_a_unit_is_a_duration_and_a_bare_one_is_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "0s",
        "00d",
        "-1",
        "1.5h",
        "1 h",
        "h",
        "1w",
        "1H",
        "1h30m",
        "٣s",
        "1e3",
        "inf",
        "9999999999",
        "99999999d",
    ],
)
def test_what_is_no_duration_or_none_at_all_is_refused(text: str) -> None:
    assert parse_duration(text) is None


@given(st.integers(1, 36_500), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]))
def test_every_number_of_every_unit_is_read_exactly(number: int, unit: tuple[str, int]) -> None:
    assert parse_duration(f"{number}{unit[0]}") == timedelta(seconds=number * unit[1])


@given(st.text(max_size=12))
def test_no_text_is_read_as_less_than_a_second(text: str) -> None:
    found = parse_duration(text)
    assert found is None or found >= timedelta(seconds=1)
