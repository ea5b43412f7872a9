"""Progress on a terminal: a table that is drawn over itself, a line for each source that is at work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gbrain.cli.answer import counted, stand
from gbrain.cli.live_rows import Fleet
from gbrain.cli.sync_report import is_well
from gbrain.domain.events import Kind, Progress
from gbrain.domain.outcome import Result
from gbrain.standard_error import can_take

if TYPE_CHECKING:
    from rich.live import Live

_FIRST_AFTER_S = 0.4
"""A sync that is over sooner needs no table."""
_DRAWN_APART_S = 0.2


class LiveTable:
    """Those at work move, those that ended settle above as lines of the answer, those that failed stay in sight."""

    def __init__(self, *, color: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._color, self._clock = color, clock
        self._fleet = Fleet(began_s=clock())
        self._live: Live | None = None
        self._drawn_at = self._since = clock()
        self._is_closed = False
        self._standing = ""
        self._was_there = False
        stand("opening the brain …")

    def choose(self, source_ids: Sequence[str]) -> None:
        """So many are to come; until there is something to see a line says so."""
        self._fleet.chosen += len(source_ids)
        self._standing = ""
        if self._live is None:
            self._since = self._clock()
            stand(f"syncing {counted(len(source_ids), 'source')} …")

    def progress(self, event: Progress) -> None:
        """Move the source's line."""
        self._fleet.at_work[event.source_id] = event
        if event.source_id is None and event.kind in (Kind.FINISH, Kind.ABORT):
            del self._fleet.at_work[None]
        self._draw()

    def finish(self, result: Result) -> None:
        """Take the source's line away; what is wrong with it stays."""
        self._fleet.at_work.pop(result.source_id, None)
        self._fleet.ended += 1
        if not is_well(result):
            self._fleet.troubled[result.source_id] = result
        self._draw()

    def rest(self, text: str) -> None:
        """The table gives way to a line, and begins anew with the next that is at work."""
        self._erase()
        self._fleet = Fleet(began_s=self._clock())
        self._since = self._clock()
        if not self._is_closed and text != self._standing:
            stand(text)
        self._standing = text

    def make_room(self) -> None:
        """The table goes."""
        self._was_there = self._live is not None
        self._erase()

    def go_on(self) -> None:
        """It comes back below what was written."""
        if self._was_there:
            self._draw(at_once=True)

    def close(self) -> None:
        """The table goes for good."""
        self._is_closed = True
        self._erase()
        stand("")

    def _erase(self) -> None:
        """What is written next stands where the table stood."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self, *, at_once: bool = False) -> None:
        now = self._clock()
        is_early = now - self._since < _FIRST_AFTER_S or now - self._drawn_at < _DRAWN_APART_S
        if self._is_closed or (is_early and not at_once) or not can_take():
            return
        self._drawn_at = now
        if self._live is None:
            self._live = self._begun()
        console = self._live.console
        self._live.update(self._fleet.table(console.width, console.height, now), refresh=True)

    def _begun(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        stand("")
        console = Console(file=sys.stderr, highlight=False, no_color=not self._color)
        live = Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False)
        live.start()
        return live
