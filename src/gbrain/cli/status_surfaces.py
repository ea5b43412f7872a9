"""Where the dashboard is shown: at once as a table, or round after round as tables or documents."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal, Protocol

from gbrain.cli.answer import put, put_document, put_error_document, tell_error
from gbrain.documents.status import document
from gbrain.domain.models import NONE
from gbrain.errors import GbrainError
from gbrain.services.status import Dashboard

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from gbrain.app.settings import Settings

EVERY_SECONDS = 2.0
"""How long `--watch` leaves what it has shown."""


class Surface(Protocol):
    """What `--watch` shows its rounds on."""

    def show(self, found: Dashboard) -> None:
        """What was just read."""

    def miss(self, error: GbrainError) -> None:
        """Nothing could be read this time."""


class Stream:
    """Round after round on standard output: tables ended by an empty line, or documents on a line of their own.

    That the brain cannot be read is told on standard error once; in place of a document there is the error's each time.
    """

    def __init__(self, *, color: bool, as_json: bool) -> None:
        self._color, self._as_json = color, as_json
        self._is_missed = False

    def show(self, found: Dashboard) -> None:
        """Write what was just read."""
        self._is_missed = False
        if self._as_json:
            put_document(document(found))
        else:
            put_table(found, color=self._color)
            put("")

    def miss(self, error: GbrainError) -> None:
        """Say what is wrong, unless it has been said."""
        if self._as_json:
            put_error_document(error.code, error.message, error.hint)
        if not self._is_missed:
            tell_error(error.code, error.message, f"it is tried again every {EVERY_SECONDS:g} s")
        self._is_missed = True


def seen_by(settings: Settings, found: Dashboard) -> Dashboard:
    """What is shown of it under these settings: nothing of embeddings where they are switched off."""
    return found.without_embeddings if settings.embedder == NONE else found


def put_table(found: Dashboard, *, color: bool) -> None:
    """The table as wide as the terminal; in a pipe as wide as it takes, and a line for each source."""
    from gbrain.cli.status_table import table

    if not is_terminal():
        for line in table(found, width=None, zone=local_zone()).lines():
            put(line.plain)
        return
    width = shutil.get_terminal_size().columns
    put(rendered(console_of(color=color), table(found, width=width, zone=local_zone()).lines()))


def rendered(console: Console, lines: Sequence[Text]) -> str:
    """The lines in the console's colours."""
    with console.capture() as captured:
        for line in lines:
            console.print(line, soft_wrap=True)
    return captured.get().removesuffix("\n")


def console_of(*, color: bool) -> Console:
    """Standard output, which is a terminal, for rich."""
    from rich.console import Console

    system: Literal["auto"] | None = "auto" if color else None
    return Console(color_system=system, highlight=False, force_terminal=True, force_interactive=True)


def is_terminal() -> bool:
    """Whether standard output is one."""
    return sys.stdout is not None and sys.stdout.isatty()


def local_zone() -> timezone:
    """The offset from UTC that is in force here and now, with its name."""
    now = datetime.now().astimezone()
    return timezone(now.utcoffset() or timedelta(), now.tzname() or f"{now:%z}")
