"""Settings: defaults, then `config.toml` in the home, then the environment, then flags; read once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gbrain.domain.durations import parse_duration
from gbrain.domain.endpoint import Endpoint, read_endpoint
from gbrain.domain.models import LOCAL, NONE
from gbrain.errors import HomeUnusable, UsageError

_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253}")


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
    watch_poll: timedelta = timedelta(seconds=30)
    embedder: str | None = None
    """`local`, `none` or the name of an endpoint; None where nobody has said."""
    embed_budget: timedelta = timedelta(seconds=15)
    embedders: Mapping[str, Endpoint] = field(default_factory=dict)
    """The configured endpoints, by name."""
    max_connections: int | None = None
    allowed_hosts: tuple[str, ...] = ()
    """Names by which `gbrain serve` may be called, beside those of the loopback and the one that it is bound to."""


def read_settings(environ: Mapping[str, str], *, home: Path | None = None, database_url: str | None = None) -> Settings:
    """The settings in force; `home` and `database_url` are the flags, None where they were not given."""
    settings = Settings(home=Path(os.path.abspath(home or environ.get("GBRAIN_HOME") or _usual_home())))
    in_file = {setting.key: setting.parse for setting in SETTINGS if setting.in_file}
    settings = _apply(settings, _read_file(settings.home / "config.toml"), in_file, "config.toml in the home folder")
    named = {setting.key: value for setting in SETTINGS if (value := environ.get(setting.variable or ""))}
    everywhere = {setting.key: setting.parse for setting in SETTINGS}
    settings = _apply(settings, named, everywhere, "the environment")
    return replace(settings, database_url=database_url) if database_url else settings


def check_embedder(settings: Settings) -> None:
    """Raise UsageError where the settings name an embedder that there is not."""
    name = settings.embedder
    if name not in (None, LOCAL, NONE, *settings.embedders):
        known = ", ".join([LOCAL, *sorted(settings.embedders)])
        hint = f"known are: {known}; an endpoint is a table [embedders.{name}] in config.toml"
        raise UsageError(f"there is no embedder {name}", hint=hint)


def positive_int(value: object) -> int:
    """A whole number of at least 1; raises ValueError for anything else, True among it."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError("a whole number of at least 1")
    return number


def _usual_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("gbrain", appauthor=False)


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


def _hosts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and _HOST.fullmatch(name) for name in value):
        raise ValueError('a list of names without port, such as ["brain.example.org"]')
    return tuple(name.lower() for name in value)


def _endpoints(value: object) -> dict[str, Endpoint]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise ValueError("a table for each endpoint, such as [embedders.voyage]")
    return {name: read_endpoint(name, table) for name, table in value.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that can be set: where, how it is read, and what it means."""

    key: str
    variable: str | None
    in_file: bool
    parse: Callable[[object], Any]
    default: str
    meaning: str


SETTINGS = (
    Setting(
        key="database_url",
        variable="GBRAIN_DATABASE_URL",
        in_file=True,
        parse=_text,
        default="the embedded server",
        meaning="A PostgreSQL URL. A password comes from a pass file, a service file or the environment.",
    ),
    Setting(
        key="direct_database_url",
        variable="GBRAIN_DIRECT_DATABASE_URL",
        in_file=True,
        parse=_text,
        default="the same",
        meaning="A way round a pooler, for lease renewals and migrations.",
    ),
    Setting(
        key="source",
        variable="GBRAIN_SOURCE",
        in_file=False,
        parse=_text,
        default="",
        meaning="The source a command means when none is named.",
    ),
    Setting(
        key="fetch_slots",
        variable="GBRAIN_FETCH_SLOTS",
        in_file=True,
        parse=positive_int,
        default="32",
        meaning="How many sources fetch at once.",
    ),
    Setting(
        key="lease_term",
        variable=None,
        in_file=True,
        parse=_duration,
        default="30s",
        meaning="How long a lease holds without being renewed.",
    ),
    Setting(
        key="fetch_stall",
        variable=None,
        in_file=True,
        parse=_duration,
        default="60s",
        meaning="After how long without progress or bytes a fetch is hung.",
    ),
    Setting(
        key="allow_private_hosts",
        variable=None,
        in_file=True,
        parse=_boolean,
        default="false",
        meaning="Whether remotes may lie on private and loopback addresses, and be reached by plain http.",
    ),
    Setting(
        key="watch_poll",
        variable=None,
        in_file=True,
        parse=_duration,
        default="30s",
        meaning="How often `sync --watch` asks each remote whether it moved; more rarely beyond 120 sources.",
    ),
    Setting(
        key="embedder",
        variable="GBRAIN_EMBEDDER",
        in_file=True,
        parse=_text,
        default="that of the active model; local where there is none yet",
        meaning="What makes vectors: `local`, `none`, or the name of a configured endpoint.",
    ),
    Setting(
        key="embed_budget",
        variable=None,
        in_file=True,
        parse=_duration,
        default="15s",
        meaning="How long a sync embeds with an endpoint after its last page. What is left then is a stated remainder.",
    ),
    Setting(
        key="embedders",
        variable=None,
        in_file=True,
        parse=_endpoints,
        default="none",
        meaning="Endpoints that make vectors, a table `[embedders.NAME]` for each: see below.",
    ),
    Setting(
        key="max_connections",
        variable=None,
        in_file=True,
        parse=positive_int,
        default="what the server grants",
        meaning="How many connections to the database a process may have. A sync needs 3.",
    ),
    Setting(
        key="allowed_hosts",
        variable=None,
        in_file=True,
        parse=_hosts,
        default="none",
        meaning="Names by which `gbrain serve` may be called, beside `localhost`, the loopback addresses and `--host`.",
    ),
)
"""Every setting, in the order in which the reference lists them."""


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
            if isinstance(value, dict):  # its values may hold what nobody must see
                raise UsageError(f"{error}, in {where}", hint="mend it there") from error
            raise UsageError(
                f"setting {key} in {where} is {value!r}, not {error}", hint="mend it there, or remove it"
            ) from error
    return replace(settings, **changes)
