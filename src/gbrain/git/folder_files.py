"""Reading a file that may change, vanish or become something else meanwhile."""

from __future__ import annotations

import os
import stat
import time
from typing import IO

from gbrain.domain.plan import MAX_BLOB_BYTES

_RACY_NS = 2_000_000_000
"""A file changed as lately as this may change again without its times telling: it is read again the next time."""
_TRIES = 3


class Vanished(Exception):
    """The file went while it was looked at."""


def link_of(path: bytes) -> bytes:
    """Where a symbolic link points."""
    try:
        return os.readlink(path)
    except OSError:
        raise Vanished from None


def read(path: bytes) -> tuple[bytes, str | None]:
    """What a file holds, and the state by which it is known to be the same; None of one that still changes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        raise
    except OSError:
        raise Vanished from None
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
                is_settled = time.time_ns() - after.st_mtime_ns > _RACY_NS
                return content, state_of(after) if is_settled else None
        return content, None


def state_of(status: os.stat_result) -> str:
    """What is another as soon as a file is another, or has been written to."""
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _at_most(file: IO[bytes], most: int) -> bytes:
    parts: list[bytes] = []
    while most > 0 and (part := file.read(min(most, 1 << 20))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
