"""What the global flags said, for the command that runs."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
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
        return asyncio.run(_within(settings, conninfo, work, connections))


async def _within(
    settings: Settings, conninfo: str, work: Callable[[Brain], Awaitable[Answer]], connections: int
) -> Answer:
    import asyncio

    from gbrain.app.brain import open_brain

    told: list[signal.Signals] = []
    with _stoppable(told):
        try:
            async with open_brain(settings, conninfo, connections=connections) as brain:
                collect_garbage()
                return await work(brain)
        except asyncio.CancelledError:
            if not told:
                raise
            raise (Terminated if told[0] is signal.SIGTERM else KeyboardInterrupt) from None


@contextmanager
def _stoppable(told: list[signal.Signals]) -> Iterator[None]:
    """Within the block the first signal to stop cancels the task, and is told; later ones find it ending."""
    import asyncio

    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: signal.Signals) -> None:
        told.append(number)
        if len(told) == 1 and task is not None:
            task.cancel()

    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def collect_garbage() -> None:
    """From now on: no command does while it is loaded. What is loaded is passed over, since none of it goes again."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


class Terminated(BaseException):
    """The process was asked to end and has done so in order."""
