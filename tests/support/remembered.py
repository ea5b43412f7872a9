"""What is remembered of a plain folder, as if its files had been there for long."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from gbrain.git.folder_files import state_of


def settle(snapshots: Path, folder: Path) -> None:
    """Have the files of the folder known by their state, which looks at once after a change leave open."""
    memory = sqlite3.connect(snapshots / "seen.sqlite")
    with memory:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            state = state_of(path.lstat())
            name = os.fsencode(path.relative_to(folder))
            assert memory.execute("UPDATE seen SET state = ? WHERE path = ?", (state, name)).rowcount == 1
    memory.close()
