"""Durations as users write them: `90`, `30s`, `15m`, `24h`, `3d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"([0-9]{1,9})([smhd]?)")


def parse_duration(text: str) -> timedelta | None:
    """The duration that `text` says, a bare number being seconds; None where it says none, or nothing at all."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    seconds = int(match[1]) * _UNITS[match[2]]
    return timedelta(seconds=seconds) if 0 < seconds <= 100 * 365 * 86400 else None
