"""By what names the server may be called, and from where: a web page that a user has open may not speak to it.

A page elsewhere whose name is made to lead here (DNS rebinding) says so in `Host`; any other page in `Origin`.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gbrain.web.answers import error

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Guard:
    """Lets through what calls the server by a name of its own, and comes from no page but its own."""

    def __init__(self, app: ASGIApp, *, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in (*LOOPBACK, *names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or name_of(hosts[0]) not in self._names:
            hint = "call it by an address it listens on, or name the host in allowed_hosts in config.toml"
            refusal = error(421, "wrong_host", "the server is not called so", hint)
        elif any(_host_of(origin) != hosts[0].lower() for origin in origins):
            hint = "web pages of others may not use it: speak to it from a program"
            refusal = error(403, "wrong_origin", "the request comes from a page of another site", hint)
        else:
            await self._app(scope, receive, send)
            return
        await refusal(scope, receive, send)


def name_of(host: str) -> str:
    """The name in a `Host` header, without its port."""
    if host.startswith("["):
        return (host.partition("]")[0] + "]").lower()
    return host.partition(":")[0].lower()


def _host_of(origin: str) -> str | None:
    """The `Host` that a page of this origin has come from; None of what is no origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") else None
