"""Reads blobs through one `git cat-file --batch-command` child (git-cat-file(1), "BATCH OUTPUT")."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import IncompleteReadError
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gbrain.git.process import child, failed, said, stopped_answering

PROGRESS_S = 60.0
"""How long the child may owe the next answer."""

_REQUESTS = 2_000
"""Commands sent ahead of their answers; git only holds them until `flush`, so neither side waits for the other."""


class _Answer(NamedTuple):
    size_bytes: int
    content: bytes | None


_MISSING = _Answer(-1, None)


class BlobReader:
    """Sizes and contents of blobs by id, many at a time. One caller at a time; whoever opened it closes it."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        self._arguments = (*arguments, "cat-file", "--batch-command", "--buffer")
        self._env = env
        self._children = contextlib.AsyncExitStack()
        self._process: Process | None = None

    async def sizes(self, ids: Sequence[bytes]) -> list[int]:
        """Bytes of each blob, in order; -1 where it is missing or no blob."""
        return [answer.size_bytes for answer in await self._ask(b"info", ids)]

    async def read(self, ids: Sequence[bytes]) -> list[bytes | None]:
        """The content of each blob, in order; None where it is missing, damaged or no blob."""
        return [answer.content for answer in await self._ask(b"contents", ids)]

    async def close(self) -> None:
        """Ends the child; a later read starts another."""
        self._process = None
        await self._children.aclose()

    async def _ask(self, command: bytes, ids: Sequence[bytes]) -> list[_Answer]:
        answers: list[_Answer] = []
        while len(answers) < len(ids):
            wanted = ids[len(answers) : len(answers) + _REQUESTS]
            try:
                await self._exchange(command, wanted, answers)
            except (IncompleteReadError, ConnectionError):
                answers.append(await self._damaged(ids[len(answers)]))
            except BaseException:
                await self.close()  # answers are still under way: the child is of no more use
                raise
        return answers

    async def _exchange(self, command: bytes, wanted: Sequence[bytes], answers: list[_Answer]) -> None:
        """Appends an answer for each id, as far as the child comes."""
        process = await self._running()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both were asked for
        process.stdin.write(b"".join([b"%b %b\n" % (command, blob.hex().encode()) for blob in wanted]) + b"flush\n")
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as deadline:
                for _ in wanted:
                    deadline.reschedule(clock() + PROGRESS_S)
                    answers.append(await _answer(process.stdout, has_content=command == b"contents"))
        except TimeoutError:
            raise stopped_answering(self._arguments, PROGRESS_S) from None

    async def _running(self) -> Process:
        if self._process is None:
            self._process = await self._children.enter_async_context(child(self._arguments, env=self._env, is_fed=True))
        return self._process

    async def _damaged(self, blob: bytes) -> _Answer:
        """The answer for the blob at which the child ended, where it ended because of that blob."""
        stderr = await self._last_words()
        await self.close()
        if blob.hex() not in stderr:
            raise failed(self._arguments, stderr)
        return _MISSING

    async def _last_words(self) -> str:
        assert self._process is not None and self._process.stderr is not None  # noqa: S101, PT018 - always piped
        try:
            async with asyncio.timeout(PROGRESS_S):
                return said(await self._process.stderr.read())
        except TimeoutError:
            return ""


async def _answer(stdout: asyncio.StreamReader, *, has_content: bool) -> _Answer:
    words = (await stdout.readuntil(b"\n")).split()
    if len(words) != 3:
        return _MISSING
    size = int(words[2])
    content = (await stdout.readexactly(size + 1))[:-1] if has_content else None
    return _Answer(size, content) if words[1] == b"blob" else _MISSING
