"""Walking a plain folder: every path below it, and nothing that lies behind a link, in a repository or in the home.

Each folder is opened from the one above it, and never through a link: a folder that gives way to one meanwhile leads
nowhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NoFolder(Exception):
    """There is nothing to take a snapshot of: the kind of trouble, and the path it is about."""


class Shut(Enum):
    """A folder whose files are not looked at."""

    REPOSITORY = "a repository of its own"
    UNREADABLE = "may not be entered"


class Found(NamedTuple):
    """A path, and where to open it: by name in an open folder, until the next path is asked for."""

    path: bytes
    status: os.stat_result | Shut
    folder: int
    name: bytes


def walk(folder: bytes, home: bytes, dot: Callable[[], None]) -> Iterator[Found]:
    """Every path below the folder but folders, and folders that are shut. `dot` is called with each folder.

    Raises NoFolder where there is nothing to walk, and PermissionError where the folder itself may not be entered.
    """
    if not os.path.lexists(folder):
        raise NoFolder("missing", folder)
    if os.path.realpath(folder) != folder:
        raise NoFolder("moved", folder)
    avoided = _identity(home)
    if any(_identity(above) == avoided for above in _with_parents(folder)):
        raise NoFolder("home", folder)
    waiting = [b""]
    while waiting:
        below = waiting.pop()
        dot()
        try:
            opened = _opened(folder, below)
        except PermissionError:
            if not below:
                raise
            yield Found(below.rstrip(b"/"), Shut.UNREADABLE, -1, b"")
        except OSError:  # gone, or no folder any more
            if not below:
                raise NoFolder("missing", folder) from None
        else:
            with contextlib.closing(_Closing(opened)):
                try:
                    listed = list(_listed(opened, below))
                except PermissionError:  # its names can be read, and nothing else
                    if not below:
                        raise
                    listed = [Found(below.rstrip(b"/"), Shut.UNREADABLE, -1, b"")]
                for found in listed:
                    if found.name == b".git":
                        continue
                    if isinstance(found.status, Shut) or not stat.S_ISDIR(found.status.st_mode):
                        yield found
                    elif (found.status.st_dev, found.status.st_ino) != avoided:
                        waiting.append(found.path + b"/")


def _listed(opened: int, below: bytes) -> Iterator[Found]:
    for text in os.listdir(opened):
        name = os.fsencode(text)
        try:
            status = os.stat(name, dir_fd=opened, follow_symlinks=False)
            is_repository = stat.S_ISDIR(status.st_mode) and name != b".git" and _holds_git(opened, name)
        except FileNotFoundError:
            continue
        yield Found(below + name, Shut.REPOSITORY if is_repository else status, opened, name)


def _holds_git(opened: int, name: bytes) -> bool:
    try:
        os.stat(name + b"/.git", dir_fd=opened, follow_symlinks=False)
    except OSError:
        return False
    return True


def _opened(folder: bytes, below: bytes) -> int:
    """The folder below, opened step by step."""
    descriptor = os.open(folder, _FOLDER)
    for name in below.rstrip(b"/").split(b"/") if below else []:
        with contextlib.closing(_Closing(descriptor)):
            descriptor = os.open(name, _FOLDER, dir_fd=descriptor)
    return descriptor


class _Closing:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def _with_parents(folder: bytes) -> Iterator[bytes]:
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        yield folder


def _identity(path: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
