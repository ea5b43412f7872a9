"""The file lock of a mirror: one fetch at a time into it, across tasks, processes and homes shared by hosts."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

_FIRST_WAIT_S = 0.005
_LONGEST_WAIT_S = 0.1


class LockStuck(Exception):
    """The holder of the lock has shown no sign of progress for as long as a fetch may."""


class Lock:
    """A lock that is held."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def touch(self) -> None:
        """Tells those who wait that the holder moves."""
        os.utime(self._descriptor)


@contextlib.asynccontextmanager
async def held(path: Path, *, patience: timedelta) -> AsyncIterator[Lock]:
    """Holds the lock for the length of the block.

    Waits for as long as its holder moves; raises `LockStuck` when it has not for `patience`. The kernel lets go of it
    when this process ends, however it ends; children do not inherit it.
    """
    descriptor = await _opened(path, patience.total_seconds())
    try:
        lock = Lock(descriptor)
        lock.touch()
        yield lock
    finally:
        os.close(descriptor)


async def _opened(path: Path, patience_s: float) -> int:
    """A descriptor of the file that is there once it is locked: its last holder may have removed it with the mirror."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await _take(descriptor, patience_s)
            if _is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


async def _take(descriptor: int, patience_s: float) -> None:
    clock = asyncio.get_running_loop().time
    touched, since, wait_s = os.fstat(descriptor).st_mtime_ns, clock(), _FIRST_WAIT_S
    while not _try(descriptor):
        now = os.fstat(descriptor).st_mtime_ns
        if now != touched:
            touched, since = now, clock()
        elif clock() - since > patience_s:
            raise LockStuck
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
