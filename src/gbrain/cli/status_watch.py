"""`gbrain sources status --watch`: rounds of reading and showing, until told to stop or nobody looks any more."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from types import FrameType

from gbrain.app.readings import readings
from gbrain.app.settings import Settings
from gbrain.cli.answer import ReaderGone, is_drawable, tell
from gbrain.cli.state import Terminated, collect_garbage
from gbrain.cli.status_surfaces import EVERY_SECONDS, Stream, Surface, seen_by
from gbrain.errors import CouldNotRun


def watch(settings: Settings, *, quiet: bool, color: bool, as_json: bool) -> None:
    """Show the sources every two seconds. To be told to stop is its proper end.

    Raises CouldNotRun where the first round finds nothing to show; any later one is made up for by the next.
    """
    say = (lambda text: None) if quiet else tell
    collect_garbage()
    stopped = suppress(KeyboardInterrupt, Terminated, ReaderGone)
    with stopped, _surface(color=color, as_json=as_json) as surface, _stoppable():
        asyncio.run(_rounds(settings, say, surface))


@contextmanager
def _surface(*, color: bool, as_json: bool) -> Iterator[Surface]:
    if as_json or not is_drawable(sys.stdout):
        yield Stream(color=color, as_json=as_json)
        return
    from gbrain.cli.status_screen import Screen

    with Screen(color=color) as screen:
        yield screen


@contextmanager
def _stoppable() -> Iterator[None]:
    """Within the block the first signal to stop is a KeyboardInterrupt wherever it strikes, later ones nothing."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    is_told = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            raise KeyboardInterrupt

    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_IGN if is_told else before[number])


async def _rounds(settings: Settings, say: Callable[[str], None], surface: Surface) -> None:
    has_shown = False
    # A task that ended with KeyboardInterrupt would be reported as one whose error nobody has looked at.
    with suppress(KeyboardInterrupt), _reader() as is_there:
        async with aclosing(readings(settings, say)) as found:
            async for reading in found:
                if not isinstance(reading, CouldNotRun):
                    surface.show(seen_by(settings, reading))
                    has_shown = True
                elif has_shown:
                    surface.miss(reading)
                else:
                    raise reading
                if not is_there():
                    return
                await asyncio.sleep(EVERY_SECONDS)


@contextmanager
def _reader() -> Iterator[Callable[[], bool]]:
    """Tells whether somebody still reads what is written; it still can when writing has failed and been given up."""
    if sys.stdout is None:
        yield lambda: True
        return
    descriptor = os.dup(sys.stdout.fileno())
    poll = select.poll()
    poll.register(descriptor, 0)
    try:
        yield lambda: not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
    finally:
        os.close(descriptor)
