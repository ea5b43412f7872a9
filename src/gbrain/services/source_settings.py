"""What a source is told to be, checked before anything of it is stored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from gbrain.domain.filters import glob_error, globs_error
from gbrain.domain.locations import UrlLocation, UrlRefused, branch_error, parse_url, subdir_error
from gbrain.domain.paths import display
from gbrain.domain.source import Source, Strategy
from gbrain.errors import UsageError
from gbrain.git import refusals
from gbrain.git.checkout import is_plain_folder, read_head
from gbrain.git.problems import Problem
from gbrain.git.repository import Repository
from gbrain.git.version import git_version
from gbrain.machine.process import machine_id, this_process


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the flags say of a source; None is what they say nothing about.

    An empty text takes `branch` and `subdir` back, an empty list the globs, and a zero duration the durations.
    """

    name: str | None = None
    path: Path | None = None
    url: str | None = None
    branch: str | None = None
    subdir: str | None = None
    strategy: Strategy | None = None
    include: Sequence[str] | None = None
    exclude: Sequence[str] | None = None
    federated: bool | None = None
    enabled: bool | None = None
    max_age: timedelta | None = None
    interval: timedelta | None = None


async def checked(source: Source, told: Told, *, allow_private_hosts: bool) -> dict[str, Any]:
    """The settings of `source` that are to be another, by field; raises UsageError with what is wrong."""
    if told.path is not None and told.url is not None:
        raise UsageError("a source has either a path or a URL", hint="give --path DIR or --url URL")
    fields: dict[str, Any] = {}
    if told.name is not None:
        fields["name"] = _name(told.name) or source.id
    for name in ("strategy", "federated", "enabled"):
        if getattr(told, name) is not None:
            fields[name] = getattr(told, name)
    for name in ("include", "exclude"):
        if getattr(told, name) is not None:
            fields[name] = _globs(getattr(told, name), name)
    for name in ("max_age", "interval"):
        if getattr(told, name) is not None:
            fields[name] = getattr(told, name) or None
    return fields | await _place(source, told, allow_private_hosts=allow_private_hosts)


async def _place(source: Source, told: Told, *, allow_private_hosts: bool) -> dict[str, Any]:
    """Where the repository is, and what of it is wanted; looked up where it can be from here."""
    fields: dict[str, Any] = {}
    if told.branch is not None:
        fields["branch"] = _branch(told.branch)
    if told.subdir is not None:
        fields["subdir"] = _subdir(told.subdir)
    if told.url is not None:
        url = _url(told.url, allow_private_hosts=allow_private_hosts)
        return fields | {"url": url, "path": None, "is_plain": False, "host_id": None, "host_name": None}
    if told.path is not None:
        top, inside, is_plain = await _folder(told.path)
        wanted = fields["subdir"] if told.subdir is not None else None if inside else source.subdir
        below = b"/".join(part for part in (inside, wanted) if part)
        fields |= {"path": os.fsencode(top), "is_plain": is_plain, "subdir": below or None, "url": None}
        fields |= {"host_id": machine_id(), "host_name": this_process().host}
    await _look(source, fields)
    return fields


async def _look(source: Source, fields: dict[str, Any]) -> None:
    """See that a path of this host holds the branch and the folder that are wanted."""
    path, host = fields.get("path", source.path), fields.get("host_id", source.host_id)
    if path is None or host != machine_id() or not fields.keys() & {"path", "branch", "subdir"}:
        return
    branch, subdir = fields.get("branch", source.branch), fields.get("subdir", source.subdir)
    if fields.get("is_plain", source.is_plain):
        _look_at_folder(path, branch, subdir)
        return
    repository = Repository(place=Path(os.fsdecode(path)))
    head = await read_head(repository, branch=branch)
    if isinstance(head, Problem):
        raise UsageError(head.message, hint=head.hint)
    if subdir is not None and await repository.subtree(head.revision.tree, subdir) is None:
        problem = refusals.no_folder(head.revision.commit, subdir)
        raise UsageError(problem.message, hint="commit something in it first, or name another folder")


def _look_at_folder(path: bytes, branch: str | None, subdir: bytes | None) -> None:
    if branch is not None:
        raise UsageError("a plain folder has no branches", hint="take it back with --branch ''")
    if subdir is not None and not _is_folder_of(path, subdir):
        raise UsageError(f"{display(path)} has no folder {display(subdir)}", hint="name another with --subdir")


def _is_folder_of(path: bytes, subdir: bytes) -> bool:
    """Whether the folder is there, with no repository or link on the way."""
    parts = subdir.split(b"/")
    for end in range(1, len(parts) + 1):
        place = os.path.join(path, *parts[:end])
        if os.path.islink(place) or not os.path.isdir(place) or os.path.lexists(os.path.join(place, b".git")):
            return False
    return True


async def _folder(given: Path) -> tuple[Path, bytes, bool]:
    """The repository's own folder, where `given` lies inside it, and whether it is a plain folder instead."""
    await git_version()
    path = _real(given)
    repository = Repository(place=path)
    if await is_plain_folder(repository):
        return path, b"", True
    head = await read_head(repository, branch=None)
    if isinstance(head, Problem):
        raise UsageError(head.message, hint=head.hint)
    inside = (await repository.git("rev-parse", "--show-prefix")).stdout.rstrip(b"\n").rstrip(b"/")
    top = path.parents[inside.count(b"/")] if inside else path
    return top, inside, False


def _real(given: Path) -> Path:
    return Path(os.path.realpath(given))


def _name(given: str) -> str:
    if given and not given.strip():
        raise UsageError("a name cannot be blank", hint="an empty one gives the id its place back")
    if any("\ud800" <= character <= "\udfff" for character in given):
        raise UsageError(f"the name {given!r} is not UTF-8", hint="give --name in UTF-8")
    return given


def _branch(given: str) -> str | None:
    if given and (wrong := branch_error(given)) is not None:
        raise UsageError(wrong, hint="give --branch NAME, or --branch '' for the current one")
    return given or None


def _subdir(given: str) -> bytes | None:
    if (wrong := subdir_error(given)) is not None:
        raise UsageError(wrong, hint="give --subdir DIR as git shows it, such as docs/guide, or '' for all")
    return os.fsencode(given.strip("/")) or None


def _globs(given: Sequence[str], name: str) -> tuple[str, ...]:
    for glob in given:
        if (wrong := glob_error(glob)) is not None:
            raise UsageError(
                f"--{name} {glob!r}: {wrong}", hint="a glob is written as in .gitignore: docs/, *.md, a/**/b"
            )
    if (wrong := globs_error(given)) is not None:
        raise UsageError(f"the globs of --{name}: {wrong}", hint="docs/ stands for all below it")
    return tuple(given)


def _url(given: str, *, allow_private_hosts: bool) -> str:
    match parse_url(given, allow_private_hosts=allow_private_hosts, base=Path.cwd()):
        case UrlLocation(url=url):
            if url.startswith("/") and not os.path.isdir(url):
                raise UsageError(f"there is no folder {url}", hint="the URL of a remote begins with https:// or ssh://")
            return url
        case UrlRefused(reason=reason, hint=hint):
            raise UsageError(reason, hint=hint)
