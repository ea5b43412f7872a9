"""The tools for agents over HTTP: each request comes with its token, and is answered in one piece."""

from __future__ import annotations

import orjson
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gbrain.app.searching import Searcher
from gbrain.domain.access import Access
from gbrain.mcp.messages import NoMessage, json_of, message_of
from gbrain.mcp.server import Context, tool_server
from gbrain.web.admitting import ACCESS, Admission
from gbrain.web.answers import answer, error

MOST_REQUEST_BYTES = 1_000_000


def agents_of(searcher: Searcher) -> tuple[ASGIApp, StreamableHTTPSessionManager]:
    """What answers agents, and what must run meanwhile."""
    manager = StreamableHTTPSessionManager(
        tool_server(searcher, _access_of),
        json_response=True,
        stateless=True,
        max_request_body_size=MOST_REQUEST_BYTES,
    )
    whole = RequestBodyLimitMiddleware(_MessagesOnly(manager), MOST_REQUEST_BYTES)
    return Admission(_PostOnly(whole), searcher.brain), manager


class _PostOnly:
    """There are no sessions, and nothing is told unasked: nothing but a question makes sense."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self._app(scope, receive, send)
            return
        hint = "send JSON-RPC messages with POST"
        refusal = error(405, "wrong_method", f"{scope['method']} is not for this", hint, headers={"Allow": "POST"})
        await refusal(scope, receive, send)


class _MessagesOnly:
    """What is no message is told so. Left to the SDK, a request whose id is none would be a notification."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on; the body comes in one piece."""
        came = [await receive()]
        found = message_of(came[0].get("body", b"")) if came[0]["type"] == "http.request" else None
        if isinstance(found, NoMessage):
            await answer(orjson.loads(json_of(found.answer)), status=400)(scope, receive, send)
            return

        async def again() -> Message:
            return came.pop() if came else await receive()

        await self._manager.handle_request(scope, again, send)


def _access_of(context: Context) -> Access:
    """What the sender of a request may do; there is no request without it."""
    access = context.request.scope[ACCESS] if context.request is not None else None
    if not isinstance(access, Access):
        raise RuntimeError("a request came past admission")
    return access
