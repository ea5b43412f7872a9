"""What is in no repository, carried to another brain: the sources with their settings, and acknowledgements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from gbrain.domain.filters import glob_error
from gbrain.domain.locations import UrlLocation, branch_error, parse_url, subdir_error
from gbrain.domain.paths import display, parse
from gbrain.domain.source import Source, Strategy, is_source_id, newcomer
from gbrain.errors import UsageError
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
        "sources": [_source_out(state.source) for state in states],
        "acknowledged": [_failure_out(failure) for failure in await sources.acknowledged(conn)],
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
    brought = [_made(_source_in, row, f"sources[{n}]") for n, row in enumerate(_rows(document, "sources"))]
    if len({source.id for source in brought}) < len(brought):
        raise UsageError("the export holds a source twice", hint="export again")
    if sum(source.is_default for source in brought) > 1:
        raise UsageError("the export has several defaults", hint="export again")
    failures = [_made(_failure_in, row, f"acknowledged[{n}]") for n, row in enumerate(_rows(document, "acknowledged"))]
    return brought, failures


def _rows(document: Mapping[str, Any], name: str) -> Sequence[Any]:
    rows = document.get(name)
    if not isinstance(rows, list):
        raise UsageError(f"the export has no list of {name}", hint="export again")
    return rows


def _made(make: Callable[[Mapping[str, Any]], Row], row: object, where: str) -> Row:
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


def _source_out(source: Source) -> dict[str, Any]:
    return {
        "id": source.id,
        "name": source.name,
        "path": _shown(source.path),
        "is_plain_folder": source.is_plain,
        "url": source.url,
        "host_id": source.host_id,
        "host_name": source.host_name,
        "branch": source.branch,
        "subdir": _shown(source.subdir),
        "strategy": source.strategy.value,
        "include": list(source.include),
        "exclude": list(source.exclude),
        "federated": source.federated,
        "enabled": source.enabled,
        "max_age_s": _seconds(source.max_age),
        "interval_s": _seconds(source.interval),
        "archived_at": _moment(source.archived_at),
        "is_default": source.is_default,
    }


def _source_in(row: Mapping[str, Any]) -> Source:
    path, url = _optional(row, "path", str), _optional(row, "url", str)
    if (path is None) == (url is None):
        raise ValueError("a source has either a path or a URL")
    if not is_source_id(_given(row, "id", str)):
        raise ValueError(f"{row['id']!r} cannot name a source")
    if url is not None and not isinstance(parse_url(url, allow_private_hosts=True), UrlLocation):
        raise ValueError("the URL is none that is taken")
    subdir, branch = _optional(row, "subdir", str), _optional(row, "branch", str)
    include, exclude = _texts(row, "include"), _texts(row, "exclude")
    problems = [branch_error(branch) if branch is not None else None, *map(glob_error, (*include, *exclude))]
    problems.append(subdir_error(parse(subdir).decode("utf-8", "surrogateescape")) if subdir is not None else None)
    if wrong := [problem for problem in problems if problem is not None]:
        raise ValueError(wrong[0])
    return replace(
        newcomer(row["id"]),
        name=_given(row, "name", str),
        path=parse(path) if path is not None else None,
        is_plain=_given(row, "is_plain_folder", bool),
        url=url,
        host_id=_optional(row, "host_id", str),
        host_name=_optional(row, "host_name", str),
        branch=branch,
        subdir=parse(subdir) if subdir is not None else None,
        strategy=Strategy(_given(row, "strategy", str)),
        include=include,
        exclude=exclude,
        federated=_given(row, "federated", bool),
        enabled=_given(row, "enabled", bool),
        max_age=_duration(row, "max_age_s"),
        interval=_duration(row, "interval_s"),
        archived_at=_instant(row, "archived_at"),
        is_default=_given(row, "is_default", bool),
    )


def _failure_out(failure: Acknowledged) -> dict[str, Any]:
    return {
        "source_id": failure.source_id,
        "path": display(failure.path),
        "blob": failure.blob.hex(),
        "mode": failure.mode,
        "fingerprint": failure.fingerprint.hex(),
        "slug": failure.slug,
        "reason": failure.reason,
        "detail": failure.detail,
        "first_seen_at": _moment(failure.first_seen_at),
    }


def _failure_in(row: Mapping[str, Any]) -> Acknowledged:
    seen = _instant(row, "first_seen_at")
    if seen is None:
        raise ValueError("first_seen_at is null")
    return Acknowledged(
        source_id=_given(row, "source_id", str),
        path=parse(_given(row, "path", str)),
        blob=bytes.fromhex(_given(row, "blob", str)),
        mode=_given(row, "mode", int),
        fingerprint=bytes.fromhex(_given(row, "fingerprint", str)),
        slug=_optional(row, "slug", str),
        reason=_given(row, "reason", str),
        detail=_given(row, "detail", str),
        first_seen_at=seen,
    )


Value = TypeVar("Value", str, int, bool)


def _given(row: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    value = row[name]
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r}, not a {kind.__name__}")
    if isinstance(value, str) and any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} holds what no text of the database can")
    return value


def _optional(row: Mapping[str, Any], name: str, kind: type[Value]) -> Value | None:
    return None if row[name] is None else _given(row, name, kind)


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if not isinstance(row[name], list):
        raise ValueError(f"{name} is no list")
    return tuple(_given({name: text}, name, str) for text in row[name])


def _duration(row: Mapping[str, Any], name: str) -> timedelta | None:
    seconds = _optional(row, name, int)
    if seconds is None:
        return None
    if not 0 < seconds < 100 * 366 * 86400:
        raise ValueError(f"{name} is {seconds}")
    return timedelta(seconds=seconds)


def _instant(row: Mapping[str, Any], name: str) -> datetime | None:
    text = _optional(row, name, str)
    moment = datetime.fromisoformat(text) if text is not None else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"{name} has no zone")
    return moment


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None


def _seconds(duration: timedelta | None) -> int | None:
    return int(duration.total_seconds()) if duration is not None else None


def _shown(path: bytes | None) -> str | None:
    return display(path) if path is not None else None
