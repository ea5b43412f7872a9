"""Sources and acknowledged failures as an export holds them, and back: what a brain could not hold is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from gbrain.domain.content import Reason, skips
from gbrain.domain.filters import glob_error, globs_error
from gbrain.domain.locations import UrlLocation, branch_error, parse_url, subdir_error
from gbrain.domain.paths import display, parse
from gbrain.domain.source import Source, Strategy, is_source_id, newcomer
from gbrain.store.sources import Acknowledged

_MODES = (0o100644, 0o100755, 0o120000, 0o160000)
_YEARS = range(1970, 2200)

Value = TypeVar("Value", str, int, bool)


def source_out(source: Source) -> dict[str, Any]:
    """A source, for JSON."""
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
        "archived_at": moment_out(source.archived_at),
        "is_default": source.is_default,
    }


def source_in(row: Mapping[str, Any]) -> Source:
    """A source of an export; raises KeyError, ValueError or TypeError where it is damaged."""
    _check(row)
    path, subdir = _optional(row, "path", str), _optional(row, "subdir", str)
    return replace(
        newcomer(row["id"]),
        name=given(row, "name", str),
        path=parse(path) if path is not None else None,
        is_plain=given(row, "is_plain_folder", bool),
        url=_optional(row, "url", str),
        host_id=_optional(row, "host_id", str),
        host_name=_optional(row, "host_name", str),
        branch=_optional(row, "branch", str),
        subdir=parse(subdir) if subdir is not None else None,
        strategy=Strategy(given(row, "strategy", str)),
        include=texts(row, "include"),
        exclude=texts(row, "exclude"),
        federated=given(row, "federated", bool),
        enabled=given(row, "enabled", bool),
        max_age=_duration(row, "max_age_s"),
        interval=_duration(row, "interval_s"),
        archived_at=instant(row, "archived_at"),
        is_default=given(row, "is_default", bool),
    )


def _check(row: Mapping[str, Any]) -> None:
    """Raise ValueError where a source could not have become what the row says."""
    path, url = _optional(row, "path", str), _optional(row, "url", str)
    if (path is None) == (url is None):
        raise ValueError("a source has either a path or a URL")
    if not is_source_id(given(row, "id", str)):
        raise ValueError(f"{row['id']!r} cannot name a source")
    if not given(row, "name", str).strip():
        raise ValueError("its name is empty")
    if url is not None and not isinstance(parse_url(url, allow_private_hosts=True), UrlLocation):
        raise ValueError("the URL is none that is taken")
    if path is not None and (not parse(path).startswith(b"/") or b"\0" in parse(path) or not row["host_id"]):
        raise ValueError("its path is not one of a host")
    if row["is_plain_folder"] and (path is None or row["branch"] is not None):
        raise ValueError("a plain folder has a path, and no branch")
    subdir, branch = _optional(row, "subdir", str), _optional(row, "branch", str)
    if subdir == "":
        raise ValueError("its folder is empty")
    globs = (texts(row, "include"), texts(row, "exclude"))
    problems = [branch_error(branch) if branch is not None else None, *map(glob_error, (*globs[0], *globs[1]))]
    problems.append(subdir_error(parse(subdir).decode("utf-8", "surrogateescape")) if subdir is not None else None)
    problems += map(globs_error, globs)
    if wrong := [problem for problem in problems if problem is not None]:
        raise ValueError(wrong[0])


def failure_out(failure: Acknowledged) -> dict[str, Any]:
    """An acknowledged failure, for JSON."""
    return {
        "source_id": failure.source_id,
        "path": display(failure.path),
        "blob": failure.blob.hex(),
        "mode": failure.mode,
        "fingerprint": failure.fingerprint.hex(),
        "slug": failure.slug,
        "reason": failure.reason,
        "detail": failure.detail,
        "first_seen_at": moment_out(failure.first_seen_at),
    }


def failure_in(row: Mapping[str, Any]) -> Acknowledged:
    """An acknowledged failure of an export; raises as `source_in` does."""
    seen = instant(row, "first_seen_at")
    blob = bytes.fromhex(given(row, "blob", str))
    if seen is None:
        raise ValueError("first_seen_at is null")
    if given(row, "mode", int) not in _MODES or len(blob) not in (20, 32) or skips(Reason(given(row, "reason", str))):
        raise ValueError("it is no failure: see its mode, blob and reason")
    return Acknowledged(
        source_id=given(row, "source_id", str),
        path=parse(given(row, "path", str)),
        blob=blob,
        mode=given(row, "mode", int),
        fingerprint=bytes.fromhex(given(row, "fingerprint", str)),
        slug=_optional(row, "slug", str),
        reason=given(row, "reason", str),
        detail=given(row, "detail", str),
        first_seen_at=seen,
    )


def given(row: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    """A value of a row that must be of this type, and such as the database can hold; raises KeyError or ValueError."""
    value = row[name]
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r}, not a {kind.__name__}")
    if isinstance(value, str) and any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} holds what no text of the database can")
    return value


def _optional(row: Mapping[str, Any], name: str, kind: type[Value]) -> Value | None:
    return None if row[name] is None else given(row, name, kind)


def texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts; raises as `given` does."""
    if not isinstance(row[name], list):
        raise ValueError(f"{name} is no list")
    return tuple(given({name: text}, name, str) for text in row[name])


def _duration(row: Mapping[str, Any], name: str) -> timedelta | None:
    seconds = _optional(row, name, int)
    if seconds is None:
        return None
    if not 0 < seconds < 100 * 366 * 86400:
        raise ValueError(f"{name} is {seconds}")
    return timedelta(seconds=seconds)


def instant(row: Mapping[str, Any], name: str) -> datetime | None:
    """A moment, or None; raises as `given` does."""
    text = _optional(row, name, str)
    moment = datetime.fromisoformat(text) if text is not None else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"{name} has no zone")
    if moment is not None and moment.year not in _YEARS:
        raise ValueError(f"{name} is {text}")
    return moment


def moment_out(moment: datetime | None) -> str | None:
    """A moment, for JSON."""
    return moment.astimezone(UTC).isoformat() if moment is not None else None


def _seconds(duration: timedelta | None) -> int | None:
    return int(duration.total_seconds()) if duration is not None else None


def _shown(path: bytes | None) -> str | None:
    return display(path) if path is not None else None
