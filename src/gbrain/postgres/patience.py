"""Waiting for as long as something moves: a server may take minutes to replay its log, and a hung one for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

from gbrain.errors import DatabaseUnusable

_TOLD_AFTER_S = 2.0
_STALLED_AFTER_S = 60.0
_SHORTEST_S, _LONGEST_S = 0.002, 0.05


class Patience:
    """The pauses between looks at a server that does not answer yet.

    `sign` gives a value that changes while there is progress. `say` is told once, when it takes long.
    """

    def __init__(
        self,
        *,
        sign: Callable[[], object],
        say: Callable[[str], None],
        hint: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sign, self._say, self._hint, self._clock, self._sleep = sign, say, hint, clock, sleep
        self._last = sign()
        self._began = self._moved = clock()
        self._told = False
        self._pause_s = _SHORTEST_S

    def pause(self) -> None:
        """Sleeps a few milliseconds. Raises DatabaseUnusable when nothing has moved for a minute."""
        now = self._clock()
        if (sign := self._sign()) != self._last:
            self._last, self._moved = sign, now
        if now - self._moved > _STALLED_AFTER_S:
            raise DatabaseUnusable("The database has not answered, nor made progress, for 60 s.", hint=self._hint)
        if now - self._began > _TOLD_AFTER_S and not self._told:
            self._told = True
            self._say("Waiting for the database to start.")
        self._sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 1.2, _LONGEST_S)

    def begin_anew(self) -> None:
        """Short pauses again: something was just done that may soon show."""
        self._pause_s = _SHORTEST_S
