"""Reading what lies in a folder, which may change, vanish or become something else meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import IO

from gbrain.domain.plan import MAX_BLOB_BYTES

_RACY_NS = 2_000_000_000
"""What changed as lately as this may change again without its times telling: it is read again the next time."""
_TRIES = 3
_LEASE_S = 50.0
"""The kernel takes a lease away within 45 seconds."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Vanished(Exception):
    """The file went while it was looked at."""


def read_link(name: bytes, folder: int) -> tuple[bytes, str | None]:
    """Where a symbolic link of the open folder points, and the state by which it is known to be the same."""
    try:
        target = os.readlink(name, dir_fd=folder)
        return target, _settled(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except OSError as error:
        raise _gone(error) from None


def read_file(name: bytes, folder: int) -> tuple[bytes, str | None]:
    """What a file of the open folder holds, and its state; None of one that still changes."""
    try:
        descriptor = _opened(name, folder)
    except OSError as error:
        raise _gone(error) from None
    with open(descriptor, "rb", buffering=0) as file:
        content = b""
        for _ in range(_TRIES):
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode) or before.st_size > MAX_BLOB_BYTES:
                raise Vanished
            file.seek(0)
            content = _at_most(file, MAX_BLOB_BYTES)
            after = os.fstat(descriptor)
            if state_of(before) == state_of(after) and len(content) == after.st_size:
                return content, _settled(after)
        return content, None


def state_of(status: os.stat_result) -> str:
    """What is another as soon as a file is another, or has been written to."""
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _opened(name: bytes, folder: int) -> int:
    """The file, opened. One that somebody has a lease on is given up by them when it is asked for."""
    until = time.monotonic() + _LEASE_S
    while True:
        try:
            return os.open(name, _FILE, dir_fd=folder)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _gone(error: OSError) -> Exception:
    """Whether the error says that the file is not there any more, or something else in its place; else it stands."""
    return Vanished() if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO) else error


def _settled(status: os.stat_result) -> str | None:
    """The state, unless it is so young that the clock of the disk may be too coarse to tell it from the next one."""
    changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
    return state_of(status) if time.time_ns() - changed_ns > _RACY_NS else None


def _at_most(file: IO[bytes], most: int) -> bytes:
    parts: list[bytes] = []
    while most > 0 and (part := file.read(min(most, 1 << 20))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
