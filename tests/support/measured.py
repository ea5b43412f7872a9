"""What work costs, by measures that say the same on every machine: calls, bytes; and the memory of real processes."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from support.commands import DEADLINE_S, GBRAIN, BrainCommand, Completed

_MEASURING = (
    "import pathlib, resource, subprocess, sys\n"
    "code = subprocess.call(sys.argv[2:])\n"
    "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)\n"
    "pathlib.Path(sys.argv[1]).write_text(str(peak))\n"
    "sys.exit(code)\n"
)
"""A small parent: a process counts its parent's memory at its birth as its own peak."""


def calls(work: Callable[[], object]) -> int:
    """How many functions the work calls, those written in C and each step of a generator included."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that Python's allocators hold at once for the work, without what extensions allocate for themselves."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def run(brain: BrainCommand, *arguments: str, folder: Path, code: int = 0) -> tuple[Completed, int]:
    """Run the command to the end: what it left, and the most bytes that its largest process had in memory."""
    noted = folder / "peak"
    done = subprocess.run(
        [sys.executable, "-c", _MEASURING, str(noted), GBRAIN, *arguments],
        capture_output=True,
        env=brain.env(),
        timeout=DEADLINE_S,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return Completed(code=done.returncode, out=done.stdout, err=done.stderr), int(noted.read_text())
