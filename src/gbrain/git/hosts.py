"""Which addresses a URL leads to, and whether git may connect to them."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from gbrain.domain.locations import Endpoint, endpoint, is_public
from gbrain.domain.redaction import redact, visible
from gbrain.git.problems import Problem

_RESOLVE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A URL that may be fetched, with the flags that hold git to the addresses that were checked."""

    flags: tuple[str, ...]


async def admit(url: str, *, allow_private_hosts: bool, has_proxy: bool) -> Admitted | Problem:
    """Resolves the host of a URL (as git will use it) and checks every address.

    Only https and http can be held to them; ssh and git resolve the name again. Behind a proxy, and for ssh (whose
    configuration may know the name as an alias), a name that does not resolve here is let through.
    """
    end = endpoint(url)
    if end is None:
        return Problem(
            code="fetch_failed", message=f"git cannot fetch from {redact(visible(url))}", hint="check the URL"
        )
    if end.host is None:
        return Admitted(flags=())
    addresses = await _resolved(end.host, end.port or 0)
    if not addresses:
        return Admitted(flags=()) if has_proxy or end.scheme == "ssh" else _unknown(end.host)
    private = next((address for address in addresses if not is_public(address)), None)
    if private is not None and not allow_private_hosts:
        return _private(end.host, private)
    return Admitted(flags=_pinned(end, addresses))


async def _resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def _pinned(end: Endpoint, addresses: list[str]) -> tuple[str, ...]:
    if end.scheme not in ("https", "http") or end.host in addresses:
        return ()
    listed = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return ("-c", f"http.curloptResolve={end.host}:{end.port}:{listed}")


def _unknown(host: str) -> Problem:
    return Problem(
        code="fetch_failed", message=f"the host {visible(host)} does not resolve", hint="check the URL and the network"
    )


def _private(host: str, address: str) -> Problem:
    return Problem(
        code="fetch_failed",
        message=f"{visible(host)} leads to {address}, a private or loopback address",
        hint="set allow_private_hosts = true in config.toml to fetch from hosts of your own network",
    )
