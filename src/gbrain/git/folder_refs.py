"""What a repository of ours that holds the snapshots of a plain folder calls its parts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

REF = "refs/gbrain/snapshot"
"""The last snapshot."""
REF_BEFORE = "refs/gbrain/before"
"""The one before it, for whoever still reads that."""
MEMORY = "seen.sqlite"
"""A database of the files that were read, which need not be read again while they stay as they are."""


def remember_folders(place: bytes, folders: Iterable[bytes]) -> None:
    """Have the memory of an empty repository know which folders held files: that they are shut is no reason to go."""
    import sqlite3  # where a repository is made anew

    with contextlib.closing(sqlite3.connect(os.path.join(os.fsdecode(place), MEMORY))) as memory, memory:
        memory.execute("CREATE TABLE held (path BLOB PRIMARY KEY) WITHOUT ROWID")
        memory.executemany("INSERT OR IGNORE INTO held VALUES (?)", [(path,) for path in folders if path])
