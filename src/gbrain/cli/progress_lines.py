"""Progress as lines for a log or a mail: of what takes long, ever more rarely."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from gbrain.cli.answer import tell
from gbrain.cli.progress_words import before, sentence
from gbrain.domain.events import Kind, Progress
from gbrain.domain.outcome import Result
from gbrain.standard_error import can_take

FIRST_AFTER_S = 5.0
"""A source that is done sooner says nothing on the way."""
APART_AT_MOST_S = 60.0


class ProgressLines:
    """A line of a source after 5 s of work, then 10, 20 and 40 s later, then every minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str | None, tuple[float, float]] = {}

    def choose(self, source_ids: Sequence[str]) -> None:
        """Those that take part are known by their lines."""

    def progress(self, event: Progress) -> None:
        """A line where the source's is due."""
        if event.source_id is None and event.kind in (Kind.FINISH, Kind.ABORT):
            self._due.pop(None, None)
            return
        now = self._clock()
        due, pause = self._due.setdefault(event.source_id, (now + FIRST_AFTER_S, FIRST_AFTER_S))
        if now < due or not can_take():
            return
        pause = min(2 * pause, APART_AT_MOST_S)
        self._due[event.source_id] = (now + pause, pause)
        tell(before(event) + sentence(event))

    def finish(self, result: Result) -> None:
        """Its lines are over."""
        self._due.pop(result.source_id, None)

    def rest(self, text: str) -> None:
        """Those who are silent are at rest."""

    def make_room(self) -> None:
        """Lines do not get into each other's way."""

    def go_on(self) -> None:
        """Lines do not get into each other's way."""

    def close(self) -> None:
        """Each line was written as it came."""
