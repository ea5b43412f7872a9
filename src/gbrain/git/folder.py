"""Plain folders, without git: each look at one is a commit in a bare repository of ours, read like any other.

What cannot be a blob stands in the tree as an entry that cannot be read: a repository inside the folder as a submodule,
special and unreadable files as submodules with ids of their own, a file over the limit as a blob of one byte more.
Nothing is ever written into the folder, and nothing of it is run: no filter, hook or attribute is ever asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from gbrain import logs
from gbrain.domain.tree import Revision
from gbrain.git import refusals
from gbrain.git.environment import environment
from gbrain.git.failures import check_room
from gbrain.git.folder_refs import MEMORY, REF, REF_BEFORE, remember_folders
from gbrain.git.lock import LockStuck, held
from gbrain.git.problems import Problem
from gbrain.git.process import DEADLINE_S, GitError, child, failed, run, said
from gbrain.git.repository import Repository

FOLDERS = "folders"
"""Where in the home the snapshots lie."""

_PATIENCE = timedelta(minutes=5)
_MOST_PACKS = 50
_MOST_LOOSE_OF_256TH = 27
"""Of the objects whose ids begin with 17: about 7,000 in all, at which git packs them too."""
_LACKING = {"trouble": "damaged", "why": "contents are missing"}
_FORGET_WITHIN_S = 20.0
_PROGRAM = (sys.executable, "-P", "-m", "gbrain.git.folder_child")


def snapshots_of(folders: Path, source_id: str) -> Repository:
    """The repository that holds a source's snapshots, whether it is there or not."""
    return Repository(place=folders / f"{source_id}.git", is_ours=True)


def borrowing(kept: Repository, folders: Path, *, lends: bool) -> Repository:
    """A repository aside for one more snapshot, which leaves the kept one as it is and, where that lends, reads it."""
    alternates = (kept.place / "objects",) if lends else ()
    return Repository(place=folders / kept.place.name, is_ours=True, alternates=alternates)


async def snapshot(repository: Repository, folder: Path, *, home: Path, anew: bool = False) -> Revision | Problem:
    """The folder as it is now; the last snapshot where nothing has changed. The home is left out where it lies inside.

    Where what earlier looks stored is damaged, or `anew` says so, another repository takes its place once it is whole.
    A look in which nothing moves for DEADLINE_S is given up: GitError is raised then, and where git cannot store.
    """
    repository.place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with held(repository.place.with_suffix(".lock"), patience=_PATIENCE):
        answer = _LACKING if anew else await _grown(repository, folder, home)
        if answer.get("trouble") == "damaged":
            logs.warning("a snapshot is made anew", folder=str(folder), because=answer["why"])
            answer = await _anew(repository.place, folder, home)
        if (trouble := answer.get("trouble")) is not None:
            return refusals.no_snapshot(folder, trouble, answer["path"], answer.get("why", ""))
        revision = await repository.revision(answer["commit"])
    if revision is None:
        raise failed(("commit-tree",), "the snapshot is not there")
    return revision


async def _grown(repository: Repository, folder: Path, home: Path) -> dict[str, Any]:
    """The answer of a look that builds upon the ones before it."""
    if not (repository.place / "HEAD").exists():
        await _make(repository)
    await asyncio.to_thread(_tidy, repository.place)
    try:
        return await _look(repository, folder, home)
    finally:
        await _repack(repository)


async def _anew(place: Path, folder: Path, home: Path) -> dict[str, Any]:
    """The answer of a look into a repository that takes the place of this one if it works."""
    fresh = Repository(place=place.with_suffix(".fresh"), is_ours=True)
    old = Repository(place=place, is_ours=True)
    await _make(fresh)
    listed = await old.git("ls-tree", "-r", "-d", "--name-only", "-z", REF)
    await asyncio.to_thread(remember_folders, os.fsencode(fresh.place), listed.stdout.split(b"\0"))
    answer = await _look(fresh, folder, home)
    if "commit" in answer:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        fresh.place.rename(place)
    await asyncio.to_thread(shutil.rmtree, fresh.place, ignore_errors=True)
    return answer


async def last_snapshot(repository: Repository) -> Revision | None:
    """What the last look at the folder found; None where there was none."""
    return await repository.revision(REF) if (repository.place / "HEAD").exists() else None


async def forget_snapshots(folders: Path, source_id: str) -> bool:
    """Remove a source's snapshots; False where a look at its folder does not end in time."""
    place = snapshots_of(folders, source_id).place
    lock = place.with_suffix(".lock")
    if not place.exists() and not lock.exists():
        return True
    try:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(_FORGET_WITHIN_S):
                await stack.enter_async_context(held(lock, patience=_PATIENCE))
            for each in (place, *_asides(place)):
                await asyncio.to_thread(shutil.rmtree, each, ignore_errors=True)
            lock.unlink(missing_ok=True)
    except (TimeoutError, LockStuck):
        return False
    return True


def _asides(place: Path) -> tuple[Path, Path]:
    """Where a repository is made before it takes its place."""
    return place.with_suffix(".init"), place.with_suffix(".fresh")


async def _make(repository: Repository) -> None:
    aside = repository.place.with_suffix(".init")
    for folder in (aside, repository.place):
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    options = ("--bare", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=main")
    arguments = ("init", *options, "--end-of-options", str(aside))
    completed = await run(arguments, env=environment() | {"GIT_DEFAULT_REF_FORMAT": "files"})
    if completed.returncode != 0:
        check_room(completed.stderr)
        raise failed(arguments, completed.stderr)
    for lent in repository.alternates:
        await asyncio.to_thread(_remember, lent.parent / MEMORY, aside / MEMORY)
    aside.rename(repository.place)


def _remember(kept: Path, copy: Path) -> None:
    """What is known of the folder's files need not be read again, where it can be copied: a look may be writing it."""
    import sqlite3  # for dry runs alone

    with contextlib.suppress(sqlite3.Error), contextlib.ExitStack() as stack:
        source, target = sqlite3.connect(f"{kept.as_uri()}?mode=ro", uri=True), sqlite3.connect(copy)
        stack.callback(source.close)
        stack.callback(target.close)
        source.backup(target)


def _tidy(place: Path) -> None:
    """Remove what looks that were killed have left: the lock is ours, so nobody waits for it."""
    for aside in _asides(place):
        shutil.rmtree(aside, ignore_errors=True)
    objects = place / "objects"
    left = [place / f"{name}.lock" for name in (REF, REF_BEFORE, "HEAD", "packed-refs")]
    left += [*(objects / "pack").glob("tmp_*"), *(objects / "pack").glob(".tmp-*"), *objects.glob("??/tmp_obj_*")]
    for path in [*left, *place.glob("fast_import_crash_*")]:
        path.unlink(missing_ok=True)


async def _repack(repository: Repository) -> None:
    """Let go of what no snapshot holds any more, once there is much; a repository where that fails is only larger."""
    objects = repository.place / "objects"
    packs, loose = len([*(objects / "pack").glob("*.pack")]), len([*(objects / "17").glob("*")])
    if repository.alternates or (packs <= _MOST_PACKS and loose <= _MOST_LOOSE_OF_256TH):
        return
    with contextlib.suppress(GitError):
        await repository.git("repack", "-a", "-d", "-l", "-q")
        await repository.git("prune", "--expire=now")


async def _look(repository: Repository, folder: Path, home: Path) -> dict[str, Any]:
    """The child's answer, for as long as it gives signs of life."""
    lent = [str(objects) for objects in repository.alternates]
    words = (str(repository.place), str(folder), str(home), *lent)
    async with child(words, env=environment(), program=_PROGRAM) as process:
        told, complaint = b"", b""
        try:
            while process.stdout is not None:
                async with asyncio.timeout(DEADLINE_S):
                    if not (part := await process.stdout.read(1 << 16)):
                        break
                told += part
            async with asyncio.timeout(DEADLINE_S):
                complaint = await process.stderr.read() if process.stderr is not None else b""
        except TimeoutError:
            raise GitError(
                f"reading {folder} gave nothing for {DEADLINE_S:.0f} s", hint="check the disk it lies on"
            ) from None
    lines = told.decode().strip().rsplit("\n", 1)
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
    except ValueError:
        answer = {"trouble": "broke off"}
    if answer.get("trouble") in ("damaged", "broke off"):
        check_room(said(complaint) + answer.get("why", ""))
    if answer.get("trouble") == "broke off":
        raise GitError(
            f"the look at {folder} broke off: {said(complaint).strip().rpartition(chr(10))[2] or 'it was killed'}",
            hint="sync again; run with -v where that does not help",
        )
    return answer
