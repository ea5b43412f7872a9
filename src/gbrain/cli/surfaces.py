"""The forms in which progress is shown: what each of them is, and which one is meant."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol

from gbrain.cli.answer import is_drawable
from gbrain.domain.events import Progress
from gbrain.domain.outcome import Result
from gbrain.errors import UsageError

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

    def make_room(self) -> None:
        """Lines of the answer come, which may lead to the same terminal."""

    def go_on(self) -> None:
        """They have come."""

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

    def make_room(self) -> None:
        """Nothing is in the way."""

    def go_on(self) -> None:
        """Nothing is in the way."""

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
    if form == "auto" and not is_verbose and is_drawable(sys.stderr):
        from gbrain.cli.live_table import LiveTable

        return LiveTable(color=color)
    from gbrain.cli.progress_lines import ProgressLines

    return ProgressLines()
