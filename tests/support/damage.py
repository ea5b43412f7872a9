"""Copies of ours that a disk has damaged."""

from __future__ import annotations

from pathlib import Path

from support.repositories import Repository


def lose_contents(copies: Path, *, only: str = "") -> None:
    """Take blobs away, all or only one: what refs stand for is there, what files hold is not."""
    [place] = copies.glob("*.git")
    kept = Repository(folder=place)
    for pack in (place / "objects" / "pack").glob("*.pack"):
        content = pack.read_bytes()
        pack.unlink()
        kept.git("unpack-objects", "-q", fed=content)
    listed = kept.git("cat-file", "--batch-all-objects", "--batch-check")
    for blob in (line.split()[0] for line in listed.splitlines() if " blob " in line and line.startswith(only)):
        (place / "objects" / blob[:2] / blob[2:]).unlink()
