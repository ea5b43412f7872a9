"""`gbrain serve` and `gbrain mcp`: the brain for others, over HTTP and on standard streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import tell
from gbrain.cli.state import Terminated, globals_of, with_brain
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain

_PORTS = range(65_536)
_CONNECTIONS_OF_ONE = 3
"""To the database, for a single client."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(mcp)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.", metavar="HOST")] = "127.0.0.1",
    port: Annotated[str, typer.Option(help="The port; 0 takes one that is free.", metavar="PORT")] = "7433",
) -> int:
    """Serve agents over HTTP, at /mcp, until told to stop. Whoever asks needs a token: gbrain tokens add."""
    from gbrain.web.listening import bound
    from gbrain.web.serving import CONNECTIONS
    from gbrain.web.serving import serve as serve_brain

    say = (lambda text: None) if globals_of(context).quiet else tell
    with bound(host, _port(port)) as sock:
        try:
            with_brain(context, lambda brain: serve_brain(brain, sock, host, say), connections=CONNECTIONS)
        except (KeyboardInterrupt, Terminated):
            return 0
    return 0


def mcp(context: typer.Context) -> int:
    """Serve the program that starts this, over standard input and output (MCP), with all rights, until input ends."""

    async def work(brain: Brain) -> None:
        from gbrain.mcp.stdio import serve_stdio

        await serve_stdio(brain)

    try:
        with_brain(context, work, connections=_CONNECTIONS_OF_ONE)
    except (KeyboardInterrupt, Terminated):
        return 0
    return 0


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) in _PORTS:
        return int(text)
    raise UsageError(f"--port is {text!r}, not a port", hint="give one from 0 to 65535")
