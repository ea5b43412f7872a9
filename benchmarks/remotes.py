"""A server of repositories over git's own protocol, that lets every client wait for its first byte, some for ever.

`python -m benchmarks.remotes FOLDER --wait 1` serves the repositories of a folder on a loopback port, which it prints.
It is a process of its own, so that it shares nothing with what is measured but the machine. (`git daemon` keeps five
connections waiting and loses the others' first packets, which come again after a second.)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

AT_ONCE = 64
_BACKLOG = 128
_HANGS = "hangs"
"""A repository with a file of this name is never answered for."""
_DEADLINE_S = 20


@dataclass(frozen=True)
class Remotes:
    """The repositories of a folder, as a server on this port has them."""

    folder: Path
    port: int

    def url(self, name: str) -> str:
        """Where the server has the repository."""
        return f"git://127.0.0.1:{self.port}/{name}"

    def hang(self, name: str) -> None:
        """From now on take connections for the repository, and say nothing."""
        (self.folder / name / _HANGS).touch()

    def answer(self, name: str) -> None:
        """From now on serve the repository again."""
        (self.folder / name / _HANGS).unlink(missing_ok=True)


@contextmanager
def serving(folder: Path, *, wait_s: float) -> Iterator[Remotes]:
    """A server for the repositories in the folder, as long as the block lasts."""
    command = [sys.executable, "-m", __name__, str(folder), "--wait", str(wait_s)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield Remotes(folder, int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(_DEADLINE_S)
        process.stdout.close()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wait", type=float, default=0.0, help="seconds before the first byte of an answer")
    arguments = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
        print(listener.getsockname()[1], flush=True)
        listener.setblocking(False)
        asyncio.run(_serve(listener, arguments.folder, arguments.wait))


async def _serve(listener: socket.socket, folder: Path, wait_s: float) -> None:
    answering = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(listener)
            group.create_task(_converse(client, folder, wait_s, answering))


async def _converse(client: socket.socket, folder: Path, wait_s: float, answering: asyncio.Semaphore) -> None:
    with client, contextlib.suppress(OSError, ValueError):
        client.setblocking(False)
        repository = folder / await _wanted(client)
        if (repository / _HANGS).exists():
            await asyncio.get_running_loop().sock_recv(client, 1)  # comes when the client has given up
            return
        async with answering:
            await asyncio.sleep(wait_s)
            await _upload(client, repository)


async def _wanted(client: socket.socket) -> str:
    """The name of the repository in a client's first packet: `git-upload-pack /name`, then NUL and other things."""
    size = int(await _exactly(client, 4), 16)
    request = await _exactly(client, size - 4)
    return Path(os.fsdecode(request.partition(b"\0")[0]).partition(" ")[2].strip()).name


async def _upload(client: socket.socket, repository: Path) -> None:
    """Let git talk to the client itself."""
    client.setblocking(True)  # it is git's now
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    child = await asyncio.create_subprocess_exec(
        *("git", "upload-pack", str(repository)),
        stdin=client.fileno(),
        stdout=client.fileno(),
        stderr=subprocess.DEVNULL,
        env=kept | {"GIT_PROTOCOL": "version=2", "GIT_CONFIG_GLOBAL": os.devnull},
    )
    client.close()
    await child.wait()


async def _exactly(client: socket.socket, size: int) -> bytes:
    """So many bytes and none that follow, which are git's."""
    found = b""
    while len(found) < size:
        more = await asyncio.get_running_loop().sock_recv(client, size - len(found))
        if not more:
            raise ConnectionResetError
        found += more
    return found


if __name__ == "__main__":
    main()
