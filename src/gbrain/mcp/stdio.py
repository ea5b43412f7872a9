"""The tools on standard input and output, for the program that started this process: a message a line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage

from gbrain.app.brain import Brain
from gbrain.app.searching import searching
from gbrain.domain.access import OWNER
from gbrain.errors import CouldNotRun
from gbrain.mcp.lines import Lines, LineTooLong, LineWriter
from gbrain.mcp.messages import NoMessage, json_of, message_of, no_message
from gbrain.mcp.server import tool_server

LONGEST_MESSAGE_BYTES = 4_000_000
_SECONDS_TO_FINISH = 30.0
"""After the end of input, for what has been asked before."""


async def serve_stdio(brain: Brain) -> None:
    """Answer until standard input ends; what was asked before that is answered still.

    One line too long is the end of input too; raises CouldNotRun then.
    """
    async with searching(brain) as searcher:
        await _serve(tool_server(searcher, lambda context: OWNER))


async def _serve(server: Server[Any]) -> None:
    with _streams() as (questions, answers):
        under_way = _UnderWay()
        send_in, receive_in = anyio.create_memory_object_stream[SessionMessage | Exception](16)
        send_out, receive_out = anyio.create_memory_object_stream[SessionMessage](16)
        async with asyncio.TaskGroup() as both:
            reading = both.create_task(_read(questions, send_in, send_out.clone(), under_way))
            both.create_task(_write(answers, receive_out, under_way))
            with _cancelled_in_order():
                await server.run(receive_in, send_out, server.create_initialization_options())
    if not reading.result():
        hint = "send less at once; what was asked before was answered"
        raise CouldNotRun(f"a message of more than {LONGEST_MESSAGE_BYTES:,} bytes came in", hint=hint)


@contextmanager
def _cancelled_in_order() -> Iterator[None]:
    """A message that comes in at the moment of a cancellation is none that the SDK can hand on, and no error."""
    try:
        yield
    except BaseExceptionGroup as errors:
        task = asyncio.current_task()
        _, others = errors.split((anyio.BrokenResourceError, asyncio.CancelledError))
        if others is None and task is not None and task.cancelling():
            raise asyncio.CancelledError from errors
        raise


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
    answers: anyio.abc.ObjectSendStream[SessionMessage],
    under_way: _UnderWay,
) -> bool:
    """Hand on what is asked until input ends, and answer what is no message; False where a line was too long."""
    lines, is_whole = Lines(descriptor, most=LONGEST_MESSAGE_BYTES), True
    async with messages, answers:
        try:
            while (line := await lines.next()) is not None:
                if line.strip():
                    await _take(message_of(line), messages, answers, under_way)
        except LineTooLong:
            is_whole = False
            refused = no_message(types.INVALID_REQUEST, f"a message has {LONGEST_MESSAGE_BYTES:,} bytes at most")
            await answers.send(SessionMessage(refused.answer))
        await under_way.ended()
    return is_whole


async def _take(
    found: types.JSONRPCMessage | NoMessage,
    messages: anyio.abc.ObjectSendStream[SessionMessage | Exception],
    answers: anyio.abc.ObjectSendStream[SessionMessage],
    under_way: _UnderWay,
) -> None:
    if isinstance(found, NoMessage):
        await answers.send(SessionMessage(found.answer))
    else:
        under_way.asked(found)
        await messages.send(SessionMessage(found))


async def _write(
    descriptor: int, messages: anyio.abc.ObjectReceiveStream[SessionMessage], under_way: _UnderWay
) -> None:
    writer = LineWriter(descriptor)
    async with messages:
        async for message in messages:
            await writer.put(json_of(message.message))
            under_way.answered(message.message)


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
