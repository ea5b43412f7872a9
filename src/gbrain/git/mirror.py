"""Bare repositories of ours in the home, one per URL, into which news are fetched.

A mirror holds one ref per source and remote ref. It is made aside and renamed when whole, and made anew when git finds
it damaged. All changes are made under its lock; reading needs none.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import assert_never

from gbrain.git.environment import environment
from gbrain.git.failures import check_room, classify, is_broken, other_format
from gbrain.git.fetch import Ended, GivenUp, Overheard, Request, Stalled, Useless, fetch
from gbrain.git.lock import LockStuck, held
from gbrain.git.problems import Problem
from gbrain.git.process import GitError, failed, run
from gbrain.git.repository import Repository
from gbrain.git.restoring import State

_MOST_PACKS = 50
_PERHAPS_A_PAGE = "; a web page where the repository should be looks the same: open the URL"
_LOCKS = ("shallow.lock", "packed-refs.lock", "config.lock", "HEAD.lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The mirror of a URL. One that borrows a checkout's objects is that checkout's alone."""

    folder: Path
    borrowed: tuple[Path, ...] = ()

    @property
    def lock(self) -> Path:
        """The file that is locked while the mirror changes; it outlives a mirror that is made anew."""
        return self.folder.with_suffix(".lock")

    @property
    def exists(self) -> bool:
        """True once it has been made."""
        return (self.folder / "HEAD").exists()

    def repository(self) -> Repository:
        """The mirror, to read from."""
        return Repository(place=self.folder, is_ours=True, alternates=self.borrowed)


def mirror_of(mirrors: Path, url: str, *, borrowed: Path | None = None) -> Mirror:
    """The mirror of a URL in the folder of mirrors, whether it is there or not."""
    named = os.fsencode(url) if borrowed is None else os.fsencode(url) + b"\0" + os.fsencode(borrowed)
    folder = mirrors / f"{hashlib.sha256(named).hexdigest()[:32]}.git"
    return Mirror(folder=folder, borrowed=() if borrowed is None else (borrowed,))


def ref_of(source_id: str, wanted: str) -> str:
    """Where a source keeps what it last fetched of a remote's ref: another branch is never taken for this one."""
    return f"refs/gbrain/{source_id}/{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]}"


async def update(
    mirror: Mirror, request: Request, *, object_format: str = "sha1", anew_since: float | None = None
) -> Problem | None:
    """Fetches into the mirror, made first where it is missing. None where it worked.

    With `anew_since` (seconds since 1970) a mirror that was made before then is damaged: another one is made aside, and
    takes its place once it is whole.
    """
    mirror.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        async with held(mirror.lock, patience=3 * request.stall) as lock:
            request = replace(request, on_movement=lock.touch)
            return await _updated(mirror, request, object_format, anew_since=anew_since)
    except LockStuck:
        seconds = 3 * request.stall.total_seconds()
        return Problem(
            code="fetch_timeout",
            message=f"another process has held the mirror for {seconds:.0f} s without progress",
            hint=f"find and end the process that holds {mirror.lock}",
        )


async def _updated(mirror: Mirror, request: Request, object_format: str, *, anew_since: float | None) -> Problem | None:
    if not mirror.exists:
        await _make(mirror.folder, object_format)
    _tidy(mirror.folder)
    before = State(mirror.folder, request.ref)
    anew = anew_since is not None and (mirror.folder / "HEAD").stat().st_mtime < anew_since
    ended = await (_anew(mirror.folder, request, object_format) if anew else fetch(mirror.folder, request))
    if isinstance(ended, Ended) and ended.returncode != 0 and not anew:
        other = other_format(ended.stderr)
        if other is not None or is_broken(ended.stderr):
            ended = await _anew(mirror.folder, request, other or object_format)
    if isinstance(ended, Ended) and ended.returncode == 0:
        await _repack(mirror)
        return None
    before.restore()
    return _problem(ended, request)


async def _repack(mirror: Mirror) -> None:
    """Joins the packs of many fetches; a mirror where that fails is only slower."""
    if len(_packs(mirror.folder)) > _MOST_PACKS:
        with contextlib.suppress(GitError):
            await mirror.repository().git("repack", "--geometric=2", "-d", "-l", "-q")


def _packs(folder: Path) -> list[Path]:
    return list((folder / "objects" / "pack").glob("*.pack"))


async def _anew(folder: Path, request: Request, object_format: str) -> Ended | GivenUp:
    """Makes and fills another mirror aside; the old one gives way to it only once it is whole."""
    fresh, old = folder.with_suffix(".fresh"), folder.with_suffix(".old")
    await _make(fresh, object_format)
    ended = await fetch(fresh, request)
    if isinstance(ended, Ended) and ended.returncode == 0:
        await _bring_over(folder, fresh, request)
        await _remove(old)
        _swap(folder, old, fresh)
    await _remove(fresh, old)
    return ended


async def _bring_over(folder: Path, fresh: Path, request: Request) -> None:
    """Have the new mirror hold what the old one's other refs stand for, from the remote or else from the old one."""
    listed = await Repository(place=folder, is_ours=True).git("for-each-ref", "--format=%(objectname) %(refname)")
    for commit, ref in (line.split(" ", 1) for line in listed.stdout.decode().splitlines()):
        for url in (request.url, str(folder)) if ref != request.ref else ():
            ended = await fetch(fresh, replace(request, url=url, wanted=commit, ref=ref))
            if isinstance(ended, Ended) and ended.returncode == 0:
                break


async def _make(folder: Path, object_format: str) -> None:
    aside = folder.with_suffix(".init")
    await _remove(aside, folder)
    options = ("--bare", "--quiet", "--template=", f"--object-format={object_format}", "--initial-branch=main")
    arguments = ("init", *options, "--end-of-options", str(aside))
    completed = await run(arguments, env=environment() | {"GIT_DEFAULT_REF_FORMAT": "files"})
    if completed.returncode != 0:
        check_room(completed.stderr)
        raise failed(arguments, completed.stderr)
    aside.rename(folder)


async def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _swap(folder: Path, old: Path, fresh: Path) -> None:
    folder.rename(old)
    fresh.rename(folder)


def _tidy(folder: Path) -> None:
    """Removes the locks and half-written packs of a fetch that was killed; we hold the lock, so nobody uses them."""
    left = [folder / name for name in _LOCKS]
    left += [path for pattern in ("tmp_*", ".tmp-*", "*.keep") for path in (folder / "objects" / "pack").glob(pattern)]
    left += [
        Path(place, name) for place, _, names in os.walk(folder / "refs") for name in names if name.endswith(".lock")
    ]
    for path in left:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _problem(ended: Ended | GivenUp, request: Request) -> Problem:
    match ended:
        case Ended(stderr=stderr):
            problem = classify(stderr)
            return _empty(request) if problem.code == "branch_gone" and request.wanted == "HEAD" else problem
        case Stalled(silence=silence):
            return _silence(silence)
        case Useless(spent=spent):
            return _useless(spent)
        case Overheard(most_bytes=most_bytes):
            return _overheard(most_bytes)
        case _:
            assert_never(ended)


def _silence(silence: timedelta) -> Problem:
    return Problem(
        code="fetch_timeout",
        message=f"no data from the remote for {silence.total_seconds():.0f} s",
        hint="check the remote and the network; fetch_stall in config.toml says how long to wait",
    )


def _useless(spent: timedelta) -> Problem:
    return Problem(
        code="fetch_timeout",
        message=f"the remote answers, but sent next to nothing of its repository in {spent.total_seconds():.0f} s",
        hint="check the remote; a larger fetch_stall in config.toml gives a slow one more time",
    )


def _overheard(most_bytes: int) -> Problem:
    return Problem(
        code="fetch_failed",
        message=f"what the remote tells of itself takes more than {most_bytes >> 20} MB of memory",
        hint="check the URL and the remote: a repository has far fewer branches and tags",
    )


def _empty(request: Request) -> Problem:
    is_web = request.url.startswith("http")
    return Problem(
        code="no_commit",
        message="the remote has no commit on its default branch",
        hint="push one, or name a branch with --branch" + (_PERHAPS_A_PAGE if is_web else ""),
    )
