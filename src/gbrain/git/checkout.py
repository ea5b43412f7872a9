"""What a repository of the user's says about itself, asked with plumbing and never written to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gbrain.domain.tree import Revision
from gbrain.git import parse, refusals
from gbrain.git.problems import Problem
from gbrain.git.process import Completed, failed
from gbrain.git.repository import Repository

_FIELDS = ("HEAD", "refname", "objectname", "tree", "committerdate:unix", "upstream", "upstream:remotename")
_FORMAT = "--format=" + "%00".join(f"%({field})" for field in (*_FIELDS, "upstream:remoteref"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What a branch follows: a remote by name, and the remote's ref in full."""

    remote: str
    ref: str
    here: tuple[str, str]
    """The refs of the repository that stand for the branch and for the upstream as the user last fetched it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The commit a repository stands at, and what its branch follows: None where it follows nothing."""

    revision: Revision
    upstream: Upstream | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A remote as the repository configures it."""

    url: str | None
    """As written: not checked, and perhaps relative to `base`."""
    base: Path
    objects: Path
    """The repository's object folder."""
    is_whole: bool
    """False for a shallow or partial clone, whose objects cannot stand for a whole history."""


async def is_plain_folder(repository: Repository) -> bool:
    """Whether there is a folder with something in it, and no repository in or around it."""
    told = await repository.git("rev-parse", "--git-dir")
    is_none = told.returncode != 0 and "not a git repository" in told.stderr
    return is_none and repository.place.is_dir() and not refusals.is_empty(repository.place)


async def read_head(repository: Repository, *, branch: str | None) -> Head | Problem:
    """The head of `branch`, or of the current branch; usually one child."""
    listed = await repository.git("for-each-ref", _FORMAT, f"refs/heads/{branch or ''}")
    if listed.returncode != 0 and (problem := refusals.unreadable(repository.place, listed.stderr)) is not None:
        return problem
    if branch is None and refusals.is_empty(repository.place):
        return refusals.empty_folder(repository.place)
    head = _chosen(listed.stdout, branch)
    if head is not None:
        return head
    if branch is not None:
        return refusals.no_branch(repository.place, branch)
    return await _detached(repository, listed)


async def read_remote(repository: Repository, name: str) -> Remote:
    """What the repository's configuration says about one of its remotes."""
    told = await repository.git(
        "rev-parse", "--absolute-git-dir", "--git-common-dir", "--is-shallow-repository", "--show-cdup"
    )
    settings = await repository.git(
        "config", "-z", "--get-regexp", r"^(remote\..*\.(url|promisor)|extensions\.partialclone)$"
    )
    if told.returncode != 0 or settings.returncode > 1:
        raise failed(("rev-parse",), told.stderr or settings.stderr)
    git_dir, common, shallow, *up = os.fsdecode(told.stdout).split("\n")
    place = repository.place
    pairs = [pair.partition("\n")[::2] for pair in os.fsdecode(settings.stdout).split("\0") if pair]
    return Remote(
        url=next((value for key, value in pairs if key == f"remote.{name}.url"), None),
        base=Path(git_dir) if place.is_relative_to(git_dir) else place / (up[0] if up else ""),
        objects=_objects(place / common),
        is_whole=shallow == "false" and all(key.endswith(".url") or value == "false" for key, value in pairs),
    )


def _objects(common: Path) -> Path:
    return Path(os.path.normpath(common / "objects"))


def _chosen(output: bytes, branch: str | None) -> Head | None:
    for line in output.split(b"\n")[:-1]:
        current, name, commit, tree, seconds, upstream, remote, ref = os.fsdecode(line).split("\0")
        if current == "*" if branch is None else name == f"refs/heads/{branch}":
            at = parse.instant(int(seconds) if seconds.isdigit() else 0)
            follows = (
                Upstream(remote=remote, ref=ref, here=(name, upstream)) if upstream and remote != "." and ref else None
            )
            return Head(revision=Revision(commit=commit, tree=tree, committed_at=at), upstream=follows)
    return None


async def _detached(repository: Repository, listed: Completed) -> Head | Problem:
    """The head where the list of branches has no current one: detached, unborn, or unlisted for a damaged branch."""
    name = await repository.git("symbolic-ref", "-q", "HEAD")
    ref = os.fsdecode(name.stdout).strip()
    if listed.returncode != 0 and ref.startswith("refs/heads/"):
        alone = await repository.git("for-each-ref", _FORMAT, ref)
        if alone.returncode != 0:
            raise failed(("for-each-ref",), alone.stderr)
        head = _chosen(alone.stdout, ref.removeprefix("refs/heads/"))
        return head if head is not None else refusals.no_commit(repository.place)
    revision = await repository.revision("HEAD")
    return Head(revision=revision, upstream=None) if revision is not None else refusals.no_commit(repository.place)
