"""Real repositories, and remotes played over the real protocol on loopback ports of the system's choosing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from gbrain.domain.locations import PathLocation, UrlLocation
from gbrain.git.acquire import acquire
from gbrain.git.acquired import Acquired
from gbrain.git.problems import Problem
from gbrain.git.progress import FetchProgress

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home with nothing but a name in its git configuration."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".gitconfig").write_text("[user]\n\tname = A\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n")
    for name in [name for name in os.environ if name.startswith("GIT_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


@dataclass(frozen=True)
class Repo:
    """A repository that a test writes to."""

    path: Path

    def git(self, *arguments: str | bytes, fed: bytes | None = None) -> str:
        done = subprocess.run(["git", "-C", self.path, *arguments], input=fed, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(self, files: dict[str, str] | dict[bytes, bytes] | None = None, message: str = "m") -> str:
        """Commits these files and gives the commit's id."""
        for name, content in (files or {}).items():
            place = Path(self.path, os.fsdecode(name))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(os.fsencode(content))
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def clone(self, name: str, *options: str) -> Repo:
        """A checkout of this repository, beside it."""
        path = self.path.parent / name
        subprocess.run(["git", "clone", "-q", *options, self.path, path], check=True, capture_output=True)
        return Repo(path)


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., Repo]:
    def make(name: str = "repo", *options: str) -> Repo:
        subprocess.run(["git", "init", "-q", *options, tmp_path / name], check=True, capture_output=True)
        return Repo(tmp_path / name)

    return make


@dataclass
class Ask:
    """Acquires for a test, with its home's mirrors."""

    mirrors: Path
    reports: list[FetchProgress] = field(default_factory=list)

    async def __call__(
        self,
        where: Path | str,
        *,
        source_id: str = "wiki",
        pull: bool = True,
        branch: str | None = None,
        stall: float = 20.0,
        allow_private_hosts: bool = True,
        anew: bool = False,
    ) -> Acquired | Problem:
        location = PathLocation(path=where) if isinstance(where, Path) else UrlLocation(url=where)
        return await acquire(
            location,
            source_id=source_id,
            mirrors=self.mirrors,
            pull=pull,
            branch=branch,
            fetch_stall=timedelta(seconds=stall),
            allow_private_hosts=allow_private_hosts,
            report=self.reports.append,
            anew_since=time.time() if anew else None,
        )


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    return Ask(tmp_path / "mirrors")


@dataclass
class Remote:
    """A server whose behaviour a test sets, and may change while it runs."""

    port: int
    handler: Handler
    connections: int = 0

    def url(self, path: str) -> str:
        return f"git://127.0.0.1:{self.port}{path}"


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    tasks: set[asyncio.Task[None]] = set()
    played = Remote(port=0, handler=silent)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        played.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await played.handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    played.port = server.sockets[0].getsockname()[1]
    yield played
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and never says a word."""
    await asyncio.Event().wait()


def daemon(base: Path, *, stop_after: int | None = None, then: str = "hang", pause_s: float = 0.0) -> Handler:
    """Plays `git daemon`, whole or up to so many bytes, in small pieces with pauses where asked for."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        process = await asyncio.create_subprocess_exec(
            *("git", "daemon", "--inetd", "--export-all", f"--base-path={base}", str(base)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        upward = asyncio.create_task(_upward(reader, process))
        try:
            await _downward(process, writer, stop_after, pause_s)
            if stop_after is not None and then == "hang":
                await asyncio.Event().wait()
        finally:
            upward.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.stdout.read()  # asyncio tells of the end only when the pipe is empty
            await process.wait()

    return handle


async def _upward(reader: asyncio.StreamReader, process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            process.stdin.write(data)
            await process.stdin.drain()


async def _downward(
    process: asyncio.subprocess.Process, writer: asyncio.StreamWriter, stop_after: int | None, pause_s: float
) -> None:
    assert process.stdout is not None
    left = stop_after if stop_after is not None else 1 << 40
    while left > 0 and (data := await process.stdout.read(min(left, 1024 if pause_s else 1 << 16))):
        writer.write(data)
        await writer.drain()
        left -= len(data)
        await asyncio.sleep(pause_s)


@pytest.fixture
def play() -> Callable[..., Handler]:
    return daemon


def _is_ours(process: psutil.Process) -> bool:
    """Whether it is a git of ours that runs; a zombie that another test of this process left is none."""
    try:
        return "core.fsmonitor=false" in process.cmdline()
    except psutil.Error:
        return False


@pytest.fixture
def leaves_no_children() -> Iterator[None]:
    """Fails where a git child of this process outlives the test."""
    yield
    ours = [child for child in psutil.Process().children(recursive=True) if _is_ours(child)]
    _, alive = psutil.wait_procs(ours, timeout=5)
    assert alive == []
