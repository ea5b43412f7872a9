"""The server as a process: from its start line to its end in order."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from gbrain.app.brain import Brain
from gbrain.errors import DatabaseUnusable
from gbrain.web.connections import Patience, connections_with
from gbrain.web.listening import shown, url_of
from gbrain.web.site import site_of

CONNECTIONS = 8
"""To the database, at most: whoever finds none free waits for one."""

_SECONDS_TO_FINISH = 3
"""What is under way when it is told to stop has so long."""
MOST_AT_ONCE = 500
"""So many connections have a place."""
_BACKLOG = 128
"""So many are accepted at one go: no more than there are files for, beyond those that have a place."""


async def serve(
    brain: Brain, sock: socket.socket, host: str, say: Callable[[str], None], *, patience: Patience | None = None
) -> None:
    """Serve until cancelled, then end in order; raises DatabaseUnusable where the database has gone away for good."""
    site = site_of(brain, [shown(host), *brain.settings.allowed_hosts])
    server = _Server(_config(site, patience or Patience()), is_up=lambda: _introduce(url_of(host, sock), say))
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await _while_there(brain, serving)
    finally:
        server.should_exit = True
        await serving


def _introduce(url: str, say: Callable[[str], None]) -> None:
    say(f"listening on {url}")
    say(f"agents speak MCP to {url}/mcp, each with a token: gbrain tokens add NAME")


async def _while_there(brain: Brain, serving: asyncio.Task[None]) -> None:
    """Until the server ends, or the pool has closed because no connection could be made any more."""
    while not serving.done():
        await asyncio.wait([serving], timeout=1)
        if brain.pool.closed:
            hint = "start it, then run gbrain serve again"
            raise DatabaseUnusable("the database has gone away", hint=hint)


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it, and says when it can be reached."""

    def __init__(self, config: uvicorn.Config, is_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._is_up = is_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._is_up()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None is captured."""
        yield


def _config(site: ASGIApp, patience: Patience) -> uvicorn.Config:
    return uvicorn.Config(
        site,
        loop="asyncio",
        http=connections_with(patience),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        backlog=_BACKLOG,
        timeout_keep_alive=math.ceil(patience.head_s),
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
