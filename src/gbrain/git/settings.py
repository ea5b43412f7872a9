"""What of the user's own git configuration changes how we fetch: `insteadOf`, `core.sshCommand`, proxies."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from gbrain.git.environment import environment
from gbrain.git.process import failed, run

_KEPT_S = 10.0
_KEYS = r"^(url\..*\.insteadof|core\.sshcommand|http\.(.*\.)?proxy)$"
_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """What the user's and the machine's configuration say, no repository's."""

    rewrites_urls: bool
    has_own_ssh: bool
    has_proxy: bool


_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_known: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[float, UserSettings]] = WeakKeyDictionary()


async def user_settings() -> UserSettings:
    """The settings now, or as they were up to 10 s ago: many sources fetch at once, and one child answers for all."""
    loop = asyncio.get_running_loop()
    async with _locks.setdefault(loop, asyncio.Lock()):
        asked_at, settings = _known.get(loop, (float("-inf"), None))
        if settings is None or loop.time() - asked_at > _KEPT_S:
            settings = await _ask()
            _known[loop] = (loop.time(), settings)
        return settings


async def effective_url(url: str, settings: UserSettings) -> str:
    """The URL that git would really use, after `insteadOf`."""
    if not settings.rewrites_urls:
        return url
    arguments = ("--git-dir=/dev/null", "ls-remote", "--get-url", "--", url)
    completed = await run(arguments, env=environment())
    if completed.returncode != 0:
        raise failed(arguments, completed.stderr)
    return completed.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def settings_of(names: set[str], variables: Mapping[str, str]) -> UserSettings:
    """The settings that these configuration keys and environment variables make."""
    return UserSettings(
        rewrites_urls=any(name.startswith("url.") for name in names),
        has_own_ssh="core.sshcommand" in names,
        has_proxy=any(re.match(r"http\..*proxy$", name) for name in names)
        or any(variables.get(name) for name in _PROXY_VARIABLES),
    )


async def _ask() -> UserSettings:
    arguments = ("--git-dir=/dev/null", "config", "-z", "--name-only", "--get-regexp", _KEYS)
    completed = await run(arguments, env=environment())
    if completed.returncode not in (0, 1):
        raise failed(arguments, completed.stderr)
    return settings_of(set(completed.stdout.decode("utf-8", "replace").split("\0")), os.environ)
