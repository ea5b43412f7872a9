"""What a sync tells while it works: results on standard output, progress on standard error in one of four forms."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from gbrain.cli.answer import counted, tell
from gbrain.cli.progress_words import DOING
from gbrain.cli.sync_report import is_fine, is_no_news, lowered, put_result
from gbrain.domain.events import Event, Finished, Kind, ParallelLowered, Progress, SourcesChosen
from gbrain.domain.outcome import Result
from gbrain.domain.steps import Phase
from gbrain.errors import CouldNotRun, UsageError

FORMS = ("auto", "plain", "json", "none")


class Surface(Protocol):
    """A form of progress."""

    def choose(self, source_ids: Sequence[str]) -> None:
        """These sources take part."""

    def progress(self, event: Progress) -> None:
        """A source's run has come so far."""

    def finish(self, result: Result) -> None:
        """A source's run has ended."""

    def rest(self, text: str) -> None:
        """Nothing is at work; a watch goes on."""

    def aside(self) -> AbstractContextManager[object]:
        """Room for lines of the answer, which may lead to the same terminal."""

    def close(self) -> None:
        """Nothing more comes."""


class Silence:
    """No progress at all."""

    def choose(self, source_ids: Sequence[str]) -> None:
        """Nothing is said."""

    def progress(self, event: Progress) -> None:
        """Nothing is said."""

    def finish(self, result: Result) -> None:
        """Nothing is said."""

    def rest(self, text: str) -> None:
        """Nothing is said."""

    def aside(self) -> AbstractContextManager[object]:
        """Nothing is in the way."""
        return nullcontext()

    def close(self) -> None:
        """Nothing is left."""


def surface_of(form: str, *, is_quiet: bool, is_verbose: bool, color: bool) -> Surface:
    """The surface of a form; `auto` is a live table on a terminal that has nothing else to show, else plain lines."""
    if form not in FORMS:
        raise UsageError(f"--progress is {form!r}", hint=f"give one of {', '.join(FORMS)}")
    if form == "json":
        from gbrain.cli.progress_events import ProgressEvents

        return ProgressEvents()
    if form == "none" or is_quiet:
        return Silence()
    if form == "auto" and not is_verbose and sys.stderr is not None and sys.stderr.isatty():
        from gbrain.cli.live_table import LiveTable

        return LiveTable(color=color)
    from gbrain.cli.progress_lines import ProgressLines

    return ProgressLines()


class Telling:
    """Prints events as they come. A standard output that cannot be written is said when the work is done."""

    def __init__(self, surface: Surface, *, as_json: bool, is_quiet: bool, all_sources: bool) -> None:
        self._surface, self._as_json, self._is_quiet, self._all_sources = surface, as_json, is_quiet, all_sources
        self._unwritable: CouldNotRun | None = None
        self._cut_off: dict[str, Progress] = {}
        self._chosen, self._ended = 0, 0
        self.only_news = False
        """Whether a source that was and is up to date is not worth a line: in a watch, after its first round."""

    def emit(self, event: Event) -> None:
        """Tell of one event, where there is a line for it."""
        match event:
            case SourcesChosen():
                self._chosen += len(event.source_ids)
                self._surface.choose(event.source_ids)
            case Progress():
                if event.kind is Kind.ABORT:
                    self._cut_off[event.source_id] = event
                self._surface.progress(event)
            case ParallelLowered():
                if not self._is_quiet:
                    with self._surface.aside():
                        tell(lowered(event))
            case Finished():
                self._finish(event.result)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._surface.close()

    def aside(self) -> AbstractContextManager[object]:
        """Room for lines that are not about one source."""
        return self._surface.aside()

    def rest(self, text: str) -> None:
        """A watch has nothing to do at the moment."""
        self._surface.rest(text)

    def check(self) -> None:
        """Raise what kept the lines of the answer from being written."""
        if self._unwritable is not None:
            raise self._unwritable

    def stop(self, *, is_watch: bool) -> None:
        """It was told to end: say what is kept."""
        self._surface.close()
        if self._is_quiet or not self._chosen:
            return
        for event in self._cut_off.values():
            tell(f"[{event.source_id}] stopped while {DOING[event.phase]}{_kept(event)}")
        if is_watch:
            tell("stopped watching")
            return
        tell(f"{self._ended} of {counted(self._chosen, 'source')} had ended; the next sync goes on from here")

    def _finish(self, result: Result) -> None:
        self._ended += 1
        self._cut_off.pop(result.source_id, None)
        self._surface.finish(result)
        needs_nobody = self._is_quiet and is_fine(result, all_sources=self._all_sources)
        is_silent = needs_nobody or (self.only_news and is_no_news(result))
        if self._as_json or self._unwritable is not None or is_silent:
            return
        try:
            with self._surface.aside():
                put_result(result)
        except CouldNotRun as error:
            self._unwritable = error


def _kept(event: Progress) -> str:
    if event.phase is not Phase.WRITE or event.total is None:
        return ""
    return f": {event.done:,} of {event.total:,} are in and stay"
