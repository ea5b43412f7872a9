"""What a sync or a fill tells while it works: results on standard output, progress on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import typer

from gbrain.cli.answer import counted, tell
from gbrain.cli.progress_words import before, doing
from gbrain.cli.state import globals_of
from gbrain.cli.surfaces import Silence, Surface, surface_of
from gbrain.cli.sync_report import is_fine, is_no_news, lowered, put_result
from gbrain.domain.events import Event, Finished, Kind, ParallelLowered, Progress, SourcesChosen
from gbrain.domain.outcome import Result
from gbrain.domain.steps import Phase
from gbrain.errors import CouldNotRun


class Telling:
    """Prints events as they come. A standard output that cannot be written is said when the work is done."""

    def __init__(self, surface: Surface, *, as_json: bool, is_quiet: bool, all_sources: bool) -> None:
        self._surface, self._as_json, self._is_quiet, self._all_sources = surface, as_json, is_quiet, all_sources
        self._unwritable: CouldNotRun | None = None
        self._cut_off: dict[str | None, Progress] = {}
        self._chosen, self._ended = 0, 0
        self.only_news = False
        """Whether a source that was and is up to date is not worth a line: in a watch, after its first round."""

    def emit(self, event: Event) -> None:
        """Tell of one event, where there is a line for it."""
        match event:
            case SourcesChosen():
                self._chosen += len(event.source_ids)
                self._show(lambda surface: surface.choose(event.source_ids))
            case Progress():
                if event.kind is Kind.ABORT:
                    self._cut_off[event.source_id] = event
                elif event.kind is Kind.START:
                    self._cut_off.pop(event.source_id, None)
                self._show(lambda surface: surface.progress(event))
            case ParallelLowered():
                if not self._is_quiet:
                    with self.aside():
                        tell(lowered(event))
            case Finished():
                self._finish(event.result)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._show(lambda surface: surface.close())

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Room for lines of the answer."""
        self._show(lambda surface: surface.make_room())
        yield
        self._show(lambda surface: surface.go_on())

    def rest(self, text: str) -> None:
        """A watch has nothing to do at the moment."""
        self._show(lambda surface: surface.rest(text))

    def _show(self, show: Callable[[Surface], None]) -> None:
        """A terminal that has gone away ends the telling, and no run."""
        try:
            show(self._surface)
        except (OSError, ValueError):
            self._surface = Silence()

    def check(self) -> None:
        """Raise what kept the lines of the answer from being written."""
        if self._unwritable is not None:
            raise self._unwritable

    def stop(self, *, is_watch: bool, then: str) -> None:
        """It was told to end: say how far it came, and what is to be done then."""
        self.close()
        if self._is_quiet or not (self._chosen or self._cut_off):
            return
        for event in self._cut_off.values():
            tell(f"{before(event)}stopped while {doing(event)}{_done(event)}")
        if is_watch:
            tell("stopped watching")
            return
        if not self._chosen:
            tell(then)
            return
        begun = self._ended + sum(source_id is not None for source_id in self._cut_off)
        ended = f"of {counted(self._chosen, 'source')} {self._ended:,} had ended"
        waiting = f", {self._chosen - begun:,} had not begun" if begun < self._chosen else ""
        tell(f"{ended}{waiting}; {then}")

    def _finish(self, result: Result) -> None:
        self._ended += 1
        self._cut_off.pop(result.source_id, None)
        self._show(lambda surface: surface.finish(result))
        needs_nobody = self._is_quiet and is_fine(result, all_sources=self._all_sources)
        is_silent = needs_nobody or (self.only_news and is_no_news(result))
        if self._as_json or self._unwritable is not None or is_silent:
            return
        try:
            with self.aside():
                at = datetime.now().astimezone() if self.only_news else None
                put_result(result, only_trouble=self._is_quiet, at=at)
        except CouldNotRun as error:
            self._unwritable = error


def telling_of(context: typer.Context, form: str, *, as_json: bool, all_sources: bool = False) -> Telling:
    """What tells in this form, as the global flags want it."""
    flags = globals_of(context)
    surface = surface_of(form, is_quiet=flags.quiet, is_verbose=flags.verbose > 0, color=not flags.no_color)
    return Telling(surface, as_json=as_json, is_quiet=flags.quiet, all_sources=all_sources)


def _done(event: Progress) -> str:
    if event.phase not in (Phase.WRITE, Phase.EMBED) or event.total is None:
        return ""
    return f": {event.done:,} of {event.total:,} are done"
