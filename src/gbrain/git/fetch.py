"""One `git fetch` into a repository of ours, given up when nothing moves."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gbrain.git.movement import Sample, has_gained, has_moved, take_sample
from gbrain.git.process import child
from gbrain.git.progress import FetchProgress, ProgressLines

_DRAIN_S = 0.5
"""What is left in the pipe after the child's end; a helper that stays behind may hold it open."""

_LONGEST_TICK_S = 1.0

_STALLS_OF_TALK = 5
"""For so many stall times a remote may talk, and prepare what it sends, before something of use has to come."""

_MOST_HEARD_BYTES = 1 << 30
"""More memory than this no list of refs takes: a million of them need a fifth."""

_OPTIONS = (
    *("--progress", "--no-tags", "--no-write-fetch-head", "--no-prune", "--no-recurse-submodules"),
    *("--no-show-forced-updates", "--no-write-commit-graph", "--update-shallow"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to fetch, and how."""

    url: str
    wanted: str
    """A ref of the remote, in full, or `HEAD`."""
    ref: str
    """Where it is kept in the mirror."""
    flags: tuple[str, ...]
    env: Mapping[str, str]
    stall: timedelta
    on_progress: Callable[[FetchProgress], None]
    on_movement: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The child ended by itself."""

    returncode: int
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """Nothing moved for this long, and the child was killed."""

    silence: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Useless:
    """The remote talked on, but nothing of use came for this long, and the child was killed."""

    spent: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheard:
    """What the remote told took more than this much memory, and the child was killed."""

    most_bytes: int


GivenUp = Stalled | Useless | Overheard


async def fetch(folder: Path, request: Request) -> Ended | GivenUp:
    """Fetches into the bare repository `folder`, for as long as something moves and something of use comes."""
    async with child(_arguments(folder, request), env=request.env, has_output=False) as process:
        lines = ProgressLines()
        watch = _Watch(folder / "objects", request.stall, lines)
        listening = asyncio.create_task(_listen(process, lines, watch, request.on_progress))
        try:
            given_up = await _watched(process, listening, watch, request.on_movement)
            if given_up is not None:
                return given_up
            await asyncio.wait({listening}, timeout=_DRAIN_S)
        finally:
            await _stop(listening)
        return Ended(returncode=process.returncode or 0, stderr=lines.finish())


class _Watch:
    """Knows when the fetch last moved, and when it last came nearer to its end."""

    def __init__(self, objects: Path, stall: timedelta, lines: ProgressLines) -> None:
        self.said_bytes = 0
        self.tick_s = min(stall.total_seconds() / 5, _LONGEST_TICK_S)
        self._objects = objects
        self._stall = stall
        self._lines = lines
        self._clock = asyncio.get_running_loop().time
        self._moved_at = self._gained_at = self._clock()
        self._moved = self._gained = self._now = self._sample(0)

    def look(self, pid: int) -> bool:
        """True where something moved since the last look that saw movement."""
        now, at = self._sample(pid), self._clock()
        self._now = now
        if has_gained(self._gained, now, at - self._gained_at):
            self._gained, self._gained_at = now, at
        if not has_moved(self._moved, now):
            return False
        self._moved, self._moved_at = now, at
        return True

    def given_up(self) -> GivenUp | None:
        """Why the fetch is not waited for any longer; None where it is."""
        now = self._clock()
        if now - self._moved_at >= self._stall.total_seconds():
            return Stalled(silence=self._stall)
        if self._now.heard_bytes > _MOST_HEARD_BYTES:
            return Overheard(most_bytes=_MOST_HEARD_BYTES)
        patience = _STALLS_OF_TALK * self._stall
        return Useless(spent=patience) if now - self._gained_at >= patience.total_seconds() else None

    def _sample(self, pid: int) -> Sample:
        return take_sample(pid, self._objects, self.said_bytes, self._lines.local_steps)


async def _watched(
    process: Process, listening: asyncio.Task[None], watch: _Watch, on_movement: Callable[[], None]
) -> GivenUp | None:
    """Waits for the child's end; why it is not waited for any longer where it does not come."""
    ending = asyncio.create_task(process.wait())
    try:
        while process.returncode is None:
            await asyncio.wait({ending}, timeout=watch.tick_s)
            if listening.done() and listening.exception() is not None:
                break  # the caller's own error, raised when `listening` is awaited
            if process.returncode is not None:
                break
            if watch.look(process.pid):
                on_movement()
            if (given_up := watch.given_up()) is not None:
                return given_up
        return None
    finally:
        await _stop(ending)


async def _listen(
    process: Process, lines: ProgressLines, watch: _Watch, on_progress: Callable[[FetchProgress], None]
) -> None:
    assert process.stderr is not None  # noqa: S101 - always piped
    while chunk := await process.stderr.read(1 << 16):
        watch.said_bytes += len(chunk)
        for progress in lines.take(chunk.decode("utf-8", "surrogateescape")):
            on_progress(progress)


async def _stop(task: asyncio.Task[object]) -> None:
    """Ends a task; an error it met is raised."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _arguments(folder: Path, request: Request) -> Sequence[str]:
    # Where this process is killed, nobody is left to see that the child hangs: curl gives up by itself. News are kept
    # as packs: unpacking would freshen the times of equal objects in a borrowed repository, which is not ours to touch.
    patience_s = max(1, round(2 * request.stall.total_seconds()))
    own = ("-c", "fetch.unpackLimit=1", "-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={patience_s}")
    target = ("--end-of-options", request.url, f"+{request.wanted}:{request.ref}")
    return (f"--git-dir={folder}", *own, *request.flags, "fetch", *_OPTIONS, *target)
