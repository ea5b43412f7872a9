"""A command on a real terminal, and what a person sees there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyte

from support.commands import GBRAIN, BrainCommand

DEADLINE_S = 60.0


class Terminal:
    """A terminal of so many columns and rows with a command on it."""

    def __init__(self, master: int, process: subprocess.Popen[bytes], columns: int, rows: int) -> None:
        self._master, self._process = master, process
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""

    @property
    def lines(self) -> list[str]:
        """What is to be seen, the empty lines at the end left out."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n").split("\n")

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor is to be seen."""
        return not self._screen.cursor.hidden

    def wait_until(self, condition: Callable[[list[str]], object], what: str) -> list[str]:
        """The lines once they are as wanted; the command may not end before."""
        until = time.monotonic() + DEADLINE_S
        while not condition(self.lines):
            assert time.monotonic() < until, f"not within {DEADLINE_S} s: {what}\n" + "\n".join(self.lines)
            assert self._read(), f"it ended before {what}:\n" + "\n".join(self.lines)
        return self.lines

    def resize(self, columns: int, rows: int) -> None:
        """Another size, which the command is told of."""
        self._screen.resize(rows, columns)
        resize(self._master, columns, rows)

    def type(self, keys: bytes) -> None:
        """Type on its keyboard."""
        os.write(self._master, keys)

    def send(self, number: signal.Signals) -> None:
        """Send the command a signal."""
        self._process.send_signal(number)

    def ended(self) -> int:
        """Its exit code, when it has ended."""
        until = time.monotonic() + DEADLINE_S
        while self._read():
            assert time.monotonic() < until, "it does not end:\n" + "\n".join(self.lines)
        return self._process.wait(DEADLINE_S)

    def _read(self) -> bool:
        """Take what was written; False where nothing more comes."""
        if not select.select([self._master], [], [], 0.05)[0]:
            return True
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # nobody holds the other end any more
            return False
        self.written += data
        self._stream.feed(data)
        return bool(data)


@contextmanager
def on_terminal(brain: BrainCommand, *arguments: str, columns: int = 100, rows: int = 24) -> Iterator[Terminal]:
    """The command on a terminal of its own; killed with the block if it has not ended by then."""
    with opened(brain, *arguments, columns=columns, rows=rows) as (process, master):
        yield Terminal(master, process, columns, rows)


@contextmanager
def opened(
    brain: BrainCommand, *arguments: str, columns: int, rows: int
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command and our end of its terminal."""
    master, slave = pty.openpty()
    resize(master, columns, rows)
    process = subprocess.Popen(
        [GBRAIN, *arguments],
        env=_environment(brain),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    try:
        yield process, master
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE_S)
        os.close(master)


def resize(descriptor: int, columns: int, rows: int) -> None:
    """Give a terminal another size; who runs on it is told."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _environment(brain: BrainCommand) -> dict[str, str]:
    kept = {name: value for name, value in brain.env().items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    return kept | {"TERM": "xterm-256color"} | brain.environ
