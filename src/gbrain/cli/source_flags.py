"""A flag for each setting of a source, as `add` and `set` take them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.options import Id, Json, duration
from gbrain.domain.source import Strategy
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.services.source_settings import Told

PathOption = Annotated[
    str | None,
    typer.Option(
        "--path", help="A git repository on this host, a folder inside one, or a plain folder.", metavar="DIR"
    ),
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
Disabled = Annotated[bool | None, typer.Option("--disabled/--enabled", help="Whether it is left out of sync.")]
MaxAge = Annotated[
    str | None,
    typer.Option(
        "--max-age", help="Stale after this long, such as 24h; severe after three times that.", metavar="DURATION"
    ),
]
Interval = Annotated[
    str | None,
    typer.Option("--interval", help="How long `sync --watch` leaves it alone at most.", metavar="DURATION"),
]

Act = Callable[[typer.Context, str, "Told", bool], None]


def with_settings(act: Act) -> Callable[..., None]:
    """The command that does `act` with a source's id, with what the flags say, and with whether JSON is asked for."""

    def command(
        context: typer.Context,
        source_id: Id,
        path: PathOption = None,
        url: Url = None,
        name: Name = None,
        branch: Branch = None,
        subdir: Subdir = None,
        strategy: StrategyOption = None,
        include: Include = None,
        exclude: Exclude = None,
        federated: Federated = None,
        disabled: Disabled = None,
        max_age: MaxAge = None,
        interval: Interval = None,
        as_json: Json = False,
    ) -> None:
        from gbrain.services.source_settings import Told

        what = Told(
            path=_folder(path),
            url=url,
            name=name,
            branch=branch,
            subdir=subdir,
            strategy=strategy,
            include=_globs(include),
            exclude=_globs(exclude),
            federated=federated,
            enabled=None if disabled is None else not disabled,
            max_age=duration(max_age, "--max-age"),
            interval=duration(interval, "--interval"),
        )
        act(context, source_id, what, as_json)

    command.__doc__ = act.__doc__
    return command


def _folder(given: str | None) -> Path | None:
    if given == "":
        raise UsageError("--path is empty", hint="give --path DIR, or --path . for this folder")
    return Path(given) if given is not None else None


def _globs(given: list[str] | None) -> list[str] | None:
    """What a flag was given; one empty text takes all globs back."""
    return None if not given else [] if given == [""] else given
