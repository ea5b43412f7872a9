"""Whether a running fetch moves: bytes that arrive on disk, and what its git processes read, write and compute."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

_CPU_TICKS = 10
"""Less processor time than this (a tenth of a second) is timers of a process that waits, not work."""

_LEAST_BYTES_S = 100
"""What comes more slowly than this is no use: a megabyte would take three hours."""

_LOOSE_BYTES = 100
"""About the least that an object stored alone takes; they are counted, not measured."""


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Sample(NamedTuple):
    """What had happened by one moment. Growth of the first four is movement; the remote alone can cause it."""

    said_bytes: int
    stored_bytes: int
    io_bytes: int
    cpu_ticks: int
    local_ticks: int
    """Processor time of the processes that work on what has come, and do not talk to the remote."""
    local_steps: int
    """Steps of that work that git told of."""
    heard_bytes: int
    """The most memory that one of the processes that do talk to the remote takes."""


def take_sample(pid: int, objects: Path, said_bytes: int, local_steps: int) -> Sample:
    """The sample of a fetch by process `pid` into the object folder of a mirror."""
    io_bytes = cpu_ticks = local_ticks = heard_bytes = 0
    for each, is_talking in _git_processes(pid):
        ticks = _cpu_ticks(each)
        io_bytes += _io_bytes(each)
        cpu_ticks += ticks
        if is_talking:
            heard_bytes = max(heard_bytes, _memory_bytes(each))
        else:
            local_ticks += ticks
    return Sample(said_bytes, _stored_bytes(objects), io_bytes, cpu_ticks, local_ticks, local_steps, heard_bytes)


def has_moved(before: Sample, now: Sample) -> bool:
    """True where anything happened between two samples."""
    return now[:3] != before[:3] or abs(now.cpu_ticks - before.cpu_ticks) >= _CPU_TICKS


def has_gained(before: Sample, now: Sample, seconds: float) -> bool:
    """True where the fetch came nearer to its end in the seconds between: talk alone does not bring it there.

    What was stored shrinks when a pack is finished or given up.
    """
    stored = now.stored_bytes - before.stored_bytes
    return (
        stored < 0
        or stored > _LEAST_BYTES_S * seconds
        or now.local_steps != before.local_steps
        or abs(now.local_ticks - before.local_ticks) >= _CPU_TICKS
    )


def _stored_bytes(objects: Path) -> int:
    """What of unfinished packs, and of objects stored alone, is there."""
    total = 0
    for folder in _listed(str(objects)):
        if len(folder) == 2:
            total += _LOOSE_BYTES * len(_listed(f"{objects}/{folder}"))
    with contextlib.suppress(OSError), os.scandir(objects / "pack") as entries:
        for entry in entries:
            if entry.name.startswith("tmp_") or entry.name.endswith(".temp"):
                with contextlib.suppress(OSError):
                    total += entry.stat().st_size
    return total


def _git_processes(pid: int) -> list[tuple[int, bool]]:
    """The process and its descendants, as far as they are git's own, and whether each talks to the remote.

    Those are the first, and the helpers for http; ssh is none of git's, and its keepalives are no movement.
    """
    found = [(pid, True)]
    for each, _ in found:
        for task in _listed(f"/proc/{each}/task"):
            for child in _text(f"/proc/{each}/task/{task}/children").split():
                name = _text(f"/proc/{child}/comm")
                if name.startswith("git"):
                    found.append((int(child), name.startswith("git-remote")))
    return found


def _io_bytes(pid: int) -> int:
    lines = dict(line.split(": ", 1) for line in _text(f"/proc/{pid}/io").splitlines() if ": " in line)
    return sum(int(lines.get(key, 0)) for key in ("rchar", "wchar"))


def _memory_bytes(pid: int) -> int:
    """Memory of its own: files that are mapped are not counted."""
    words = _text(f"/proc/{pid}/statm").split()
    return (int(words[1]) - int(words[2])) * _PAGE_BYTES if len(words) > 2 else 0


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
