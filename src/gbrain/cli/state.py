"""What the global flags said, for the command that runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from gbrain.app.settings import Settings, read_settings
from gbrain.cli.answer import tell

if TYPE_CHECKING:
    from gbrain.app.brain import Brain

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Globals:
    """The global flags."""

    home: Path | None = None
    database_url: str | None = None
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False


def globals_of(context: typer.Context) -> Globals:
    """The global flags of the command line that is being run."""
    found = context.find_root().obj
    return found if isinstance(found, Globals) else Globals()


def settings_of(context: typer.Context) -> Settings:
    """The settings in force for it."""
    flags = globals_of(context)
    return read_settings(os.environ, home=flags.home, database_url=flags.database_url)


def here() -> Path:
    """The current folder; the root where it is gone, which no source is registered around."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def with_brain(context: typer.Context, work: Callable[[Brain], Awaitable[Answer]], *, connections: int = 1) -> Answer:
    """Open the brain, run the work on it, close it; interruption and termination cancel the work cleanly."""
    import asyncio

    from gbrain.app.brain import reach_database

    settings = settings_of(context)
    say = (lambda text: None) if globals_of(context).quiet else tell
    with reach_database(settings, say) as conninfo:
        terminate = signal.getsignal(signal.SIGTERM)
        try:
            return asyncio.run(_within(settings, conninfo, work, connections))
        finally:
            signal.signal(signal.SIGTERM, terminate)  # the loop leaves the default, which would end us at once


async def _within(
    settings: Settings, conninfo: str, work: Callable[[Brain], Awaitable[Answer]], connections: int
) -> Answer:
    import asyncio

    from gbrain.app.brain import open_brain

    task = asyncio.current_task()
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task is not None:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        async with open_brain(settings, conninfo, connections=connections) as brain:
            return await work(brain)
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise


class Terminated(BaseException):
    """The process was asked to end and has done so in order."""
