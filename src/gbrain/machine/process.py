"""Processes told apart from any that had the same pid before."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from gbrain.domain.lease import Holder

_LINUX = sys.platform.startswith("linux")


@functools.cache
def this_process() -> Holder:
    """The process that asks."""
    pid = os.getpid()
    return Holder(
        host=platform.node(), boot=_boot_id(), pids=_pid_namespace(), pid=pid, started=started_at(pid) or "unknown"
    )


def started_at(pid: int) -> str | None:
    """When the process with this pid started, in the system's own unit; None where none runs, or only a zombie.

    On Linux field 22 of /proc/PID/stat (clock ticks since boot, proc(5)); elsewhere what `ps` prints.
    """
    return _started_linux(pid) if _LINUX else _started_ps(pid)


def steady_seconds() -> float:
    """Seconds of a clock that is never set and, where the system has one, goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if _LINUX else time.monotonic()


def machine_id() -> str:
    """What tells this machine from others, across boots: the owner of its path sources."""
    for file in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            if text := Path(file).read_text(encoding="ascii").strip():
                return text
        except (OSError, UnicodeDecodeError):
            continue
    return platform.node()


def _started_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _started_ps(pid: int) -> str | None:
    done = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=10
    )
    state, _, started = done.stdout.strip().partition(" ")
    return None if done.returncode or state.startswith("Z") else started.strip()


def _boot_id() -> str:
    if _LINUX:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    done = subprocess.run(
        ["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False, timeout=10
    )
    return done.stdout.strip()


def _pid_namespace() -> str:
    return os.readlink("/proc/self/ns/pid") if _LINUX else "-"
