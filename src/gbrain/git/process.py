"""Runs git children: each in a session of its own, killed with its whole group and reaped whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gbrain.domain.redaction import redact, visible
from gbrain.errors import CouldNotRun, GbrainError
from gbrain.git.environment import FLAGS

DEADLINE_S = 120.0
"""How long a child that talks to no remote may take, or stay silent where it streams."""

_REAP_S = 5.0
_PIPE_BYTES = 1 << 20


class GitError(GbrainError):
    """Git could not read a repository that it had read before; the message is its own."""

    code: ClassVar[str] = "not_a_repository"


class RepositoryDamaged(GitError):
    """What should be in the repository is missing or cannot be read: no matter of time, or of the disk's patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a child that ended left: its code, its output, and what it said (as text, one language, untrusted)."""

    returncode: int
    stdout: bytes
    stderr: str


async def run(
    arguments: Sequence[str], *, env: Mapping[str, str], fed: bytes | None = None, deadline_s: float = DEADLINE_S
) -> Completed:
    """Runs `git` with our flags and `arguments` to its end; past the deadline raises `GitError`."""
    async with child(arguments, env=env, is_fed=fed is not None) as process:
        try:
            async with asyncio.timeout(deadline_s):
                stdout, stderr = await process.communicate(fed)
        except TimeoutError:
            raise stopped_answering(arguments, deadline_s) from None
        return Completed(returncode=process.returncode or 0, stdout=stdout, stderr=said(stderr))


@contextlib.asynccontextmanager
async def child(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    is_fed: bool = False,
    has_output: bool = True,
    program: Sequence[str] = ("git", *FLAGS),
) -> AsyncIterator[Process]:
    """A running git, its standard error piped, its input and output where asked for; gone when the block ends."""
    process = await _start([*program, *arguments], env=env, is_fed=is_fed, has_output=has_output)
    try:
        yield process
    finally:
        await _end(process)


def said(stderr: bytes) -> str:
    """What a child wrote to standard error, as text."""
    return stderr.decode("utf-8", "surrogateescape")


def failed(arguments: Sequence[str], stderr: str) -> RepositoryDamaged:
    """The exception for a child that ended badly, with git's own first complaint."""
    if "promisor remote" in stderr:
        return RepositoryDamaged(
            f"the repository is a partial clone that lacks what it should hold: {complaint(stderr)}",
            hint="fetch what it lacks: git fetch --refetch --no-filter",
        )
    return RepositoryDamaged(
        f"git {_subcommand(arguments)} failed: {complaint(stderr)}", hint="run `git fsck` in the repository"
    )


def stopped_answering(arguments: Sequence[str], seconds: float) -> GitError:
    """The exception for a child that was given up."""
    return GitError(
        f"git {_subcommand(arguments)} gave nothing for {seconds:.0f} s", hint="check the disk it reads from"
    )


def complaint(stderr: str) -> str:
    """Git's first `fatal:` or `error:` line, or its last words, on one line, without credentials."""
    lines = [line.strip() for line in stderr.replace("\r", "\n").split("\n") if line.strip()]
    chosen = next((line for line in lines if line.startswith("fatal: ")), None)
    chosen = chosen or next((line for line in lines if line.startswith("error: ")), None)
    return presentable(chosen or (lines[-1] if lines else "it said nothing"))


def presentable(line: str) -> str:
    """A line of git's without its level, credentials and control characters."""
    return visible(redact(line.removeprefix("fatal: ").removeprefix("error: ")))[:500]


def _subcommand(arguments: Sequence[str]) -> str:
    words = iter(arguments)
    for word in words:
        if word in ("-C", "-c"):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return "?"


async def _start(arguments: Sequence[str], *, env: Mapping[str, str], is_fed: bool, has_output: bool) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=PIPE if is_fed else DEVNULL,
            stdout=PIPE if has_output else DEVNULL,
            stderr=PIPE,
            limit=_PIPE_BYTES,
            start_new_session=True,
            env=env,
            cwd="/",  # ours may lie in a stranger's repository, or be gone
        )
    except FileNotFoundError:
        raise CouldNotRun("the program git was not found", hint="install git 2.39.4 or newer") from None


async def _end(process: Process) -> None:
    """Kills what is left of the child's group, reaps the child, and closes its pipes, even while being cancelled."""
    if process.returncode != 0:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        await _despite_cancellation(asyncio.ensure_future(_reap(process)))
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


async def _reap(process: Process) -> None:
    # Some versions of asyncio tell of a child's end only when its pipes are empty.
    draining = asyncio.ensure_future(process.stdout.read()) if process.stdout is not None else None
    try:
        await process.wait()
    finally:
        if draining is not None:
            draining.cancel()


async def _despite_cancellation(reaping: asyncio.Future[None]) -> None:
    # A child in uninterruptible sleep (a dead network disk) outlives even SIGKILL: it is not waited for without end.
    cancelled: asyncio.CancelledError | None = None
    while not reaping.done():
        try:
            _, pending = await asyncio.wait({reaping}, timeout=_REAP_S)
        except asyncio.CancelledError as error:
            cancelled = error
            continue
        if pending:
            reaping.cancel()
            break
    if cancelled is not None:
        raise cancelled
