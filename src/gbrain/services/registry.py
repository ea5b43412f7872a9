"""Registering, listing and removing sources, and finding out which one a command means."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gbrain import logs
from gbrain.domain.locations import UrlLocation, UrlRefused, parse_url
from gbrain.domain.source import ID_RULE, Source, SourceState, Strategy, is_source_id
from gbrain.errors import NotFound, UsageError
from gbrain.git.checkout import read_head
from gbrain.git.forgetting import forget
from gbrain.git.problems import Problem
from gbrain.git.repository import Repository
from gbrain.git.version import git_version
from gbrain.machine.process import machine_id, this_process
from gbrain.store import sources
from gbrain.store.connection import Connection
from gbrain.store.sources import Failure as Failure
from gbrain.store.sources import Weight as Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """What `sources add` was told. Exactly one of `path` and `url` is to be set."""

    id: str
    name: str | None
    path: Path | None
    url: str | None
    strategy: Strategy
    federated: bool
    max_age: timedelta | None


async def add_source(conn: Connection, new: NewSource, *, allow_private_hosts: bool) -> SourceState:
    """Check and register a source; raises UsageError with what is wrong, and then nothing is registered."""
    if not is_source_id(new.id):
        raise UsageError(f"{new.id!r} cannot name a source", hint=f"an id is {ID_RULE}")
    if (new.path is None) == (new.url is None):
        raise UsageError("a source has either a path or a URL", hint="give --path DIR or --url URL")
    path = await _checked_path(new.path) if new.path is not None else None
    me = this_process()
    source = Source(
        id=new.id,
        name=_checked_name(new.name) if new.name else new.id,
        path=os.fsencode(path) if path else None,
        url=_checked_url(new.url, allow_private_hosts=allow_private_hosts) if new.url is not None else None,
        host_id=machine_id() if path else None,
        host_name=me.host if path else None,
        branch=None,
        strategy=new.strategy,
        federated=new.federated,
        enabled=True,
        max_age=new.max_age,
        settings_version=1,
    )
    if not await sources.add(conn, source):
        raise UsageError(f"there is a source {new.id} already", hint=f"see it with: gbrain sources show {new.id}")
    return await existing(conn, new.id)


async def all_sources(conn: Connection) -> list[SourceState]:
    """Every source with where it stands, by id."""
    return await sources.all_sources(conn)


async def existing(conn: Connection, source_id: str) -> SourceState:
    """The source of this id; raises NotFound, naming those there are."""
    state = await sources.one(conn, source_id)
    if state is None:
        raise _unknown(source_id, [known.source.id for known in await sources.all_sources(conn)])
    return state


async def weigh(conn: Connection, source_id: str) -> Weight:
    """What removing the source would take."""
    await existing(conn, source_id)
    return await sources.weigh(conn, source_id)


async def remove_source(conn: Connection, source_id: str, mirrors: Path) -> None:
    """Delete the source, all that was derived from it, and what the mirrors hold for nobody but it."""
    url = (await existing(conn, source_id)).source.url
    await sources.remove(conn, source_id)
    is_shared = url in {other.source.url for other in await sources.all_sources(conn)}
    for folder in await forget(mirrors, source_id, url=None if is_shared else url):
        logs.warning("a mirror still holds what the source fetched", source=source_id, mirror=str(folder))


async def failures(conn: Connection, source_id: str | None) -> list[Failure]:
    """What could not be taken in, of one source or of all."""
    if source_id is not None:
        await existing(conn, source_id)
    return await sources.failures(conn, source_id)


def resolve(states: Sequence[SourceState], *, named: str | None, here: Path) -> Source:
    """The source a command means: the one named, else the one whose path holds this folder, else the only one.

    Raises NotFound for a name nobody has and UsageError where it would have to guess.
    """
    known = {state.source.id: state.source for state in states}
    if named is not None:
        if named not in known:
            raise _unknown(named, list(known))
        return known[named]
    around = [source for source in known.values() if source.path is not None and _holds(source.path, here)]
    if around:
        return max(around, key=lambda source: len(source.path or b""))
    if len(known) == 1:
        return next(iter(known.values()))
    listed = ", ".join(known) if known else "none is registered yet"
    raise UsageError("no source is named and none follows from this folder", hint=f"name one, or say --all: {listed}")


def _holds(path: bytes, here: Path) -> bool:
    folder = Path(os.fsdecode(path))
    return folder == here or folder in here.parents


def _unknown(source_id: str, known: Sequence[str]) -> NotFound:
    listed = ", ".join(known) if known else "none is registered yet: gbrain sources add ID --path DIR"
    return NotFound(f"there is no source {source_id!r}", hint=f"there are: {listed}")


def _checked_name(given: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in given):
        raise UsageError(f"the name {given!r} is not UTF-8", hint="give --name in UTF-8")
    return given


async def _checked_path(given: Path) -> Path:
    await git_version()
    path = _real(given)
    head = await read_head(Repository(place=path), branch=None)
    if isinstance(head, Problem):
        raise UsageError(head.message, hint=head.hint)
    return path


def _real(given: Path) -> Path:
    return Path(os.path.realpath(given))


def _checked_url(given: str, *, allow_private_hosts: bool) -> str:
    match parse_url(given, allow_private_hosts=allow_private_hosts, base=Path.cwd()):
        case UrlLocation(url=url):
            return url
        case UrlRefused(reason=reason, hint=hint):
            raise UsageError(reason, hint=hint)
