"""The tools on standard input and output, for the program that started this process: a message a line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage

from gbrain.app.brain import Brain
from gbrain.app.searching import searching
from gbrain.domain.access import OWNER
from gbrain.errors import CouldNotRun
from gbrain.mcp.server import tool_server

Value = TypeVar("Value")

LONGEST_MESSAGE_BYTES = 4_000_000
_PIECE_BYTES = 65_536
_SECONDS_TO_FINISH = 30.0
"""After the end of input, for what has been asked before."""


async def serve_stdio(brain: Brain) -> None:
    """Answer until standard input ends; what was asked before that is answered still."""
    async with searching(brain) as searcher:
        await _serve(tool_server(searcher, lambda context: OWNER))


async def _serve(server: Server[Any]) -> None:
    with _streams() as (questions, answers):
        under_way = _UnderWay()
        send_in, receive_in = anyio.create_memory_object_stream[SessionMessage | Exception](16)
        send_out, receive_out = anyio.create_memory_object_stream[SessionMessage](16)
        async with asyncio.TaskGroup() as both:
            both.create_task(_read(questions, send_in, under_way))
            both.create_task(_write(answers, receive_out, under_way))
            await server.run(receive_in, send_out, server.create_initialization_options())


class _UnderWay:
    """Requests that were asked and are not answered."""

    def __init__(self) -> None:
        self._ids: set[types.RequestId] = set()
        self._none = asyncio.Event()
        self._none.set()

    def asked(self, message: types.JSONRPCMessage) -> None:
        """A message came in. What is given up need not be answered."""
        match message:
            case types.JSONRPCRequest():
                self._ids.add(message.id)
                self._none.clear()
            case types.JSONRPCNotification(method="notifications/cancelled", params={"requestId": given_up}):
                self._over(given_up)

    def answered(self, message: types.JSONRPCMessage) -> None:
        """A message goes out."""
        if isinstance(message, types.JSONRPCResponse | types.JSONRPCError) and message.id is not None:
            self._over(message.id)

    async def ended(self) -> None:
        """Until all are answered, and no longer than is reasonable."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_FINISH):
                await self._none.wait()

    def _over(self, request: types.RequestId) -> None:
        self._ids.discard(request)
        if not self._ids:
            self._none.set()


async def _read(
    descriptor: int,
    messages: anyio.abc.ObjectSendStream[SessionMessage | Exception],
    under_way: _UnderWay,
) -> None:
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    hand_over = _thread_safe(loop, lines.put_nowait)
    threading.Thread(target=_read_lines, args=(descriptor, hand_over), daemon=True).start()
    async with messages:
        while (line := await lines.get()) is not None:
            if not line.strip():
                continue
            try:
                message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError as error:
                await messages.send(error)
                continue
            under_way.asked(message)
            await messages.send(SessionMessage(message))
        await under_way.ended()


def _read_lines(descriptor: int, hand_over: Callable[[bytes | None], None]) -> None:
    """In a thread of its own, since no other way of waiting works for files, pipes and terminals alike.

    It ends with the process, wherever it is. One line too long is the end of input.
    """
    rest = b""
    with contextlib.suppress(OSError):
        while len(rest) <= LONGEST_MESSAGE_BYTES and (piece := os.read(descriptor, _PIECE_BYTES)):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                hand_over(line)
        if rest and len(rest) <= LONGEST_MESSAGE_BYTES:
            hand_over(rest)
    hand_over(None)


async def _write(
    descriptor: int, messages: anyio.abc.ObjectReceiveStream[SessionMessage], under_way: _UnderWay
) -> None:
    """A reader that has gone away, or does not read, keeps nobody from ending."""
    loop, written = asyncio.get_running_loop(), asyncio.Semaphore(0)
    to_write: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    done = _thread_safe(loop, lambda none: written.release())
    threading.Thread(target=_write_lines, args=(descriptor, to_write, done), daemon=True).start()
    async with messages:
        async for message in messages:
            to_write.put(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            await written.acquire()
            under_way.answered(message.message)


def _write_lines(descriptor: int, lines: queue.SimpleQueue[bytes], done: Callable[[None], None]) -> None:
    is_open = True
    while True:
        left = memoryview(lines.get())
        while is_open and left:
            try:
                left = left[os.write(descriptor, left) :]
            except OSError:
                is_open = False
        done(None)


def _thread_safe(loop: asyncio.AbstractEventLoop, call: Callable[[Value], object]) -> Callable[[Value], None]:
    """The call, for a thread that may outlive the loop."""

    def made(value: Value) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(call, value)

    return made


@contextmanager
def _streams() -> Iterator[tuple[int, int]]:
    """Standard input and output for messages alone: what else reads finds the end, what else prints is told aside."""
    if sys.stdin is None or sys.stdout is None:
        raise CouldNotRun("there is no standard input and output to speak over", hint="let an MCP client start this")
    questions, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2 if sys.stderr is not None else nothing, 1)
    os.close(nothing)
    try:
        yield questions, answers
    finally:
        os.dup2(questions, 0)
        os.dup2(answers, 1)
