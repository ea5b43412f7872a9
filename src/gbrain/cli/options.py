"""Flags and arguments that several commands take."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.app.settings import positive_int
from gbrain.domain.durations import parse_duration
from gbrain.domain.source import Strategy
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.services.source_settings import Told

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
MaybeId = Annotated[str | None, typer.Argument(metavar="[ID]", show_default=False)]


PathOption = Annotated[
    Path | None, typer.Option("--path", help="A git repository on this host, or a folder inside one.", metavar="DIR")
]
Url = Annotated[str | None, typer.Option("--url", help="An https, ssh, git or file URL.", metavar="URL")]
Name = Annotated[str | None, typer.Option("--name", help="A name for people; the id where there is none.")]
Branch = Annotated[str | None, typer.Option("--branch", help="The branch to follow; '' for the current one.")]
Subdir = Annotated[
    str | None, typer.Option("--subdir", help="The folder that is all of the source; '' for the whole.", metavar="DIR")
]
StrategyOption = Annotated[Strategy | None, typer.Option("--strategy", help="Which files become pages; auto is both.")]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", help="Only paths that match, as in .gitignore; '' for all.", metavar="GLOB"),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", help="Nothing that matches; '' for none.", metavar="GLOB")
]
Federated = Annotated[
    bool | None, typer.Option("--federated/--isolated", help="Whether it is searched when no source is named.")
]
MaxAge = Annotated[
    str | None, typer.Option("--max-age", help="Stale after this long, such as 24h; severe after three times that.")
]
Interval = Annotated[str | None, typer.Option("--interval", help="How often `sync --watch` looks at it at least.")]


def told(
    *,
    path: Path | None,
    url: str | None,
    name: str | None,
    branch: str | None,
    subdir: str | None,
    strategy: Strategy | None,
    include: list[str] | None,
    exclude: list[str] | None,
    federated: bool | None,
    enabled: bool | None,
    max_age: str | None,
    interval: str | None,
) -> Told:
    """What these flags say of a source."""
    from gbrain.services.source_settings import Told

    return Told(
        path=path,
        url=url,
        name=name,
        branch=branch,
        subdir=subdir,
        strategy=strategy,
        include=None if not include else [] if include == [""] else include,
        exclude=None if not exclude else [] if exclude == [""] else exclude,
        federated=federated,
        enabled=enabled,
        max_age=duration(max_age, "--max-age"),
        interval=duration(interval, "--interval"),
    )


def positive(text: str | None, flag: str) -> int | None:
    """The whole number of at least 1 that a flag was given; None where it was not; anything else is a usage error."""
    if text is None:
        return None
    try:
        return positive_int(text)
    except ValueError as error:
        raise UsageError(f"{flag} is {text!r}, not {error}", hint=f"give one such as {flag} 4") from error


def duration(text: str | None, flag: str) -> timedelta | None:
    """The duration that a flag was given, zero for an empty text; None where it was not; else a usage error."""
    if text is None:
        return None
    if not text:
        return timedelta(0)
    found = parse_duration(text)
    if found is None:
        raise UsageError(f"{flag} is {text!r}, not a duration", hint="give one such as 90, 30s, 15m, 24h or 3d")
    return found
