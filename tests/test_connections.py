"""Connections to `gbrain serve` that ask for nothing keep nobody out, and are closed soon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
import pytest

from gbrain.app.brain import open_brain
from gbrain.app.settings import Settings
from gbrain.web.connections import Patience
from gbrain.web.listening import bound
from gbrain.web.serving import MOST_AT_ONCE, serve
from support.agents import DEADLINE_S, Serving, serving, token
from support.commands import BrainCommand
from support.servers import Server

HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
WHOLE = HALF + b"\r\n"
QUICK = Patience(head_s=0.3, body_s=0.3)


@pytest.fixture(scope="module")
def up(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(BrainCommand(home=tmp_path_factory.mktemp("home"), url=server.url(new_database()))) as running:
        yield running


@asynccontextmanager
async def quick_server(brain: BrainCommand) -> AsyncIterator[int]:
    """The port of a server of no patience."""
    settings, listens = Settings(home=brain.home, database_url=brain.url), asyncio.Event()
    with bound("127.0.0.1", 0) as sock:
        async with open_brain(settings, brain.url or "", connections=2) as opened:
            says = serve(opened, sock, "127.0.0.1", lambda text: listens.set(), patience=QUICK)
            running = asyncio.create_task(says)
            await listens.wait()
            try:
                yield sock.getsockname()[1]
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running


@contextmanager
def held(up: Serving, count: int, said: bytes, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """So many connections on which this was said, and nothing more."""
    port = int(up.url.rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S, source_address=(source, 0))
            made.append(stack.enter_context(sock))
            with contextlib.suppress(ConnectionError):
                sock.sendall(said)
        yield made


@pytest.mark.parametrize("said", [b"", HALF], ids=["nothing", "half a head"])
def test_any_number_of_connections_that_ask_nothing_keep_nobody_out(up: Serving, said: bytes) -> None:
    with held(up, MOST_AT_ONCE + 100, said):
        for _ in range(10):
            answer = up.http.get(f"{up.url}/healthz", headers={"Connection": "close"})
            assert answer.status_code == 200, answer.text


def test_who_holds_most_places_makes_room_first(up: Serving) -> None:
    with held(up, 1, HALF, source="127.0.0.2") as (other,), held(up, MOST_AT_ONCE + 100, b""):
        other.sendall(b"\r\n")
        assert other.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        HALF,
        WHOLE,
        WHOLE + HALF,
        b"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n",
    ],
    ids=["nothing", "half a head", "one request", "a request and half another", "a body that nobody waits for"],
)
async def test_a_connection_that_asks_nothing_is_closed_soon(brain: BrainCommand, said: bytes) -> None:
    async with quick_server(brain) as port:
        await ends(port, said)


@pytest.mark.parametrize(
    "said", [HALF + b"X: ", b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"]
)
async def test_dripping_keeps_no_connection_open(brain: BrainCommand, said: bytes) -> None:
    async with quick_server(brain) as port:
        await ends(port, said, drip=b"x")


async def test_a_body_that_does_not_come_ends_the_connection(brain: BrainCommand) -> None:
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token(brain, 'slow')}\r\n"
    async with quick_server(brain) as port:
        await ends(port, head.encode() + b"Content-Length: 9999\r\n\r\n", drip=b"x")


async def test_a_request_under_way_may_take_longer_than_its_sender(brain: BrainCommand) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token(brain, 'waits')}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    async with quick_server(brain) as port, await psycopg.AsyncConnection.connect(brain.url or "") as blocker:
        await blocker.execute("LOCK TABLE gbrain.tokens IN ACCESS EXCLUSIVE MODE")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + body)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 4 * QUICK.head_s)
        await blocker.rollback()
        assert await asyncio.wait_for(reader.readline(), DEADLINE_S) == b"HTTP/1.1 200 OK\r\n"
        writer.close()


async def ends(port: int, said: bytes, drip: bytes = b"") -> None:
    """The server closes a connection on which this is said, and then nothing but drops, within the deadline."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    until = time.monotonic() + DEADLINE_S
    with contextlib.suppress(ConnectionError):
        writer.write(said)
        while True:
            assert time.monotonic() < until, "it is open still"
            writer.write(drip)
            with contextlib.suppress(TimeoutError):
                if await asyncio.wait_for(reader.read(65_536), QUICK.head_s / 10) == b"":
                    break
    writer.close()
