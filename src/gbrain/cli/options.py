"""Flags and arguments that several commands take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from gbrain.app.settings import positive_int
from gbrain.domain.durations import parse_duration
from gbrain.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
MaybeId = Annotated[str | None, typer.Argument(metavar="[ID]", show_default=False)]


def positive(text: str | None, flag: str) -> int | None:
    """The whole number of at least 1 that a flag was given; None where it was not; anything else is a usage error."""
    if text is None:
        return None
    try:
        return positive_int(text)
    except ValueError as error:
        raise UsageError(f"{flag} is {text!r}, not {error}", hint=f"give one such as {flag} 4") from error


def parted(texts: Sequence[str]) -> tuple[str, ...]:
    """What a flag names that may be repeated and takes several with commas between them: each once, empty ones too."""
    return tuple(dict.fromkeys(one.strip() for text in texts for one in text.split(",")))


def duration(text: str | None, flag: str) -> timedelta | None:
    """The duration that a flag was given, zero for an empty text; None where it was not; else a usage error."""
    if text is None:
        return None
    if not text:
        return timedelta(0)
    found = parse_duration(text)
    if found is None:
        hint = "give a number of seconds, or one with s, m, h or d, such as 90, 30s, 15m, 24h, 3d or 365d"
        raise UsageError(f"{flag} is {text!r}, not a duration", hint=hint)
    return found
