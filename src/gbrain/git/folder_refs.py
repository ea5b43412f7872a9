"""What a repository of ours that holds the snapshots of a plain folder calls its parts."""

from __future__ import annotations

REF = "refs/gbrain/snapshot"
"""The last snapshot."""
REF_BEFORE = "refs/gbrain/before"
"""The one before it, for whoever still reads that."""
MEMORY = "seen.sqlite"
"""A database of the files that were read, which need not be read again while they stay as they are."""
