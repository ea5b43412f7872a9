"""How long to wait for an endpoint: as its answer asks, or longer each time where it asks nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

LONGEST_WAIT = timedelta(days=1)
"""Whatever an answer asks for, after that it is asked again."""

_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.5, 60.0

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{0,9})?")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d{1,9}(?:\.\d{0,9})?)(h|ms|m|s|us|µs|ns)")

_EPOCH_S, _EPOCH_MS = 1e9, 1e12
"""From here on, a number is no length of time but an instant: seconds, or milliseconds, since 1970."""


def asked_wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the answer with these headers asks to wait, never below zero nor above a day; None where it is silent.

    Names of headers are in lower case. `Retry-After` counts before what is said of when a limit resets; where the
    answer bears a date, instants are held against that: its clock need not be ours.
    """
    by = _date(headers.get("date", "")) or now
    exact = _number(headers.get("retry-after-ms", ""))
    if exact is not None:
        return _bounded(exact / 1000)
    asked = _read(headers.get("retry-after", ""), by)
    return asked if asked is not None else reset(headers, by)


def reset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """In what time the limits that the headers tell of are fresh again; None where they tell nothing.

    Of several the longest counts, those that are said to have something left being passed over where any has not.
    """
    known = [
        (headers.get(left, "0"), wait)
        for left, reset in _LIMITS
        if (wait := _read(headers.get(reset, ""), now)) is not None
    ]
    used_up = [wait for left, wait in known if _number(left) == 0]
    return max(used_up or [wait for _, wait in known], default=None)


def remaining(headers: Mapping[str, str], *names: str) -> int | None:
    """The first of these headers that is a number, as the count it is; None where none of them is."""
    counts = (_number(headers.get(name, "")) for name in names)
    return next((int(count) for count in counts if count is not None), None)


def backoff(attempt: int, luck: float) -> timedelta:
    """How long to wait after so many vain attempts (the first is 0): twice as long each time, up to a minute.

    `luck`, at least 0 and below 1, spreads those who wait over the second half of it.
    """
    longest = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2 ** min(attempt, 16))
    return timedelta(seconds=longest * (0.5 + luck / 2))


def jittered(wait: timedelta, luck: float) -> timedelta:
    """The wait that was asked for and up to a quarter more, so that those who wait do not all come back at once."""
    return wait * (1 + luck / 4)


_LIMITS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
)


def _read(text: str, now: datetime) -> timedelta | None:
    """A length of time, or the time until an instant, in whatever form."""
    seconds = _number(text)
    if seconds is not None and seconds >= _EPOCH_S:
        return _bounded(_since_1970(seconds) - now.timestamp())
    if seconds is not None or (seconds := _in_parts(text)) is not None:
        return _bounded(seconds)
    instant = _date(text)
    return _bounded((instant - now).total_seconds()) if instant is not None else None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text := text.strip()) and text.isascii() else None


def _in_parts(text: str) -> float | None:
    """`1h2m3.5s`, `350ms`: the form that Go writes durations in."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _date(text: str) -> datetime | None:
    """The instant that an HTTP date or one of ISO 8601 says; UTC where it names no zone."""
    from email.utils import parsedate_to_datetime

    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = parse(text.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _since_1970(number: float) -> float:
    return number / 1000 if number >= _EPOCH_MS else number


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(0.0, seconds), LONGEST_WAIT.total_seconds()))
