"""The program that looks at a plain folder: it walks it, reads what has changed, and has git store that as a commit.

    python -P -m gbrain.git.folder_child PLACE FOLDER HOME [OBJECTS]

A process of its own, because a dead disk holds whoever reads from it, and only a process can be given up. It reads with
its own hands: git would open attribute files whatever they are, refuse names it thinks dangerous elsewhere, and give up
over a file that changes. It prints a dot now and then, and one line of JSON at its end. OBJECTS are read, not written.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator, Sequence

from gbrain.domain.plan import MAX_BLOB_BYTES
from gbrain.domain.tree import SPECIAL_FILE, UNREADABLE_FILE
from gbrain.git.folder_files import Vanished, read_file, read_link, state_of
from gbrain.git.folder_memory import Memory
from gbrain.git.folder_store import Damaged, Entry, Store
from gbrain.git.folder_walk import Found, NoFolder, Shut, walk

_NESTED = "1" * 40
_LARGE = bytes(MAX_BLOB_BYTES + 1)
_DOT_S = 1.0


def main() -> None:
    """Take a snapshot, and say which commit it is, or why there is none."""
    place, folder, home, *lent = map(os.fsencode, sys.argv[1:])
    try:
        answer = {"commit": Look(place, lent).take(folder, home)}
    except NoFolder as error:
        answer = {"trouble": error.args[0], "path": os.fsdecode(error.args[1])}
    except (Damaged, sqlite3.DatabaseError) as error:
        trouble = "busy" if "locked" in str(error) else "damaged"
        answer = {"trouble": trouble, "path": os.fsdecode(place), "why": str(error)}
    except OSError as error:
        answer = {"trouble": "unreadable", "path": os.fsdecode(error.filename or folder), "why": error.strerror or ""}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


class Look:
    """One look at a folder, by what is remembered of the one before it."""

    def __init__(self, place: bytes, lent: Sequence[bytes]) -> None:
        self._memory = Memory(place)
        self._store = Store(place, lent, self._dot)
        self._dotted = time.monotonic()

    def take(self, folder: bytes, home: bytes) -> str:
        """The commit of the folder as it is now: the last one, where nothing has changed."""
        self._memory.begin()
        try:
            entries = sorted(self._entries(folder, home))
            if not entries:
                raise NoFolder("empty", folder)
            self._store.end_blobs()
        finally:
            self._store.give_up()
        digest = hashlib.sha256(b"".join(b"%s %s %s\0" % (e.mode.encode(), e.blob.encode(), e.path) for e in entries))
        known, commit = self._memory.snapshot()
        last = self._store.last()
        if known != digest.hexdigest() or commit != last:
            commit = self._store.commit(entries, last)
            self._memory.replace_snapshot(digest.hexdigest(), commit, [(entry.path, entry.blob) for entry in entries])
        self._memory.keep()
        return commit

    def _entries(self, folder: bytes, home: bytes) -> Iterator[Entry]:
        for found in walk(folder, home, self._dot):
            self._dot()
            try:
                yield self._entry(folder, found)
            except Vanished:
                continue

    def _entry(self, folder: bytes, found: Found) -> Entry:
        path, status = found.path, found.status
        if status is Shut.REPOSITORY:
            return Entry(path, "160000", _NESTED)
        if status is Shut.UNREADABLE:
            return self._closed(folder, path)
        is_link = stat.S_ISLNK(status.st_mode)
        if not is_link and not stat.S_ISREG(status.st_mode):
            return Entry(path, "160000", SPECIAL_FILE.hex())
        if status.st_size > MAX_BLOB_BYTES:
            return Entry(path, "100644", self._large())
        mode = "120000" if is_link else "100755" if status.st_mode & 0o100 else "100644"
        state, blob = self._memory.known(path)
        if state == state_of(status):
            return Entry(path, mode, blob)
        try:
            content, state = (read_link if is_link else read_file)(found.name, found.folder)
        except PermissionError:
            return Entry(path, "160000", UNREADABLE_FILE.hex())
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.path.join(folder, path)) from error
        blob = self._store.blob(content)
        self._memory.remember(path, state, blob)
        return Entry(path, mode, blob)

    def _closed(self, folder: bytes, path: bytes) -> Entry:
        """A folder that may not be entered. Files that it held at the last look are not gone because of that."""
        known, commit = self._memory.snapshot()
        if self._memory.held(path) if known is None else self._store.is_folder(commit, path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.path.join(folder, path))
        return Entry(path, "160000", UNREADABLE_FILE.hex())

    def _large(self) -> str:
        blob = self._memory.large()
        if blob is None:
            blob = self._store.blob(_LARGE)
            self._memory.remember_large(blob)
        return blob

    def _dot(self) -> None:
        if time.monotonic() > self._dotted + _DOT_S:
            self._dotted = time.monotonic()
            sys.stdout.write(".")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
