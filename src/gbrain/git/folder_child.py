"""The program that looks at a plain folder: it walks it, reads what has changed, and has `git fast-import` store that.

    python -P -m gbrain.git.folder_child PLACE FOLDER HOME [OBJECTS]

A process of its own, because a dead disk holds whoever reads from it, and only a process can be given up. It reads with
its own hands: git would open attribute files whatever they are, refuse names it thinks dangerous elsewhere, and give up
over a file that changes. It prints a dot now and then, and one line of JSON at its end. OBJECTS are read, not written.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from gbrain.domain.paths import quote
from gbrain.domain.plan import MAX_BLOB_BYTES
from gbrain.domain.tree import SPECIAL_FILE, UNREADABLE_FILE
from gbrain.git.environment import FLAGS, environment
from gbrain.git.folder_files import Vanished, link_of, read, state_of
from gbrain.git.folder_refs import MEMORY, REF, REF_BEFORE
from gbrain.git.folder_walk import NoFolder, Shut, walk

_NESTED = "1" * 40
_LARGE = bytes(MAX_BLOB_BYTES + 1)
_LARGE_NAME = b"\0large"
"""Under which it is remembered whether that stand-in is stored: no path has a NUL."""
_DOT_S = 1.0


class Entry(NamedTuple):
    """A path as it stands in the snapshot's tree."""

    path: bytes
    mode: str
    blob: str


def main() -> None:
    """Take a snapshot, and say which commit it is and how many files it holds, or why there is none."""
    place, folder, home, *lent = map(os.fsencode, sys.argv[1:])
    try:
        answer = {"commit": Snapshot(place, lent).take(folder, home)}
    except NoFolder as error:
        answer = {"trouble": error.args[0], "path": os.fsdecode(error.args[1])}
    except (Damaged, sqlite3.DatabaseError) as error:
        answer = {"trouble": "damaged", "path": os.fsdecode(place), "why": str(error)}
    except OSError as error:
        answer = {"trouble": "unreadable", "path": os.fsdecode(error.filename or folder), "why": error.strerror or ""}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


class Damaged(Exception):
    """What earlier looks stored cannot be built upon."""


class Snapshot:
    """A repository of ours that takes one more snapshot, and what it remembers of the files it has read."""

    def __init__(self, place: bytes, lent: list[bytes]) -> None:
        self._place = place
        self._env = environment(alternates=[Path(os.fsdecode(objects)) for objects in lent])
        self._seen = sqlite3.connect(os.path.join(os.fsdecode(place), MEMORY), isolation_level=None)
        self._seen.execute("PRAGMA synchronous = OFF")
        self._seen.execute(
            "CREATE TABLE IF NOT EXISTS seen (path BLOB PRIMARY KEY, state TEXT, blob TEXT) WITHOUT ROWID"
        )
        self._importer: subprocess.Popen[bytes] | None = None
        self._dotted = time.monotonic()

    def take(self, folder: bytes, home: bytes) -> str:
        """The commit of the folder as it is now: the last one, where nothing has changed."""
        self._seen.execute("BEGIN")
        entries = sorted(self._entries(folder, home))
        if not entries:
            raise NoFolder("empty", folder)
        digest = hashlib.sha256(b"".join(b"%s %s %s\0" % (e.mode.encode(), e.blob.encode(), e.path) for e in entries))
        last = self._last()
        if self._state(b"") == digest.hexdigest() and last is not None:
            self._end_import()
            commit = last
        else:
            commit = self._commit(entries, last)
            self._forget_absent(entries)
            self._remember(b"", digest.hexdigest(), commit)
        self._seen.execute("COMMIT")
        return commit

    def _entries(self, folder: bytes, home: bytes) -> Iterator[Entry]:
        for path, status in walk(folder, home, self._dot):
            self._dot()
            try:
                yield self._entry(folder, path, status)
            except Vanished:
                continue

    def _entry(self, folder: bytes, path: bytes, status: os.stat_result | Shut) -> Entry:
        if status is Shut.REPOSITORY:
            return Entry(path, "160000", _NESTED)
        if status is Shut.UNREADABLE:
            return self._closed(folder, path)
        if stat.S_ISLNK(status.st_mode):
            return Entry(path, "120000", self._stored(link_of(os.path.join(folder, path))))
        if not stat.S_ISREG(status.st_mode):
            return Entry(path, "160000", SPECIAL_FILE.hex())
        if status.st_size > MAX_BLOB_BYTES:
            return Entry(path, "100644", self._once(_LARGE_NAME, _LARGE))
        mode = "100755" if status.st_mode & 0o100 else "100644"
        if self._state(path) == state_of(status):
            return Entry(path, mode, self._blob(path))
        try:
            content, state = read(os.path.join(folder, path))
        except PermissionError:
            return Entry(path, "160000", UNREADABLE_FILE.hex())
        blob = self._stored(content)
        self._remember(path, state, blob)
        return Entry(path, mode, blob)

    def _closed(self, folder: bytes, path: bytes) -> Entry:
        """A folder that may not be entered. Files that it held at the last look are not gone because of that."""
        if self._state(b"") is not None:
            asked = self._git("cat-file", "-t", f"{self._blob(b'')}:{os.fsdecode(path)}", stdout=subprocess.PIPE)
            if asked.communicate()[0].strip() == b"tree":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.path.join(folder, path))
        return Entry(path, "160000", UNREADABLE_FILE.hex())

    def _state(self, path: bytes) -> str | None:
        row = self._seen.execute("SELECT state FROM seen WHERE path = ?", (path,)).fetchone()
        return row[0] if row else None

    def _blob(self, path: bytes) -> str:
        [blob] = self._seen.execute("SELECT blob FROM seen WHERE path = ?", (path,)).fetchone()
        return str(blob)

    def _remember(self, path: bytes, state: str | None, blob: str) -> None:
        self._seen.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (path, state, blob))

    def _once(self, name: bytes, content: bytes) -> str:
        if self._state(name) is None:
            self._remember(name, "there", self._stored(content))
        return self._blob(name)

    def _stored(self, content: bytes) -> str:
        """Have git store a blob; its id."""
        self._tell(b"blob\ndata %d\n%s\n" % (len(content), content))
        return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()

    def _forget_absent(self, entries: list[Entry]) -> None:
        """What is in no snapshot may be pruned: a file that comes back as it was is read again."""
        self._seen.execute("CREATE TEMP TABLE present (path BLOB PRIMARY KEY, blob TEXT) WITHOUT ROWID")
        self._seen.executemany("INSERT INTO present VALUES (?, ?)", [(entry.path, entry.blob) for entry in entries])
        self._seen.execute(
            "DELETE FROM seen WHERE path <> ? AND path NOT IN (SELECT path FROM present)", (_LARGE_NAME,)
        )
        self._seen.execute("DELETE FROM seen WHERE path = ? AND blob NOT IN (SELECT blob FROM present)", (_LARGE_NAME,))

    def _commit(self, entries: list[Entry], last: str | None) -> str:
        seconds = int(time.time())
        head = f"commit {REF}\ncommitter gbrain <gbrain@localhost> {seconds} +0000\ndata 8\nsnapshot\ndeleteall\n"
        if last is not None:
            self._tell(f"reset {REF_BEFORE}\nfrom {last}\n\n".encode())
        # Without a parent: what was there before is nobody's business.
        self._tell(f"reset {REF}\n\n".encode() + head.encode())
        for entry in entries:
            self._tell(f"M {entry.mode} {entry.blob} ".encode() + os.fsencode(quote(entry.path)) + b"\n")
        self._tell(b"\n")
        self._end_import()
        last = self._last()
        if last is None:
            raise Damaged("git stored no snapshot")
        return last

    def _tell(self, words: bytes) -> None:
        if self._importer is None:
            self._importer = self._git("fast-import", "--quiet", "--done", "--force", stdin=subprocess.PIPE)
        stdin = self._importer.stdin
        if stdin is None:
            raise RuntimeError("git was started without a pipe")
        try:
            stdin.write(words)
        except BrokenPipeError:
            raise Damaged("git fast-import broke off") from None
        self._dot()

    def _end_import(self) -> None:
        importer, self._importer = self._importer, None
        if importer is None or importer.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            importer.stdin.write(b"done\n")
            importer.stdin.close()
        if importer.wait() != 0:
            raise Damaged(f"git fast-import ended with status {importer.returncode}")

    def _last(self) -> str | None:
        asked = self._git("rev-parse", "-q", "--verify", f"{REF}^{{commit}}", stdout=subprocess.PIPE)
        out, _ = asked.communicate()
        return out.decode().strip() or None

    def _git(
        self, *words: str, stdin: int | IO[bytes] = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        command = ["git", *FLAGS, f"--git-dir={os.fsdecode(self._place)}", *words]
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, env=self._env, cwd="/")

    def _dot(self) -> None:
        if time.monotonic() > self._dotted + _DOT_S:
            self._dotted = time.monotonic()
            sys.stdout.write(".")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
