"""Registering sources, changing, archiving and removing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gbrain import logs
from gbrain.domain.fleet import Past
from gbrain.domain.source import ID_RULE, SourceState, is_source_id, newcomer
from gbrain.errors import UsageError
from gbrain.services.resolving import unknown
from gbrain.services.source_settings import Told, checked
from gbrain.store import runs, sources
from gbrain.store.connection import Connection
from gbrain.store.runs import PastRun as PastRun
from gbrain.store.sources import Failure as Failure
from gbrain.store.sources import Weight as Weight

ARCHIVE_FOR = timedelta(hours=72)
"""How long an archived source is kept at least."""


async def add_source(conn: Connection, source_id: str, told: Told, *, allow_private_hosts: bool) -> SourceState:
    """Check and register a source; raises UsageError with what is wrong, and then nothing is registered."""
    if not is_source_id(source_id):
        raise UsageError(f"{source_id!r} cannot name a source", hint=f"an id is {ID_RULE}")
    if told.path is None and told.url is None:
        raise UsageError("a source has either a path or a URL", hint="give --path DIR or --url URL")
    fields = await checked(newcomer(source_id), told, allow_private_hosts=allow_private_hosts)
    if not await sources.add(conn, replace(newcomer(source_id), **fields)):
        raise UsageError(f"there is a source {source_id} already", hint=f"see it with: gbrain sources show {source_id}")
    return await existing(conn, source_id)


async def change_source(conn: Connection, source_id: str, told: Told, *, allow_private_hosts: bool) -> SourceState:
    """Give a source other settings: the next sync ends as if it had always had them.

    They are checked against the others that it has, and once more where somebody changes those meanwhile.
    """
    while True:
        source = (await existing(conn, source_id)).source
        fields = await checked(source, told, allow_private_hosts=allow_private_hosts)
        state = await sources.change(conn, source_id, fields, seen_version=source.settings_version)
        if state is not None:
            return state


async def make_default(conn: Connection, source_id: str) -> SourceState:
    """Let the source be meant where none is named and none follows from the folder."""
    if (await existing(conn, source_id)).source.archived_at is not None:
        raise UsageError(f"{source_id} is archived", hint=f"gbrain sources restore {source_id}")
    return await _change(conn, source_id, {"is_default": True})


async def archive(conn: Connection, source_id: str) -> SourceState:
    """Put a source away: nothing syncs or finds it. It is kept as it is for ARCHIVE_FOR."""
    if (await existing(conn, source_id)).source.archived_at is not None:
        raise UsageError(f"{source_id} is archived already", hint=f"gbrain sources restore {source_id}")
    return await _change(conn, source_id, {"archived_at": await sources.now(conn)})


async def restore(conn: Connection, source_id: str) -> SourceState:
    """Take a source out of the archive, as it was."""
    if (await existing(conn, source_id)).source.archived_at is None:
        raise UsageError(f"{source_id} is not archived", hint="gbrain sources archived lists those that are")
    return await _change(conn, source_id, {"archived_at": None})


async def archived(conn: Connection) -> list[SourceState]:
    """The archived sources, by id."""
    return [state for state in await sources.all_sources(conn) if state.source.archived_at is not None]


async def overdue(conn: Connection) -> list[SourceState]:
    """The archived sources that need be kept no longer."""
    now = await sources.now(conn)
    return [state for state in await archived(conn) if (at := state.source.archived_at) and at + ARCHIVE_FOR <= now]


async def all_sources(conn: Connection) -> list[SourceState]:
    """Every source with where it stands, by id, archived ones too."""
    return await sources.all_sources(conn)


async def pasts(conn: Connection) -> dict[str, Past]:
    """What is known of each source from its earlier runs, by id."""
    return await runs.pasts(conn)


async def current_sources(conn: Connection) -> list[SourceState]:
    """Every source that is not archived, by id."""
    return [state for state in await sources.all_sources(conn) if state.source.archived_at is None]


async def existing(conn: Connection, source_id: str) -> SourceState:
    """The source of this id; raises NotFound, naming those there are."""
    state = await sources.one(conn, source_id)
    if state is None:
        raise unknown(source_id, [known.source.id for known in await sources.all_sources(conn)])
    return state


async def weigh(conn: Connection, source_id: str) -> Weight:
    """What removing the source would take."""
    await existing(conn, source_id)
    return await sources.weigh(conn, source_id)


async def remove_source(conn: Connection, source_id: str, mirrors: Path) -> None:
    """Delete the source, all that was derived from it, and what the mirrors hold for nobody but it."""
    from gbrain.git.folder import FOLDERS, forget_snapshots
    from gbrain.git.forgetting import forget

    url = (await existing(conn, source_id)).source.url
    await sources.remove(conn, source_id)
    if not await forget_snapshots(mirrors.parent / FOLDERS, source_id):
        logs.warning("a snapshot still holds what the source's folder held", source=source_id)
    is_shared = url in {other.source.url for other in await sources.all_sources(conn)}
    for folder in await forget(mirrors, source_id, url=None if is_shared else url):
        logs.warning("a mirror still holds what the source fetched", source=source_id, mirror=str(folder))


async def failures(conn: Connection, source_id: str | None, *, with_skipped: bool = False) -> list[Failure]:
    """What could not be taken in, of one source or of all; with what was skipped for what it is, where asked for."""
    if source_id is not None:
        await existing(conn, source_id)
    return await sources.failures(conn, source_id, with_skipped=with_skipped)


async def past_runs(conn: Connection, source_id: str | None, limit: int) -> list[PastRun]:
    """The last runs of one source or of all, the newest first."""
    if source_id is not None:
        await existing(conn, source_id)
    return await runs.past(conn, source_id, limit)


async def _change(conn: Connection, source_id: str, fields: Mapping[str, Any]) -> SourceState:
    state = await sources.change(conn, source_id, fields)
    return state if state is not None else await existing(conn, source_id)
