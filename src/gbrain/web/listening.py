"""The address that is served on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gbrain.errors import AddressUnusable

_WHY = {
    errno.EADDRINUSE: ("another process listens there", "end it, or give another --port; 0 takes any that is free"),
    errno.EACCES: ("that is not allowed", "give a --port from 1024 on"),
    errno.EADDRNOTAVAIL: ("no such address is this host's", "give an address of this host: --host 127.0.0.1"),
}


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to the address, on which nobody listens yet; raises AddressUnusable where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise AddressUnusable(
            f"cannot listen on {host}: it is no address that is known here", hint="give one such as --host 127.0.0.1"
        ) from error
    with socket.socket(family, kind, protocol) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(address)
        except OSError as error:
            why, hint = _WHY.get(error.errno or 0, (error.strerror or str(error), "give another --host or --port"))
            raise AddressUnusable(f"cannot listen on {shown(host)}:{port}: {why}", hint=hint) from error
        yield found


def url_of(host: str, sock: socket.socket) -> str:
    """How the socket is reached by the host that it was bound for."""
    return f"http://{shown(host)}:{sock.getsockname()[1]}"


def shown(host: str) -> str:
    """The host as it stands in a URL, and in a `Host` header."""
    return f"[{host}]" if ":" in host else host
