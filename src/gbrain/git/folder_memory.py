"""What earlier looks at a plain folder have read: the state of each path then, and the blob that holds it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable

from gbrain.git.folder_refs import MEMORY

_BUSY_S = 60.0
"""How long a look whose sync was killed may be waited for: it ends when it next tells that it lives."""
_SNAPSHOT = b""
"""Stands for the whole folder: no path is empty."""
_LARGE = b"\0large"
"""Stands for what stands in for files over the limit: no path has a NUL."""


class Memory:
    """A database beside the snapshots, which one look at a time reads and writes."""

    def __init__(self, place: bytes) -> None:
        path = os.path.join(os.fsdecode(place), MEMORY)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
        self._db.execute("PRAGMA synchronous = OFF")
        for table in ("seen (path BLOB PRIMARY KEY, state TEXT, blob TEXT)", "held (path BLOB PRIMARY KEY)"):
            self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} WITHOUT ROWID")

    def begin(self) -> None:
        """Keep others out from here on: a look that reads first could not wait for another one that writes."""
        self._db.execute("BEGIN IMMEDIATE")

    def keep(self) -> None:
        """Store what was remembered since the beginning; without this nothing of it was."""
        self._db.execute("COMMIT")

    def known(self, path: bytes) -> tuple[str | None, str]:
        """The state in which a path was last read, None where it may have changed since, and the blob it was."""
        row = self._db.execute("SELECT state, blob FROM seen WHERE path = ?", (path,)).fetchone()
        return row if row is not None else (None, "")

    def remember(self, path: bytes, state: str | None, blob: str) -> None:
        """Take in what was read of a path."""
        self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (path, state, blob))

    def snapshot(self) -> tuple[str | None, str]:
        """The digest of the last snapshot, and its commit."""
        return self.known(_SNAPSHOT)

    def held(self, path: bytes) -> bool:
        """Whether the path was a folder with files in it when the snapshots had to be made anew."""
        return self._db.execute("SELECT 1 FROM held WHERE path = ?", (path,)).fetchone() is not None

    def large(self) -> str | None:
        """The blob that stands in for files over the limit, where it is stored."""
        state, blob = self.known(_LARGE)
        return None if state is None else blob

    def remember_large(self, blob: str) -> None:
        """It is stored now."""
        self.remember(_LARGE, "there", blob)

    def replace_snapshot(self, digest: str, commit: str, entries: Iterable[tuple[bytes, str]]) -> None:
        """Take in a snapshot by its paths and blobs; what is in it no more is forgotten, since it may be pruned."""
        self._db.execute("CREATE TEMP TABLE present (path BLOB PRIMARY KEY, blob TEXT) WITHOUT ROWID")
        self._db.executemany("INSERT INTO present VALUES (?, ?)", entries)
        self._db.execute("DELETE FROM seen WHERE path <> ? AND path NOT IN (SELECT path FROM present)", (_LARGE,))
        self._db.execute("DELETE FROM seen WHERE path = ? AND blob NOT IN (SELECT blob FROM present)", (_LARGE,))
        self.remember(_SNAPSHOT, digest, commit)
