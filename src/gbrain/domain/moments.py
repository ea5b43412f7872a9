"""Moments as users write them: `2024`, `2024-05`, `2024-05-01`, `2024-05-01T09:30+02:00`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MOMENT = re.compile(
    r"([0-9]{4})(?:([-/])([0-9]{2})(?:\2([0-9]{2})"
    r"(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?"
)


def moment(text: str) -> datetime | None:
    """The first moment, in UTC, of the year, month, day or minute that is named, without a zone one of UTC.

    None where none is: `2024`, `2024-05`, `2024-05-01` (or with `/`), and after a day `T09:30`, `T09:30:15.5`, then `Z`
    or `+02:00`; a space will do for the `T`.
    """
    found = _MOMENT.fullmatch(text.upper())
    if found is None:
        return None
    year, _, month, day, time, zone = found.groups()
    written = f"{year}-{month or '01'}-{day or '01'}T{time or '00:00'}{zone or 'Z'}"
    try:
        return datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
