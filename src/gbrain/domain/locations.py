"""Where a source comes from: a path of this host or a URL, and the checks of words that will be handed to git."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path, PurePath

from gbrain.domain.redaction import is_control, redact

SCHEMES = ("https", "ssh", "git", "file")
"""What a URL may begin with; plain http too where private hosts are allowed."""

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^/?#]*)@)?(?P<host>\[[^\]/?#@]*\]|[^\[\]:/?#@]*)(?::(?P<port>\d*))?(?P<path>[/?#].*)?"
)
_SCP = re.compile(r"(?:(?P<user>[^/:@]*)@)?(?P<host>\[[^\]/@]*\]|[^\[\]:/@]*):(?P<path>.*)")
_HOST = re.compile(r"\w[\w.-]{0,252}|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"\w[\w.+-]*")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLocation:
    """A folder of this host: a checkout, a bare repository, or a folder inside one."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainLocation:
    """A folder of this host that is no repository, nor in one."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlLocation:
    """A remote that git can fetch from, checked by `parse_url`."""

    url: str
    """As git takes it; an absolute path for a repository on this host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRefused:
    """A URL that is not taken, why, and what to do."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What a URL makes git connect to; `host` is None where it connects to nothing."""

    scheme: str
    host: str | None
    port: int | None
    user: str | None = None
    path: str = ""


def parse_url(
    text: str, *, allow_private_hosts: bool = False, base: PurePath | None = None
) -> UrlLocation | UrlRefused:
    """The location a user's URL stands for, or why it is refused.

    Taken are https, ssh, git and file URLs, `user@host:path`, and paths, relative ones against `base`. Host names are
    not resolved here: what they stand for is checked at each fetch.
    """
    refused = _malformed(text)
    if refused is not None:
        return refused
    end = endpoint(text)
    if end is None:
        return UrlRefused(
            reason="the URL cannot be understood", hint="give https://host/path, ssh://host/path or user@host:path"
        )
    refused = _forbidden(end, allow_private_hosts) or _with_credentials(end, text)
    return refused if refused is not None else _location(text, end, base)


def endpoint(url: str) -> Endpoint | None:
    """What git connects to for a URL, read as git reads it; None where that cannot be told."""
    if (match := _SCHEME.fullmatch(url)) is not None:
        return _of_scheme(match[1].lower(), match[2])
    if (match := _SCP.fullmatch(url)) is not None and not url.startswith(("/", ".")):
        host = match["host"].strip("[]")
        return Endpoint(scheme="ssh", host=host, port=22, user=match["user"], path=match["path"]) if host else None
    return Endpoint(scheme="file", host=None, port=None, path=url)


def is_public(address: str) -> bool:
    """True for an address of the open internet: not private, loopback, link-local, reserved or multicast."""
    ip = _unwrapped(ip_address(address.partition("%")[0]))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)


def branch_error(name: str) -> str | None:
    """Why a text cannot be the name of a branch (the rules of `git check-ref-format`), or None where it can."""
    if name.startswith("-"):
        return "a branch name cannot begin with '-'"
    if name in ("", "@", "HEAD"):
        return f"{name!r} is not the name of a branch"
    if any(is_control(c) or c in " ~^:?*[\\" or "\ud800" <= c <= "\udfff" for c in name):
        return "a branch name cannot hold spaces, control characters or any of ~ ^ : ? * [ \\"
    if ".." in name or "@{" in name or name.endswith("."):
        return "a branch name cannot hold '..' or '@{' or end with '.'"
    if any(not part or part.startswith(".") or part.endswith(".lock") for part in name.split("/")):
        return "no part of a branch name can be empty, begin with '.' or end with '.lock'"
    return None


def subdir_error(name: str) -> str | None:
    """Why a text cannot name a folder of a repository, or None where it can; empty is the whole."""
    if name.startswith(("-", "/")):
        return "a folder of a repository cannot begin with '-' or '/'"
    if any(is_control(c) for c in name):
        return "a folder's name cannot hold control characters"
    if any(part in ("", ".", "..", ".git") for part in name.rstrip("/").split("/")) and name:
        return "no part of a folder's path can be empty, '.', '..' or '.git'"
    return None


def _malformed(text: str) -> UrlRefused | None:
    if not text or any(is_control(c) or "\ud800" <= c <= "\udfff" for c in text):
        return UrlRefused(reason="the URL is empty or holds control characters", hint="copy it again")
    if text.startswith("-"):
        return UrlRefused(reason="a URL cannot begin with '-'", hint="give https://host/path or an absolute path")
    if _HELPER.match(text) is not None:
        return UrlRefused(
            reason="a URL that names a transport program is not taken", hint=f"use one of {', '.join(SCHEMES)}"
        )
    return None


def _of_scheme(scheme: str, rest: str) -> Endpoint | None:
    if scheme == "file":
        return Endpoint(scheme=scheme, host=None, port=None, path=rest)
    match = _AUTHORITY.fullmatch(rest)
    if match is None or not match["host"].strip("[]"):
        return None
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS.get(scheme)
    host = match["host"]
    return Endpoint(scheme=scheme, host=host.strip("[]"), port=port, user=match["user"], path=match["path"] or "")


def _forbidden(end: Endpoint, allow_private_hosts: bool) -> UrlRefused | None:
    if end.scheme == "http" and not allow_private_hosts:
        return UrlRefused(
            reason="plain http is not taken", hint="use https, or set allow_private_hosts for a host of your own"
        )
    if end.scheme not in (*SCHEMES, "http"):
        return UrlRefused(reason=f"{end.scheme} URLs are not taken", hint=f"use one of {', '.join(SCHEMES)}")
    if end.host is None:
        return None
    if not _is_host(end.host) or not 0 < (end.port or 0) < 65536:
        return UrlRefused(reason="the host or port of the URL is not one", hint="check the part after '://' or '@'")
    if end.path.lstrip("/").startswith("-"):
        return UrlRefused(reason="the path of a URL cannot begin with '-'", hint="check the path")
    if not allow_private_hosts and _is_private_literal(end.host):
        return UrlRefused(reason=f"{end.host} is a private or loopback host", hint="set allow_private_hosts to take it")
    return None


def _with_credentials(end: Endpoint, text: str) -> UrlRefused | None:
    user = end.user
    if end.scheme == "ssh":
        if (user is not None and ":" in user) or re.match(r"[^/]*@[^/]*:", end.path):
            return UrlRefused(reason="the URL carries a password", hint="ssh logs in by key: give user@host:path")
        if user is not None and _USER.fullmatch(user) is None:
            return UrlRefused(reason="the user of the URL is not one", hint="give user@host:path")
        return None
    if end.host is not None and (user is not None or redact(text) != text):
        return UrlRefused(
            reason="the URL carries credentials",
            hint="store them with a credential helper (git help gitcredentials) and give the URL without them",
        )
    return None


def _location(text: str, end: Endpoint, base: PurePath | None) -> UrlLocation | UrlRefused:
    match = _SCHEME.fullmatch(text)
    if match is not None:
        if end.scheme == "file" and not end.path.startswith("/"):
            return UrlRefused(reason="a file URL names an absolute path", hint="give file:///absolute/path")
        return UrlLocation(url=f"{end.scheme}://{match[2]}")
    if end.host is not None or text.startswith("/"):
        return UrlLocation(url=text)
    if base is None:
        return UrlRefused(reason="a relative path means nothing here", hint="give an absolute path or a URL")
    return UrlLocation(url=str(base / text))


def _is_host(host: str) -> bool:
    if ":" in host:
        return _address(host) is not None
    return _HOST.fullmatch(host) is not None


def _is_private_literal(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and not is_public(str(address))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it is one of those."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
