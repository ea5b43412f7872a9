"""What is in no repository, carried to another brain: sources with their settings, acknowledgements, access tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gbrain.domain.source import Source
from gbrain.errors import UsageError
from gbrain.services.transfer_rows import failure_in, failure_out, source_in, source_out
from gbrain.services.transfer_tokens import token_in, token_out
from gbrain.store import sources, tokens
from gbrain.store.connection import Connection
from gbrain.store.sources import Acknowledged
from gbrain.store.tokens import CarriedToken

VERSION = 1

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did: the sources that came in, and those that were there with the same settings.

    `tokens` has the names of the access tokens of the export, with whether each came in or was there.
    """

    added: list[str]
    same: list[str]
    tokens: dict[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What a document holds."""

    sources: list[Source]
    failures: list[Acknowledged]
    tokens: list[CarriedToken]


async def export(conn: Connection) -> dict[str, Any]:
    """Everything that no repository tells, for JSON."""
    states = await sources.all_sources(conn)
    return {
        "gbrain_export": VERSION,
        "sources": [source_out(state.source) for state in states],
        "acknowledged": [failure_out(failure) for failure in await sources.acknowledged(conn)],
        "tokens": [token_out(token) for token in await tokens.all_tokens(conn)],
    }


async def bring_in(conn: Connection, document: object) -> Imported:
    """Register what an export holds; raises UsageError with what is wrong in it, and then nothing has changed.

    Sources that are there already with the same settings are left alone, and so are access tokens with the same
    secret, so that it may be done again.
    """
    read = _read(document)
    brought = read.sources
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
    async with conn.transaction():
        await sources.bring_in(conn, new, [failure for failure in read.failures if failure.source_id not in there])
        came = await _bring_in_tokens(conn, read.tokens)
    return Imported(added=[source.id for source in new], same=[s.id for s in brought if s.id in there], tokens=came)


async def _bring_in_tokens(conn: Connection, brought: Sequence[CarriedToken]) -> dict[str, bool]:
    """Whether each came in, by name; raises UsageError where a name is another's."""
    there = {token.secret_hash for token in await tokens.all_tokens(conn)}
    new = [token for token in brought if token.secret_hash not in there]
    if taken := [token.name for token in new if not await tokens.add(conn, token)]:
        raise UsageError(
            f"there are tokens of these names with other secrets: {', '.join(taken)}",
            hint="revoke them first, or import into a brain without them",
        )
    return {token.name: token in new for token in brought}


def _read(document: object) -> _Read:
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
    return _Read(sources=brought, failures=failures, tokens=_read_tokens(document, {source.id for source in brought}))


def _read_tokens(document: Mapping[str, Any], sources: set[str]) -> list[CarriedToken]:
    """The access tokens of an export; older ones have none."""
    rows = rows_in(document, "tokens") if "tokens" in document else []
    found = [made(token_in, row, f"tokens[{number}]") for number, row in enumerate(rows)]
    if len({token.name for token in found}) < len(found) or len({token.secret_hash for token in found}) < len(found):
        raise UsageError("the export holds a token twice", hint="export again")
    if strangers := {source for token in found for source in token.sources or ()} - sources:
        raise UsageError(f"the export has a token for {min(strangers)}, which it lacks", hint="export again")
    return found


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
