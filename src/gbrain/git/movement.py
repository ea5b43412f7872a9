"""Whether a running fetch moves: bytes that arrive on disk, and what its git processes read, write and compute."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

_CPU_TICKS = 10
"""Less processor time than this (a tenth of a second) is timers of a process that waits, not work."""


class Sample(NamedTuple):
    """What had happened by one moment; any value that grows is movement."""

    said_bytes: int
    stored_bytes: int
    io_bytes: int
    cpu_ticks: int


def take_sample(pid: int, objects: Path, said_bytes: int) -> Sample:
    """The sample of a fetch by process `pid` into the object folder of a mirror."""
    io_bytes = cpu_ticks = 0
    for each in _git_processes(pid):
        io_bytes += _io_bytes(each)
        cpu_ticks += _cpu_ticks(each)
    return Sample(said_bytes, _stored_bytes(objects / "pack"), io_bytes, cpu_ticks)


def has_moved(before: Sample, now: Sample) -> bool:
    """True where anything happened between two samples."""
    return now[:3] != before[:3] or abs(now.cpu_ticks - before.cpu_ticks) >= _CPU_TICKS


def _stored_bytes(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("tmp_"):
                with contextlib.suppress(OSError):
                    total += entry.stat().st_size
    return total


def _git_processes(pid: int) -> list[int]:
    """The process and its descendants, as far as they are git's own: ssh's keepalives are no movement."""
    found = [pid]
    for each in found:
        for task in _listed(f"/proc/{each}/task"):
            children = _text(f"/proc/{each}/task/{task}/children").split()
            found += [int(child) for child in children if _text(f"/proc/{child}/comm").startswith("git")]
    return found


def _io_bytes(pid: int) -> int:
    lines = dict(line.split(": ", 1) for line in _text(f"/proc/{pid}/io").splitlines() if ": " in line)
    return sum(int(lines.get(key, 0)) for key in ("rchar", "wchar"))


def _cpu_ticks(pid: int) -> int:
    words = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(words[11]) + int(words[12]) if len(words) > 12 else 0


def _listed(folder: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)
    return []


def _text(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""
