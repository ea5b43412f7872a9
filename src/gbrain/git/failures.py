"""What git's words on standard error mean (LC_ALL=C; git 2.39 to 2.5x, and what the large hosts say)."""

from __future__ import annotations

import re
from typing import NamedTuple

from gbrain.errors import DiskFull
from gbrain.git.problems import Code, Problem
from gbrain.git.process import complaint, presentable


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    code: Code
    hint: str


def _rule(pattern: str, code: Code, hint: str) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), code, hint)


_LOG_IN = "check the credential helper or the ssh key that git uses for this host; `git ls-remote URL` tries it"
_CHECK_URL = "check the URL, and that this account may read it"
_CHECK_NETWORK = "check the network and the host; the next sync tries again"

_RULES = (
    _rule(
        r"dubious ownership in repository",
        "fetch_failed",
        "if you trust its owner: git config --global --add safe.directory PATH, with the path git names",
    ),
    _rule(
        r"host key verification failed|remote host identification has changed",
        "auth_failed",
        "connect once by hand with ssh to accept the host's key",
    ),
    _rule(
        r"authentication failed|could not read (username|password)|permission denied \(|permission denied, please try"
        r"|invalid (username|credentials)|http basic: access denied|returned error: 40[13]\b"
        r"|no supported authentication|too many authentication failures|invalid username or (password|token)",
        "auth_failed",
        _LOG_IN,
    ),
    _rule(
        r"couldn't find remote ref|remote branch .* not found",
        "branch_gone",
        "name another with --branch NAME, or take it back with --branch ''",
    ),
    _rule(
        r"returned error: 30\d\b|unable to update url base from redirection",
        "fetch_failed",
        "the remote sends elsewhere, which is not followed: give its new URL with `gbrain sources set`",
    ),
    _rule(
        r"repository .*not found|does not appear to be a git repository|returned error: 4(04|10)\b|not exported"
        r"|repository .*does not exist|could not be found|do not have permission|no such repository",
        "remote_gone",
        _CHECK_URL,
    ),
    _rule(r"transport '.*' not allowed", "fetch_failed", "use an https, ssh, git or file URL"),
    _rule(
        r"could not resolve (host|proxy)|name or service not known|unable to look up", "fetch_failed", _CHECK_NETWORK
    ),
    _rule(
        r"errno=|connection (refused|reset|timed out)|no route to host|network is unreachable",
        "fetch_failed",
        _CHECK_NETWORK,
    ),
    _rule(
        r"certificate", "fetch_failed", "check the host's certificate, or http.sslCAInfo for an authority of your own"
    ),
    _rule(
        r"pack (has bad object|is corrupted)|(missing (blob|tree|commit)|bad( tree)?) object\b|unresolved deltas"
        r"|did not send all necessary objects|loose object .* is corrupt",
        "fetch_failed",
        "what the remote sends is damaged or not whole: `git fsck` over there tells more",
    ),
)
_OTHER = _Rule(re.compile(""), "fetch_failed", _CHECK_NETWORK)

_DISK_FULL = re.compile(r"no space left on device|disk quota exceeded|out of disk ?space|disk is full", re.IGNORECASE)

_BROKEN = re.compile(
    r"not a git repository: '"
    r"|bad object refs/|bad config line|object file .* is empty|(loose|packed) object \S+ .*is corrupt"
    r"|did not send all necessary objects|unable to read (tree|sha1|object)|could not read [0-9a-f]{40}"
    r"|failed to read object|invalid sha1 pointer|cannot be accessed|has bad object|missing (blob|tree|commit) "
    r"|(garbage|error|bad|invalid|unknown) .*\bpack(ed-refs|file)?\b|pack .*(is corrupt|has bad)"
    r"|inflate: data stream error|unexpected line in .*packed-refs|unresolved deltas|unknown repository extension"
    r"|bad signature 0x|invalid object format",
    re.IGNORECASE,
)
_OTHER_FORMAT = re.compile(r"mismatched algorithms: client \w+; server (sha1|sha256)\b")
_OF_THE_REMOTE = re.compile(r"remote:|(fatal: |error: )?remote error:")
"""How the lines begin that the remote worded."""


def classify(stderr: str) -> Problem:
    """What a fetch that ended badly means. Raises `DiskFull` where there was no room for it."""
    check_room(stderr)
    lines = [line.strip() for line in re.split(r"[\r\n]+", stderr) if line.strip()]
    for rule in _RULES:
        for line in lines:
            if rule.pattern.search(line) is not None:
                return Problem(code=rule.code, message=presentable(line), hint=rule.hint)
    return Problem(code=_OTHER.code, message=complaint(stderr), hint=_OTHER.hint)


def check_room(stderr: str) -> None:
    """Raises `DiskFull` where git says that there is no room here."""
    if any(_DISK_FULL.search(line) is not None for line in _own(stderr)):
        raise DiskFull(f"git: {complaint(stderr)}", hint="make room where the home folder lies")


def is_broken(stderr: str) -> bool:
    """True where git complains about the repository it works in, rather than about the remote."""
    return any(_BROKEN.search(line) is not None for line in _own(stderr))


def other_format(stderr: str) -> str | None:
    """The remote's object format (`sha1`, `sha256`) where it differs from the mirror's."""
    return next((match[1] for line in _own(stderr) if (match := _OTHER_FORMAT.search(line)) is not None), None)


def _own(stderr: str) -> list[str]:
    """The lines that are git's own words: a remote may say that the disk is full, or the mirror damaged."""
    return [line for line in re.split(r"[\r\n]+", stderr) if _OF_THE_REMOTE.match(line) is None]
