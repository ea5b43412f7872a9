"""Locks on files of the home: who uses its server, and who is starting it.

They are `flock`s, which the kernel lets go when their process dies, however it dies. The files are never inherited:
exec closes them, and a child forked without exec closes its copies at once, for a copy in a worker that outlives its
parent would hold the lock in the dead parent's name.
"""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from pathlib import Path

_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


class FileLock:
    """A hold on one file, which is made when missing, for its folder's owner. Nothing is held before it is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def is_held(self) -> bool:
        """True while this object holds the file, shared or alone."""
        return self._fd is not None

    def share(self, *, within_s: float) -> bool:
        """Takes it together with others; False where somebody had it alone for all of `within_s` seconds."""
        return self._keep_trying(fcntl.LOCK_SH, within_s)

    def take(self, *, within_s: float = 0.0) -> bool:
        """Takes it alone, giving up a shared hold first; False where others had it for all of `within_s` seconds."""
        self.release()
        return self._keep_trying(fcntl.LOCK_EX, within_s)

    def release(self) -> None:
        """Lets go of it, also for copies in forked children. Nothing happens where nothing is held."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            self.forget()

    def forget(self) -> None:
        """Closes the file without unlocking it: in a forked child the lock is the parent's."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _keep_trying(self, kind: int, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        pause_s = 0.001
        while not self._try(kind):
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.02)
        return True

    def _try(self, kind: int) -> bool:
        fd = _open_for_owner(self._path)
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            current = os.path.samestat(os.fstat(fd), os.stat(self._path))
        except (BlockingIOError, FileNotFoundError):
            current = False
        except BaseException:
            os.close(fd)
            raise
        if not current:  # held by others, or the file was removed with its home while we opened it
            os.close(fd)
            return False
        self._fd = fd
        _held.add(self)
        return True


def _open_for_owner(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    owner = os.stat(path.parent)
    if os.geteuid() == 0 and os.fstat(fd).st_uid != owner.st_uid:
        os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


def _forget_in_child() -> None:
    for lock in list(_held):
        lock.forget()


os.register_at_fork(after_in_child=_forget_in_child)
