"""A command that draws whole frames on a terminal, read as somebody before it would."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len

from support.commands import BrainCommand
from support.driven import poll
from support.terminal import opened, resize

HOME, OTHER, USUAL = b"\x1b[H", b"\x1b[?1049h", b"\x1b[?1049l"
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """What a command on it has written so far. Nothing is read but when somebody asks."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int, columns: int, rows: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._columns, self._rows = columns, rows
        self._written = b""

    @property
    def written(self) -> bytes:
        """All of it, with its escapes."""
        while True:
            try:
                piece = os.read(self._descriptor, 65536)
            except (BlockingIOError, OSError):
                return self._written
            if not piece:
                return self._written
            self._written += piece

    @property
    def frame(self) -> list[str]:
        """The lines of the last frame that was drawn whole, on every cell of the terminal as it is; or none."""
        for drawn in reversed(self.written.split(HOME)[1:]):
            lines = _plain(drawn).split("\n")
            if len(lines) == self._rows and all(cell_len(line) == self._columns for line in lines):
                return lines_of(drawn)
        return []

    def resize(self, columns: int, rows: int) -> None:
        """Give it another size; the command is told."""
        self._columns, self._rows = columns, rows
        resize(self._descriptor, columns, rows)

    def type(self, keys: bytes) -> None:
        """Press the keys."""
        os.write(self._descriptor, keys)

    def wait(self, holds: Callable[[list[str]], Any], what: str) -> list[str]:
        """The first frame for which it holds; fails if the command ends before."""

        def is_drawn() -> list[str] | None:
            frame = self.frame
            assert self.process.poll() is None, f"it has ended with {self.process.returncode}: {self.written!r}"
            return frame if frame and holds(frame) else None

        return poll(is_drawn, what)

    def ended(self) -> int:
        """Wait until the command has ended; its exit code."""
        poll(lambda: (self.written, self.process.poll() is not None)[1], "the command ends")
        return self.process.returncode


@contextmanager
def on_terminal(brain: BrainCommand, *arguments: str, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    """The command under way on a terminal that knows colours; killed with the block if it has not ended."""
    with opened(brain, *arguments, columns=columns, rows=rows) as (process, ours):
        os.set_blocking(ours, False)
        yield Terminal(process, ours, columns, rows)


def lines_of(text: bytes) -> list[str]:
    """Its lines as they stand there: without escapes and the blanks at their ends, nor empty ones after the last."""
    return [line.rstrip() for line in _plain(text).rstrip().split("\n")]


def _plain(text: bytes) -> str:
    return _ESCAPE.sub("", text.decode("utf-8", "replace")).replace("\r", "")
