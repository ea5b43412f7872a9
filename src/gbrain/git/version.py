"""Which git this machine has, asked once per process."""

from __future__ import annotations

import re

from gbrain.errors import CouldNotRun
from gbrain.git.environment import environment
from gbrain.git.process import run

OLDEST = (2, 39, 4)
"""The first with the guards this program relies on (`GIT_NO_LAZY_FETCH`, `http.curloptResolve`, CVE fixes of 2024)."""

_asked: list[tuple[int, ...]] = []


async def git_version() -> tuple[int, ...]:
    """The version of the `git` on the path; raises `CouldNotRun` where there is none or it is too old."""
    if not _asked:
        _asked.append(await _ask())
    return _asked[0]


def parse_version(text: str) -> tuple[int, ...]:
    """The numbers of what `git version` prints (`git version 2.39.5 (Apple Git-154)`); raises `CouldNotRun`."""
    match = re.match(r"git version (\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise CouldNotRun(f"the program git answers {text[:80]!r} when asked for its version", hint=_install())
    return tuple(int(number or 0) for number in match.groups())


def require(version: tuple[int, ...]) -> None:
    """Raises `CouldNotRun` for a git that is too old."""
    if version < OLDEST:
        found = ".".join(map(str, version))
        raise CouldNotRun(f"git {found} is too old", hint=_install())


async def _ask() -> tuple[int, ...]:
    completed = await run(["version"], env=environment())
    version = parse_version(completed.stdout.decode("utf-8", "replace").strip())
    require(version)
    return version


def _install() -> str:
    return f"install git {'.'.join(map(str, OLDEST))} or newer"
