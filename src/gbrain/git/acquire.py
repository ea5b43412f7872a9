"""Gets a source's repository and the revision that is wanted of it, with its remote's news where there is a remote."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import assert_never

from gbrain.domain.locations import PathLocation, PlainLocation, UrlLocation, UrlRefused, parse_url
from gbrain.domain.tree import Revision
from gbrain.git import refusals
from gbrain.git.acquired import Acquired, Fetched, FetchProblem, NoRemote, NotAsked
from gbrain.git.checkout import Head, Remote, Upstream, read_head, read_remote
from gbrain.git.environment import environment, transport
from gbrain.git.fetch import Request
from gbrain.git.hosts import admit
from gbrain.git.mirror import Mirror, mirror_of, ref_of, update
from gbrain.git.problems import Problem
from gbrain.git.process import GitError
from gbrain.git.progress import FetchProgress
from gbrain.git.repository import Repository
from gbrain.git.settings import effective_url, user_settings
from gbrain.git.version import git_version


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    source_id: str
    mirrors: Path
    pull: bool
    fetch_stall: timedelta
    allow_private_hosts: bool
    report: Callable[[FetchProgress], None]
    lent: Path | None
    anew_since: float | None

    @property
    def read_from(self) -> Path:
        """The mirrors that hold what was last fetched."""
        return self.mirrors if self.lent is None else self.lent


async def acquire(
    location: PathLocation | PlainLocation | UrlLocation,
    *,
    source_id: str,
    mirrors: Path,
    pull: bool,
    branch: str | None,
    fetch_stall: timedelta,
    allow_private_hosts: bool,
    report: Callable[[FetchProgress], None],
    subdir: bytes | None = None,
    look: bool = True,
    lent: Path | None = None,
    anew_since: float | None = None,
) -> Acquired | Problem:
    """What is wanted of a source now; a `Problem` where there is nothing to read.

    `mirrors` is the home's folder of mirrors; `branch` None means the remote's, or the checkout's, current one, and
    `subdir` the folder whose tree is given instead of the whole. A fetch is given up when nothing of it has moved for
    `fetch_stall`. `look` False takes a plain folder as it was when it was last looked at. `lent` is a folder of mirrors
    that stays as it is: `mirrors` is a temporary one then, and borrows from it. `anew_since`
    (seconds since 1970) has what we keep of the remote, or of a plain folder, made anew where it is older than that,
    because it turned out damaged. Raises `CouldNotRun` without
    a usable git, `DiskFull`, and `GitError` where git fails in a way that has no name.
    """
    await git_version()
    terms = _Terms(
        source_id=source_id,
        mirrors=_absolute(mirrors),
        pull=pull,
        fetch_stall=fetch_stall,
        allow_private_hosts=allow_private_hosts,
        report=report,
        lent=_absolute(lent) if lent is not None else None,
        anew_since=anew_since,
    )
    match location:
        case UrlLocation(url=url):
            acquired = await _of_url(url, branch, terms)
        case PathLocation(path=path):
            acquired = await _of_path(Repository(place=_absolute(path)), branch, terms)
        case PlainLocation(path=path):
            acquired = await _of_folder(path, terms, look=look)
        case _:
            assert_never(location)
    return acquired if subdir is None or isinstance(acquired, Problem) else await _below(acquired, subdir)


async def _below(acquired: Acquired, subdir: bytes) -> Acquired | Problem:
    """The same with the folder's tree: a folder that is gone is no tree without files."""
    revision = acquired.revision
    tree = await acquired.repository.subtree(revision.tree, subdir)
    if tree is None:
        return refusals.no_folder(revision.commit, subdir)
    return replace(acquired, revision=replace(revision, tree=tree))


async def _of_folder(path: Path, terms: _Terms, *, look: bool) -> Acquired | Problem:
    from gbrain.git.folder import FOLDERS, borrowing, last_snapshot, snapshot, snapshots_of

    home = terms.read_from.parent
    kept = snapshots_of(home / FOLDERS, terms.source_id)
    is_damaged = terms.anew_since is not None
    repository = kept if terms.lent is None else borrowing(kept, terms.mirrors.parent / FOLDERS, lends=not is_damaged)
    revision = await snapshot(repository, path, home=home, anew=is_damaged) if look else await last_snapshot(kept)
    if isinstance(revision, Problem):
        return revision
    if revision is None:
        return Problem(code="no_commit", message="the folder has not been looked at yet", hint="sync it first")
    return Acquired(repository=repository, revision=revision, fetch=NoRemote())


async def _of_url(url: str, branch: str | None, terms: _Terms) -> Acquired | Problem:
    kept = mirror_of(terms.read_from, url)
    mirror = kept if terms.lent is None or not terms.pull else _aside(kept, url, terms)
    wanted = "HEAD" if branch is None else f"refs/heads/{branch}"
    fetch = await _news(mirror, url, wanted, terms)
    mirror = kept if isinstance(fetch, FetchProblem) else mirror
    revision = await _last_fetched(mirror, wanted, terms)
    if revision is not None:
        return Acquired(repository=mirror.repository(), revision=revision, fetch=fetch)
    return fetch.problem if isinstance(fetch, FetchProblem) else _nothing_fetched()


def _aside(kept: Mirror, url: str, terms: _Terms) -> Mirror:
    """A temporary mirror that borrows what the lent one has, where that is whole."""
    lends = kept.exists and terms.anew_since is None
    return mirror_of(terms.mirrors, url, borrowed=kept.folder / "objects" if lends else None)


async def _of_path(repository: Repository, branch: str | None, terms: _Terms) -> Acquired | Problem:
    head = await read_head(repository, branch=branch)
    if isinstance(head, Problem):
        return head
    if head.upstream is None:
        return Acquired(repository=repository, revision=head.revision, fetch=NoRemote())
    remote = await read_remote(repository, head.upstream.remote)
    url = _remote_url(remote, head.upstream, terms)
    if isinstance(url, Problem):
        fetch = FetchProblem(problem=url) if terms.pull else NotAsked()
        return Acquired(repository=repository, revision=head.revision, fetch=fetch)
    return await _with_upstream(repository, head, head.upstream, remote, url, terms)


async def _with_upstream(
    checkout: Repository, head: Head, upstream: Upstream, remote: Remote, url: str, terms: _Terms
) -> Acquired:
    """The upstream's tip as last fetched where it contains HEAD, else HEAD."""
    borrowed = remote.objects if remote.is_whole else None
    kept = mirror_of(terms.read_from, url, borrowed=borrowed)
    mirror = kept if not terms.pull else mirror_of(terms.mirrors, url, borrowed=borrowed)
    object_format = "sha1" if len(head.revision.commit) == 40 else "sha256"
    # Of the borrowed repository only these refs are offered to the remote: another that is broken would stop the fetch.
    flags = ("-c", f"core.alternateRefsPrefixes={' '.join(upstream.here)}")
    fetch = await _news(mirror, url, upstream.ref, terms, object_format=object_format, flags=flags)
    mirror = kept if isinstance(fetch, FetchProblem) else mirror
    tip = await _last_fetched(mirror, upstream.ref, terms)
    if tip is None:
        return Acquired(repository=checkout, revision=head.revision, fetch=fetch)
    both = Repository(place=mirror.folder, is_ours=True, alternates=(remote.objects,))
    revision = tip if await _contains(both, tip, head.revision) else head.revision
    return Acquired(repository=both, revision=revision, fetch=fetch)


async def _news(
    mirror: Mirror,
    url: str,
    wanted: str,
    terms: _Terms,
    *,
    object_format: str = "sha1",
    flags: tuple[str, ...] = (),
) -> Fetched | NotAsked | FetchProblem:
    """Fetches `wanted` into the mirror, where the remote is to be asked."""
    if not terms.pull:
        return NotAsked()
    settings = await user_settings()
    real_url = await effective_url(url, settings)
    admitted = await admit(real_url, allow_private_hosts=terms.allow_private_hosts, has_proxy=settings.has_proxy)
    if isinstance(admitted, Problem):
        return FetchProblem(problem=admitted)
    request = Request(
        url=url,
        wanted=wanted,
        ref=ref_of(terms.source_id, wanted),
        flags=(*flags, *admitted.flags),
        env=transport(
            environment(alternates=mirror.borrowed),
            allow_http=terms.allow_private_hosts,
            has_own_ssh=settings.has_own_ssh,
        ),
        stall=terms.fetch_stall,
        on_progress=terms.report,
    )
    problem = await update(mirror, request, object_format=object_format, anew_since=terms.anew_since)
    return Fetched() if problem is None else FetchProblem(problem=problem)


async def _last_fetched(mirror: Mirror, wanted: str, terms: _Terms) -> Revision | None:
    """The revision this source's last fetch that worked left; None also where the mirror is too damaged to tell."""
    if not mirror.exists:
        return None
    try:
        return await mirror.repository().revision(ref_of(terms.source_id, wanted))
    except GitError:
        return None


async def _contains(repository: Repository, tip: Revision, head: Revision) -> bool:
    # Where history is missing behind HEAD, git fails: then HEAD is not part of the tip's history, which is whole.
    if tip.commit == head.commit:
        return True
    return (await repository.git("merge-base", "--is-ancestor", head.commit, tip.commit)).returncode == 0


def _remote_url(remote: Remote, upstream: Upstream, terms: _Terms) -> str | Problem:
    if remote.url is None:
        return refusals.no_remote_url(upstream.remote)
    location = parse_url(remote.url, allow_private_hosts=terms.allow_private_hosts, base=remote.base)
    if isinstance(location, UrlRefused):
        return refusals.remote_refused(upstream.remote, location)
    return location.url


def _nothing_fetched() -> Problem:
    return Problem(
        code="no_commit", message="nothing has been fetched from the remote yet", hint="sync without --no-pull"
    )


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
