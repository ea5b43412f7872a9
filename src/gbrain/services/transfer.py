"""What is in no repository, carried to another brain: the sources with their settings, and acknowledgements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gbrain.domain.source import Source
from gbrain.errors import UsageError
from gbrain.services.transfer_rows import failure_in, failure_out, source_in, source_out
from gbrain.store import sources
from gbrain.store.connection import Connection
from gbrain.store.sources import Acknowledged

VERSION = 1

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did: the sources that came in, and those that were there with the same settings."""

    added: list[str]
    same: list[str]


async def export(conn: Connection) -> dict[str, Any]:
    """Everything that no repository tells, for JSON."""
    states = await sources.all_sources(conn)
    return {
        "gbrain_export": VERSION,
        "sources": [source_out(state.source) for state in states],
        "acknowledged": [failure_out(failure) for failure in await sources.acknowledged(conn)],
    }


async def bring_in(conn: Connection, document: object) -> Imported:
    """Register what an export holds; raises UsageError with what is wrong in it, and then nothing has changed.

    Sources that are there already with the same settings are left alone, so that it may be done again.
    """
    brought, failures = _read(document)
    there = {state.source.id: state.source for state in await sources.all_sources(conn)}
    other = [source.id for source in brought if source.id in there and not _same(source, there[source.id])]
    if other:
        raise UsageError(
            f"there are sources of these ids with other settings: {', '.join(other)}",
            hint="import into a brain without them, or remove them first",
        )
    has_default = any(source.is_default for source in there.values())
    new = [
        replace(source, is_default=source.is_default and not has_default)
        for source in brought
        if source.id not in there
    ]
    await sources.bring_in(conn, new, [failure for failure in failures if failure.source_id not in there])
    return Imported(added=[source.id for source in new], same=[s.id for s in brought if s.id in there])


def _read(document: object) -> tuple[list[Source], list[Acknowledged]]:
    if not isinstance(document, dict) or document.get("gbrain_export") != VERSION:
        raise UsageError("this is no export of gbrain", hint="make one with: gbrain export FILE")
    brought = [made(source_in, row, f"sources[{n}]") for n, row in enumerate(rows_in(document, "sources"))]
    if len({source.id for source in brought}) < len(brought):
        raise UsageError("the export holds a source twice", hint="export again")
    if sum(source.is_default for source in brought) > 1:
        raise UsageError("the export has several defaults", hint="export again")
    failures = [made(failure_in, row, f"acknowledged[{n}]") for n, row in enumerate(rows_in(document, "acknowledged"))]
    if len({(failure.source_id, failure.path) for failure in failures}) < len(failures):
        raise UsageError("the export acknowledges a failure twice", hint="export again")
    if strangers := {failure.source_id for failure in failures} - {source.id for source in brought}:
        raise UsageError(f"the export acknowledges failures of {min(strangers)}, which it lacks", hint="export again")
    return brought, failures


def rows_in(document: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A list of an export; raises UsageError where it has none of the name."""
    rows = document.get(name)
    if not isinstance(rows, list):
        raise UsageError(f"the export has no list of {name}", hint="export again")
    return rows


def made(make: Callable[[Mapping[str, Any]], Row], row: object, where: str) -> Row:
    """What is made of a row of an export; raises UsageError that says where it is damaged, and how."""
    try:
        if not isinstance(row, dict):
            raise ValueError("not an object")
        return make(row)
    except (KeyError, ValueError, TypeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"the export is damaged at {where}: {what}", hint="export again") from error


def _same(one: Source, other: Source) -> bool:
    fields: dict[str, Any] = {"settings_version": 1, "is_default": False, "archived_at": None, "host_name": None}
    return replace(one, **fields) == replace(other, **fields)
