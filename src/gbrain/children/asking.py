"""The parent's side: children are started when first needed, asked one question at a time, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from gbrain.children.answering import FAILED, LENGTH

_PIPE_BYTES = 4_000_000


class Children:
    """At most `size` processes of one program, a module that is run with `python -m`.

    `what` names one in an error. `seconds` is how long it may take over an answer.
    """

    def __init__(self, program: str, size: int, *, what: str, seconds: float) -> None:
        self._program, self._what, self._seconds = program, what, seconds
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncio.subprocess.Process] = []

    async def ask(self, question: bytes) -> bytes | signal.Signals:
        """The answer of a child; the signal by which a second one ended where two died over it.

        A child that takes too long is ended, and TimeoutError raised. A defect that it meets is raised as RuntimeError.
        """
        async with self._free:
            answer = await self._ask(self._idle.pop() if self._idle else await self._started(), question)
            if isinstance(answer, signal.Signals):
                answer = await self._ask(await self._started(), question)
        return answer

    async def close(self) -> None:
        """End the children; they hold nothing worth waiting for."""
        while self._idle:
            await _end(self._idle.pop())

    async def _ask(self, child: asyncio.subprocess.Process, question: bytes) -> bytes | signal.Signals:
        """The child's answer, after which it is idle; the signal where one ended it."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._exchange(child, question)
        except (asyncio.IncompleteReadError, ConnectionError):
            return await self._death(child)
        except BaseException:
            await _end(child)
            raise
        self._idle.append(child)
        return answer

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *("nice", "-n", "10", sys.executable, "-P", "-m", self._program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_PIPE_BYTES,
        )

    async def _death(self, child: asyncio.subprocess.Process) -> signal.Signals:
        """How a child ended that has closed its pipes; one that no signal ended has ended by a defect."""
        try:
            async with asyncio.timeout(self._seconds):
                code = await child.wait()
        except TimeoutError:
            await _end(child)
            raise
        if code >= 0:
            raise RuntimeError(f"{self._what} ended with status {code}")
        return signal.Signals(-code)

    async def _exchange(self, child: asyncio.subprocess.Process, question: bytes) -> bytes:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError(f"{self._what} was started without pipes")
        child.stdin.write(LENGTH.pack(len(question)))
        child.stdin.write(question)
        await child.stdin.drain()
        (length,) = LENGTH.unpack(await child.stdout.readexactly(LENGTH.size))
        kind, answer = await child.stdout.readexactly(1), await child.stdout.readexactly(length - 1)
        if kind == FAILED:
            raise RuntimeError(answer.decode())
        return answer


async def _end(child: asyncio.subprocess.Process) -> None:
    """End it by its number: asked to kill it, `subprocess` would also reap it, and the event loop complain of that."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    await child.wait()
