"""The environment and the flags every git child gets: nothing of the caller's `GIT_*`, no prompt, no program to run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gbrain.domain.paths import quote

FLAGS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "fetch.recurseSubmodules=no"),
    *("-c", "http.followRedirects=false"),
)
"""Stand before the subcommand of every call: a repository's own configuration can run programs, even on plumbing."""

PROTOCOLS = ("https", "ssh", "git", "file")

SSH_COMMAND = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
"""Never asks, and gives up a host that has gone."""

_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}


def environment(*, base: Mapping[str, str] | None = None, alternates: Sequence[Path] = ()) -> dict[str, str]:
    """The environment of a git child, from `base` (by default this process's).

    `alternates` are object folders that are read beside the repository's own.
    """
    inherited = os.environ if base is None else base
    result = {name: value for name, value in inherited.items() if not name.startswith("GIT_")}
    result |= _FIXED | {"GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS)}
    result.pop("LANGUAGE", None)
    if alternates:
        result["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(quote(os.fsencode(path)) for path in alternates)
    return result


def transport(env: Mapping[str, str], *, allow_http: bool, has_own_ssh: bool) -> dict[str, str]:
    """The environment of a fetch: plain http where it is allowed, and our ssh unless the user configured another."""
    result = dict(env)
    if allow_http:
        result["GIT_ALLOW_PROTOCOL"] += ":http"
    if not has_own_ssh:
        result["GIT_SSH_COMMAND"] = SSH_COMMAND
    return result
