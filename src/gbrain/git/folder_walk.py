"""Walking a plain folder: every path below it, and nothing that lies behind a link, in a repository or in the home."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from enum import Enum


class NoFolder(Exception):
    """There is nothing to take a snapshot of: the kind of trouble, and the path it is about."""


class Shut(Enum):
    """A folder whose files are not looked at."""

    REPOSITORY = "a repository of its own"
    UNREADABLE = "may not be entered"


def walk(folder: bytes, home: bytes, dot: Callable[[], None]) -> Iterator[tuple[bytes, os.stat_result | Shut]]:
    """Every path below the folder with its status, or why a folder is shut. Nothing is followed.

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
            found = _listed(os.path.join(folder, below))
        except FileNotFoundError:
            if not below:
                raise NoFolder("missing", folder) from None
            continue
        except PermissionError:
            if not below:
                raise
            yield below.rstrip(b"/"), Shut.UNREADABLE
            continue
        for entry in found:
            path = below + entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(status.st_mode):
                if entry.name != b".git":
                    yield path, status
            elif entry.name == b".git" or (status.st_dev, status.st_ino) == avoided:
                continue
            elif os.path.lexists(os.path.join(entry.path, b".git")):
                yield path, Shut.REPOSITORY
            else:
                waiting.append(path + b"/")


def _listed(folder: bytes) -> list[os.DirEntry[bytes]]:
    return list(os.scandir(folder))


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
