"""Settings: defaults, then `config.toml` in the home, then the environment, then flags; read once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from gbrain.domain.durations import parse_duration
from gbrain.errors import HomeUnusable, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a command is told from outside, apart from its own flags."""

    home: Path
    database_url: str | None = None
    direct_database_url: str | None = None
    source: str | None = None
    fetch_slots: int = 32
    lease_term: timedelta = timedelta(seconds=30)
    fetch_stall: timedelta = timedelta(seconds=60)
    allow_private_hosts: bool = False


def read_settings(environ: Mapping[str, str], *, home: Path | None = None, database_url: str | None = None) -> Settings:
    """The settings in force; `home` and `database_url` are the flags, None where they were not given."""
    folder = home or Path(environ.get("GBRAIN_HOME") or user_data_path("gbrain", appauthor=False))
    settings = Settings(home=Path(os.path.abspath(folder)))
    settings = _apply(settings, _read_file(settings.home / "config.toml"), _FILE, "config.toml in the home folder")
    named = {key: environ[name] for name, key in _ENVIRONMENT.items() if environ.get(name)}
    settings = _apply(settings, named, _FILE | _ONLY_ENVIRONMENT, "the environment")
    return replace(settings, database_url=database_url) if database_url else settings


def positive_int(value: object) -> int:
    """A whole number of at least 1; raises ValueError for anything else, True among it."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError("a whole number of at least 1")
    return number


def _duration(value: object) -> timedelta:
    found = parse_duration(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    if found is None:
        raise ValueError("a duration such as 90, 30s, 15m, 24h or 3d")
    return found


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text in quotes")
    return value


_FILE: dict[str, Callable[[object], Any]] = {
    "database_url": _text,
    "direct_database_url": _text,
    "fetch_slots": positive_int,
    "lease_term": _duration,
    "fetch_stall": _duration,
    "allow_private_hosts": _boolean,
}
_ONLY_ENVIRONMENT: dict[str, Callable[[object], Any]] = {"source": _text}
_ENVIRONMENT = {
    "GBRAIN_DATABASE_URL": "database_url",
    "GBRAIN_DIRECT_DATABASE_URL": "direct_database_url",
    "GBRAIN_SOURCE": "source",
    "GBRAIN_FETCH_SLOTS": "fetch_slots",
}


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise HomeUnusable(f"cannot read {file}: {error}", hint="check its owner and permissions") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not TOML: {error}", hint="mend the line it names") from error


def _apply(
    settings: Settings, values: Mapping[str, object], known: Mapping[str, Callable[[object], Any]], where: str
) -> Settings:
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"unknown setting {key} in {where}", hint=f"known are: {', '.join(sorted(known))}")
        try:
            changes[key] = known[key](value)
        except ValueError as error:
            raise UsageError(
                f"setting {key} in {where} is {value!r}, not {error}", hint="mend it there, or remove it"
            ) from error
    return replace(settings, **changes)
