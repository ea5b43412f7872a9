"""Why a folder of the user's cannot be read as a repository, each with the command that would make it one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from gbrain.domain.locations import UrlRefused
from gbrain.domain.paths import display
from gbrain.domain.redaction import visible
from gbrain.git.problems import Code, Problem
from gbrain.git.process import complaint


def unreadable(place: Path, stderr: str) -> Problem | None:
    """What git's refusal to enter a folder means; None for any other complaint."""
    shown = _shown(place)
    if "dubious ownership" in stderr:
        trust = f"git config --global --add safe.directory {shlex.quote(str(place))}"
        advice = next((line.strip() for line in stderr.splitlines() if "safe.directory" in line), trust)
        return _problem("not_a_repository", complaint(stderr), f"if you trust its owner: {visible(advice)}")
    if "cannot change to" in stderr:
        if "No such file" in stderr:
            return _problem("path_missing", f"{shown} does not exist", "check the path, and that its disk is mounted")
        if "Not a directory" in stderr:
            return _problem("not_a_repository", f"{shown} is not a folder", "give the folder of a repository")
        return _problem("path_missing", f"{shown} cannot be entered", "check the permissions of the folder")
    if "not a git repository" in stderr or "cannot use bare repository" in stderr:
        return empty_folder(place) if is_empty(place) else _plain_folder(place, stderr)
    return None


def empty_folder(place: Path) -> Problem:
    """The problem of a folder with nothing in it: more often a disk that is not mounted than a repository."""
    return _problem("path_missing", f"{_shown(place)} is empty", "check that its disk is mounted")


def no_snapshot(folder: Path, trouble: str, path: str, why: str) -> Problem:
    """The problem of a plain folder that cannot be taken in, by the trouble that the look at it met."""
    shown = visible(path)
    match trouble:
        case "empty":
            return empty_folder(folder)
        case "missing":
            return _problem("path_missing", f"{shown} does not exist", "check the path, and that its disk is mounted")
        case "moved":
            return _problem(
                "path_missing",
                f"{shown} is or lies behind a symbolic link now",
                "name the folder it is meant to be: gbrain sources set ID --path DIR",
            )
        case "home":
            return _problem(
                "path_missing", f"{shown} lies in the home of gbrain", "name a folder outside of it, or move the home"
            )
        case "busy":
            what = f"a look at {_shown(folder)} whose sync was killed is still going on"
            return _problem("not_a_repository", what, "sync again when it has ended: it does so by itself")
        case "damaged":
            what = f"what is kept of {_shown(folder)} in the home is damaged, and cannot be made anew: {visible(why)}"
            return _problem("not_a_repository", what, "check the disk that the home lies on")
        case _:
            what = f"{shown} cannot be read: {visible(why)}"
            return _problem("path_missing", what, "check its permissions and its disk")


def no_commit(place: Path) -> Problem:
    """The problem of a repository that is still empty."""
    at = shlex.quote(_shown(place))
    return _problem(
        "no_commit",
        f"{_shown(place)} has no commit",
        f"make the first: git -C {at} add -A && git -C {at} commit -m 'First commit'",
    )


def no_branch(place: Path, branch: str) -> Problem:
    """The problem of a branch that is not there."""
    return _problem(
        "branch_gone",
        f"{_shown(place)} has no branch {visible(branch)}",
        "name another with --branch NAME, or take it back with --branch ''",
    )


def no_folder(commit: str, subdir: bytes) -> Problem:
    """The problem of a source whose folder is not in the commit."""
    return _problem(
        "path_missing",
        f"commit {commit[:10]} has no folder {display(subdir)}",
        "name another with `gbrain sources set ID --subdir DIR`, or remove the source",
    )


def no_remote_url(name: str) -> Problem:
    """The problem of an upstream whose remote is not configured."""
    shown = visible(name)
    return _problem("fetch_failed", f"the remote {shown} has no URL", f"git remote add {shown} URL, in the repository")


def remote_refused(name: str, refused: UrlRefused) -> Problem:
    """The problem of an upstream whose URL would not be taken for a source either."""
    return _problem("fetch_failed", f"the remote {visible(name)} is not fetched from: {refused.reason}", refused.hint)


def is_empty(place: Path) -> bool:
    """True for a folder without any entry; False also where it cannot be listed."""
    try:
        with os.scandir(place) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _plain_folder(place: Path, stderr: str) -> Problem:
    at = shlex.quote(_shown(place))
    return _problem(
        "not_a_repository",
        f"{_shown(place)}: {complaint(stderr)}",
        "name a git repository, or make it one: "
        f"git -C {at} init && git -C {at} add -A && git -C {at} commit -m 'First commit'",
    )


def _problem(code: Code, message: str, hint: str) -> Problem:
    return Problem(code=code, message=message, hint=hint)


def _shown(place: Path) -> str:
    return visible(str(place))
