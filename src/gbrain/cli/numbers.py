"""Numbers given as flags."""

from __future__ import annotations

from gbrain.app.settings import positive_int
from gbrain.errors import UsageError


def positive(text: str | None, flag: str) -> int | None:
    """The whole number of at least 1 that a flag was given; None where it was not; anything else is a usage error."""
    if text is None:
        return None
    try:
        return positive_int(text)
    except ValueError as error:
        raise UsageError(f"{flag} is {text!r}, not {error}", hint=f"give one such as {flag} 4") from error
