"""What the environment says of the way to an endpoint: its proxy, and whose certificates are trusted."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import certifi

_PROXIES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def proxy_of(url: str, environ: Mapping[str, str]) -> str:
    """The proxy that the environment names for this URL, empty for none; raises ValueError for what can be none.

    Hosts that `NO_PROXY` names are left out by libcurl itself.
    """
    scheme = url.partition(":")[0]
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    named = next((value for name in names if (value := environ.get(name, "").strip())), "")
    if not named:
        return ""
    whole = named if "://" in named else f"http://{named}"
    if not whole.isascii() or not whole.isprintable() or " " in whole or "%00" in whole:
        raise ValueError("it holds characters that cannot be in a URL: write them as %XX")
    try:
        parts = urlsplit(whole)
        is_right = parts.scheme in _PROXIES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(f"it is not SCHEME://HOST:PORT with one of {', '.join(_PROXIES)}")
    return whole


def trusted(environ: Mapping[str, str]) -> str:
    """Where the certificates are that are trusted: as the environment says, the system's, or those that came along."""
    system = ssl.get_default_verify_paths()
    folder = system.capath if system.capath and any(Path(system.capath).iterdir()) else None
    places = [environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR"), system.cafile, folder]
    return next((place for place in places if place), certifi.where())
