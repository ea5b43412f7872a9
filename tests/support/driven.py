"""The driver as a child process, and waiting for what other processes do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.commands import BrainCommand, process_of
from support.driver import DRIVER

DEADLINE_S = 60.0


@contextmanager
def driven(brain: BrainCommand, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The driver under way; killed with the block if it has not ended by then."""
    process = process_of(
        [sys.executable, DRIVER, *arguments],
        env=brain.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def killed(brain: BrainCommand, *arguments: str) -> None:
    """Run a driver that must end by its own SIGKILL."""
    with driven(brain, *arguments) as process:
        out, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == -signal.SIGKILL, f"it came to its end: {out.decode()}\n{err.decode()}"


def answered(process: subprocess.Popen[bytes]) -> dict[str, dict[str, Any]]:
    """The rows of a driver that comes to its end, by source."""
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err.decode()
    return {row["source_id"]: row for row in json.loads(out)}


def wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has been stopped by a signal; it must not end instead."""

    def is_stopped() -> bool:
        assert process.poll() is None, process.communicate()
        return _state(process.pid) == "T"

    poll(is_stopped, "the driver stops itself")


def poll(condition: Callable[[], Any], what: str, *, within_s: float = DEADLINE_S) -> Any:
    """Ask again and again until the answer is true; the answer. Fails with `what` when the deadline passes."""
    until = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < until, f"not within {within_s} s: {what}"
        time.sleep(0.02)
    return answer


def children_of(pid: int, word: str) -> list[int]:
    """Children of a process whose command line holds the word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _parent(entry) == pid and word in _command(entry):
            found.append(int(entry.name))
    return found


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return None


def _command(entry: Path) -> str:
    try:
        return os.fsdecode((entry / "cmdline").read_bytes())
    except OSError:
        return ""
