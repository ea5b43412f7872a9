"""The dashboard drawn on a terminal, in place, for as long as somebody watches."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import suppress
from datetime import datetime
from types import FrameType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from gbrain.cli.answer import ReaderGone, presentable, put
from gbrain.cli.status_surfaces import EVERY_SECONDS, console_of, local_zone, rendered
from gbrain.cli.status_table import table
from gbrain.errors import GbrainError
from gbrain.services.status import Dashboard


class Screen:
    """The terminal's other screen. The last table stays on the usual one when the block ends."""

    def __init__(self, *, color: bool) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        self._found = Dashboard(sources=[], coverage=None)
        self._read_at: datetime | None = None
        self._error: GbrainError | None = None
        self._console = console_of(color=color)
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            get_renderable=lambda: Group(*self._lines(self._console.height)),
        )

    def __enter__(self) -> Self:
        self._before = {
            signal.SIGWINCH: signal.signal(signal.SIGWINCH, self._redraw),
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._pause),
        }
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # the terminal may have gone
            self._live.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._read_at is not None:
            put(rendered(self._console, self._lines(None)))

    def show(self, found: Dashboard) -> None:
        """Draw what was just read."""
        self._found, self._read_at, self._error = found, datetime.now(local_zone()), None
        self._draw()

    def miss(self, error: GbrainError) -> None:
        """Draw the last table again, with what is wrong above it."""
        self._error = error
        self._draw()

    def _draw(self) -> None:
        try:
            self._live.start()
            self._live.refresh()
        except OSError as error:
            raise ReaderGone from error

    def _redraw(self, number: int, frame: FrameType | None) -> None:
        if self._live.is_started:
            self._live.refresh()

    def _pause(self, number: int, frame: FrameType | None) -> None:
        """Give the terminal back while the process is stopped."""
        was_drawn = self._live.is_started
        self._live.stop()
        os.kill(os.getpid(), signal.SIGSTOP)
        if was_drawn:
            self._draw()

    def _lines(self, height: int | None) -> list[Text]:
        """The table with a line above it, as far as it fits."""
        width = self._console.width
        shown = table(self._found, width=width, zone=local_zone())
        note = Text(self._note(goes_on=height is not None), style="red" if self._error else "dim")
        note.truncate(width, overflow="ellipsis")
        return [note, *shown.lines(None if height is None else height - 1)]

    def _note(self, *, goes_on: bool) -> str:
        at = f"{self._read_at:%Y-%m-%d %H:%M:%S %Z}" if self._read_at else "never"
        if self._error is not None:
            return f"not read since {at}: {presentable(self._error.message)}"
        return f"read {at}" + (f"; again every {EVERY_SECONDS:g} s" if goes_on else "")
