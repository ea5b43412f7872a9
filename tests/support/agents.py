"""Servers of the brain as agents meet them: real processes, and the SDK's own client."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from support.commands import GBRAIN, BrainCommand

DEADLINE_S = 60
REFERENCE = Path(__file__).parents[2] / "docs/reference/mcp.md"
"""Where every code is that an agent may meet."""


@dataclass
class Serving:
    """A `gbrain serve` that listens. `said` is what it has said on standard error so far; `http` may ask it."""

    process: subprocess.Popen[bytes]
    url: str
    said: str
    http: httpx.Client

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Tell it to end; its exit code, and what it said behind its start line."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE_S)
        assert out == b""
        return self.process.returncode, err.decode()


@contextmanager
def serving(brain: BrainCommand, *more: str) -> Iterator[Serving]:
    """A server of the brain on a free port."""
    process = brain.start("serve", "--port", "0", *more)
    try:
        said = _line(process, "agents speak MCP to ")
        url = said.rpartition("listening on ")[2].splitlines()[0]
        with httpx.Client(timeout=DEADLINE_S, verify=False) as http:
            yield Serving(process=process, url=url, said=said, http=http)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def token(brain: BrainCommand, name: str, *more: str, scope: str = "read") -> str:
    """A new access token."""
    return brain.run("tokens", "add", name, "--scope", scope, *more).out.strip()


def bearer(secret: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {secret}"}


@asynccontextmanager
async def over_http(url: str, secret: str, *, mode: str = "auto") -> AsyncIterator[Client]:
    """An agent that speaks to a server with a token."""
    async with (
        httpx2.AsyncClient(headers=bearer(secret), timeout=DEADLINE_S) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(brain: BrainCommand, *, mode: str = "auto") -> AsyncIterator[Client]:
    """An agent that starts `gbrain mcp`."""
    async with Client(StdioServerParameters(command=GBRAIN, args=["mcp"], env=brain.env()), mode=mode) as client:
        yield client


async def answer(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers; the same must stand in the text."""
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.structured_content
    return _same_twice(found)


async def refusal(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The error that a tool answers with."""
    found = await client.call_tool(tool, arguments)
    assert found.is_error, found.structured_content
    error = _same_twice(found)
    assert error.keys() == {"code", "message", "hint"}
    assert all(error.values())
    assert f"\n| `{error['code']}` | " in REFERENCE.read_text()
    return error


def wait_until(condition: Any, what: str) -> None:
    """Until it holds, and no longer than the deadline."""
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def _same_twice(found: Any) -> dict[str, Any]:
    (text,) = found.content
    content: dict[str, Any] = found.structured_content
    assert json.loads(text.text) == content
    return content


def _line(process: subprocess.Popen[bytes], beginning: str) -> str:
    """Standard error up to the line that begins so."""
    assert process.stderr is not None
    said, until = b"", time.monotonic() + DEADLINE_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while not any(
            line.startswith(beginning) for line in said.decode().splitlines(keepends=True) if line[-1] == "\n"
        ):
            assert selector.select(until - time.monotonic()), f"it does not listen: {said!r}"
            piece = os.read(process.stderr.fileno(), 4096)
            assert piece, f"it has ended: {said!r}"
            said += piece
    return said.decode()
