"""Taking a source out of the mirrors: its refs go, and a mirror that nobody else has anything in goes whole.

The refs alone tell who uses a mirror: a checkout's remote may be another by now than when it was fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from datetime import timedelta
from pathlib import Path

from gbrain.errors import GbrainError
from gbrain.git.lock import LockStuck, held
from gbrain.git.mirror import Mirror, mirror_of
from gbrain.git.process import GitError, failed

PATIENCE = timedelta(seconds=20)
"""How long a lock is waited for, however well the fetch of another source that holds it comes along."""


async def forget(mirrors: Path, source_id: str, *, url: str | None) -> list[Path]:
    """Removes what the folder of mirrors holds of a source; the mirrors in which that could not be done.

    The mirror of `url`, where that is given, goes even when it is damaged or nothing was ever fetched into it. What is
    left costs room and does no harm: who fetches the same next makes use of it or makes it anew.
    """
    left: list[Path] = []
    own = mirror_of(mirrors, url).folder if url is not None else None
    for folder in _all(mirrors):
        try:
            await _forget(Mirror(folder=folder), f"refs/gbrain/{source_id}/", is_own=folder == own)
        except (TimeoutError, LockStuck, GbrainError):
            left.append(folder)
    return left


def _all(mirrors: Path) -> list[Path]:
    return sorted(mirrors.glob("*.git"))


async def _forget(mirror: Mirror, prefix: str, *, is_own: bool) -> None:
    if not _concerns(await _refs(mirror, may_be_damaged=is_own), prefix, is_own=is_own):
        return
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await stack.enter_async_context(held(mirror.lock, patience=PATIENCE))
        refs = await _refs(mirror, may_be_damaged=is_own)
        if all(ref.startswith(prefix) for ref in refs):
            await _remove(mirror)
        else:
            await _delete(mirror, [ref for ref in refs if ref.startswith(prefix)])


def _concerns(refs: list[str], prefix: str, *, is_own: bool) -> bool:
    return any(ref.startswith(prefix) for ref in refs) or (is_own and not refs)


async def _refs(mirror: Mirror, *, may_be_damaged: bool) -> list[str]:
    """Every source's refs, whether or not what they point to is there: it may lie in a repository that is gone."""
    arguments = ("for-each-ref", "--format=%(refname)", "refs/gbrain/")
    completed = await mirror.repository().git(*arguments)
    if completed.returncode != 0 and not may_be_damaged:
        raise failed(arguments, completed.stderr)
    return completed.stdout.decode("utf-8", "surrogateescape").split()


async def _remove(mirror: Mirror) -> None:
    """Removes the mirror with what a fetch that was killed left beside it; the lock's file last, while it is held."""
    for folder in mirror.folder.parent.glob(f"{mirror.folder.stem}.*"):
        if folder != mirror.lock:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    if mirror.folder.exists():
        raise GitError(f"cannot remove {mirror.folder}", hint="remove it by hand")
    mirror.lock.unlink(missing_ok=True)


async def _delete(mirror: Mirror, refs: list[str]) -> None:
    for ref in refs:
        arguments = ("update-ref", "--no-deref", "-d", ref)
        completed = await mirror.repository().git(*arguments)
        if completed.returncode != 0:
            raise failed(arguments, completed.stderr)
