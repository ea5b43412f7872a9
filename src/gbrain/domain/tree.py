"""What git tells about a tree: its entries, and the revision they were read at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

SPECIAL_FILE = b"\x22" * 20
"""The id under which a plain folder's special file (a pipe, a socket, a device) stands in its tree, as a submodule."""


UNREADABLE_FILE = b"\x33" * 20
"""The same of a file that its owner does not let us read."""


class TreeEntry(NamedTuple):
    """One path of a tree at a fixed commit, in byte order of path wherever they stream."""

    path: bytes
    mode: int
    """git's mode: 0o100644, 0o100755 files; 0o120000 symlinks; 0o160000 submodules."""
    blob: bytes
    """The object id, 20 or 32 raw bytes."""
    size_bytes: int
    """Of the blob; -1 for submodules and where git was not asked."""


class TreeChange(NamedTuple):
    """One path in which two trees differ. `after` is None where the path is gone."""

    path: bytes
    after: TreeEntry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit, the tree it holds, and when it was committed. Ids are lower-case hex."""

    commit: str
    tree: str
    committed_at: datetime
