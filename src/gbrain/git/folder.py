"""Plain folders, without git: snapshotted into a bare repository of ours, as if every look at them were a commit.

Git does the looking (`add`), with the folder as its work tree, so that what has not changed is not read again. What
git would not take as it is stands in the tree as an entry that cannot be read: a repository inside the folder as a
submodule, a special file as one with an id of its own, a file over the limit as a blob of one byte more. Nothing is
ever written into the folder, and no program of its own is run: no filter, no hook, no attribute is in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from gbrain.domain.plan import MAX_BLOB_BYTES
from gbrain.domain.tree import SPECIAL_FILE, Revision
from gbrain.git import refusals
from gbrain.git.environment import environment
from gbrain.git.failures import check_room
from gbrain.git.lock import held
from gbrain.git.problems import Problem
from gbrain.git.process import Completed, failed, run
from gbrain.git.repository import Repository

FOLDERS = "folders"
"""Where in the home the snapshots lie."""

REF = "refs/gbrain/snapshot"

_ATTRIBUTES = "* -text -filter -ident -working-tree-encoding\n"
_SETTINGS = (
    *("-c", "core.autocrlf=false"),
    *("-c", "core.attributesFile=/dev/null"),
    *("-c", "core.excludesFile=/dev/null"),
    *("-c", "core.fileMode=true"),
    *("-c", "core.symlinks=true"),
    *("-c", "core.ignoreCase=false"),
    *("-c", "core.precomposeUnicode=false"),
    *("-c", "core.sparseCheckout=false"),
    *("-c", "core.splitIndex=false"),
    *("-c", "core.untrackedCache=false"),
)
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "gbrain"), ("EMAIL", "gbrain@localhost"))
}
_NESTED = "1" * 40
_LARGE = bytes(MAX_BLOB_BYTES + 1)
_PATIENCE = timedelta(minutes=5)
_DEADLINE_S = 3600.0


@dataclass(slots=True)
class _Found:
    """What a walk through the folder came upon that git is not to take: index entries by path, mode and id."""

    nested: list[bytes] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    large: list[bytes] = field(default_factory=list)
    ours: list[bytes] = field(default_factory=list)
    """Folders of gbrain's own."""
    any_entry: bool = False


def snapshots_of(folders: Path, source_id: str) -> Repository:
    """The repository that holds a source's snapshots, whether it is there or not."""
    return Repository(place=folders / f"{source_id}.git", is_ours=True)


def borrowing(kept: Repository, folders: Path) -> Repository:
    """A repository aside for one more snapshot, which reads from the kept one and leaves it as it is."""
    return Repository(place=folders / kept.place.name, is_ours=True, alternates=(kept.place / "objects",))


async def snapshot(repository: Repository, folder: Path, *, without: Path) -> Revision | Problem:
    """The folder as it is now; the last snapshot where nothing has changed. `without` is left out where it lies inside.

    Raises GitError where a file cannot be read, and DiskFull.
    """
    try:
        found = await asyncio.to_thread(_walk, folder, without)
    except FileNotFoundError:
        return refusals.no_folder_there(folder)
    except OSError as error:
        return refusals.unreadable_folder(folder, error)
    if not found.any_entry:
        return refusals.empty_folder(folder)
    repository.place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with held(repository.place.with_suffix(".lock"), patience=_PATIENCE):
        return await _Snapshot(repository, folder).take(found)


async def last_snapshot(repository: Repository) -> Revision | None:
    """What the last look at the folder found; None where there was none."""
    return await repository.revision(REF) if (repository.place / "HEAD").exists() else None


def forget_snapshots(folders: Path, source_id: str) -> None:
    """Remove a source's snapshots."""
    place = snapshots_of(folders, source_id).place
    shutil.rmtree(place, ignore_errors=True)
    place.with_suffix(".lock").unlink(missing_ok=True)


class _Snapshot:
    def __init__(self, repository: Repository, folder: Path) -> None:
        self._repository, self._folder = repository, folder

    async def take(self, found: _Found) -> Revision:
        if not (self._repository.place / "HEAD").exists():
            await self._make()
        (self._repository.place / "index.lock").unlink(missing_ok=True)  # of one that was killed: the lock is ours
        await self._forget_stand_ins()
        left_out = [*found.nested, *found.special, *found.large, *found.ours]
        specs = [b".", *(b":(exclude,literal)" + path for path in left_out)]
        await self._git("add", "-A", "-f", "--pathspec-from-file=-", "--pathspec-file-nul", fed=b"\0".join(specs))
        await self._stand_in(found)
        tree = (await self._git("write-tree", "--missing-ok")).stdout.decode().strip()
        last = await last_snapshot(self._repository)
        if last is not None and last.tree == tree:
            return last
        commit = (await self._git("commit-tree", "-m", "snapshot", tree, env=_IDENTITY)).stdout.decode().strip()
        await self._git("update-ref", REF, commit)
        revision = await self._repository.revision(REF)
        if revision is None:
            raise failed(("commit-tree",), "the snapshot is not there")
        return revision

    async def _make(self) -> None:
        place = self._repository.place
        aside = place.with_suffix(".init")
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        options = ("--bare", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=main")
        arguments = ("init", *options, "--end-of-options", str(aside))
        completed = await run(arguments, env=environment() | {"GIT_DEFAULT_REF_FORMAT": "files"})
        if completed.returncode != 0:
            check_room(completed.stderr)
            raise failed(arguments, completed.stderr)
        (aside / "info").mkdir(exist_ok=True)
        (aside / "info" / "attributes").write_text(_ATTRIBUTES)
        for lent in self._repository.alternates:
            # What the index knows of the folder's files need not be read again.
            with contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread(shutil.copyfile, lent.parent / "index", aside / "index")
        aside.rename(place)

    async def _forget_stand_ins(self) -> None:
        """What stood for something that git was not to take may be an ordinary file or folder by now."""
        listed = (await self._git("ls-files", "-s", "-z")).stdout.split(b"\0")
        large = _large_blob().encode()
        stale = [
            entry.partition(b"\t")[2]
            for entry in listed
            if entry.startswith(b"160000 ") or entry.split(b" ", 2)[1:2] == [large]
        ]
        if stale:
            await self._git("update-index", "--force-remove", "-z", "--stdin", fed=b"\0".join(stale) + b"\0")

    async def _stand_in(self, found: _Found) -> None:
        entries = [b"160000 %b\t%b" % (_NESTED.encode(), path) for path in found.nested]
        entries += [b"160000 %b\t%b" % (SPECIAL_FILE.hex().encode(), path) for path in found.special]
        if found.large:
            await self._git("hash-object", "-w", "--stdin", fed=_LARGE)
            large = _large_blob()
            entries += [b"100644 %b\t%b" % (large.encode(), path) for path in found.large]
        if entries:
            await self._git("update-index", "--replace", "-z", "--index-info", fed=b"\0".join(entries) + b"\0")

    async def _git(self, *arguments: str, fed: bytes | None = None, env: Mapping[str, str] | None = None) -> Completed:
        place = (f"--git-dir={self._repository.place}", f"--work-tree={self._folder}", "-C", str(self._folder))
        everything = environment(alternates=self._repository.alternates) | dict(env or {})
        completed = await run((*_SETTINGS, *place, *arguments), env=everything, fed=fed, deadline_s=_DEADLINE_S)
        if completed.returncode != 0:
            check_room(completed.stderr)
            raise failed(arguments, completed.stderr)
        return completed


@cache
def _large_blob() -> str:
    """The id of the blob that stands for every file over the limit."""
    return hashlib.sha1(b"blob %d\0" % len(_LARGE) + _LARGE, usedforsecurity=False).hexdigest()


def _walk(folder: Path, without: Path) -> _Found:
    found = _Found()
    top = os.fsencode(folder)
    waiting = [b""]
    avoided = os.fsencode(without)
    while waiting:
        below = waiting.pop()
        for entry in _entries(top, below):
            found.any_entry = True
            path = below + entry.name
            if entry.is_symlink():
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name == b".git":
                    continue
                if os.path.join(top, path) == avoided:
                    found.ours.append(path)
                elif os.path.lexists(os.path.join(top, path, b".git")):
                    found.nested.append(path)
                else:
                    waiting.append(path + b"/")
                continue
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                found.special.append(path)
            elif status.st_size > MAX_BLOB_BYTES:
                found.large.append(path)
    return found


def _entries(top: bytes, below: bytes) -> Iterator[os.DirEntry[bytes]]:
    with os.scandir(os.path.join(top, below)) as entries:
        yield from entries
