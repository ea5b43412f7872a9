"""The columns of the dashboard, and which of them there is room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from rich.cells import cell_len

from gbrain.domain.health import Health
from gbrain.services.status import Assessed

GAP = 2
"""Cells between two columns."""

_ROOM_FOR_REASONS = 24
_FIRST_TO_GO = ("COMMIT", "EMBEDDED", "CHUNKS", "PAGES", "FAILURES", "LAST SYNC", "HEALTH")
_WIDEST_HEALTH = max(map(len, Health))
_TIME = "%Y-%m-%d %H:%M"
_WIDEST_TIME = len("2000-01-01 00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, and its title and the cells of all rows, padded to one width."""

    name: str
    title: str
    cells: list[str]

    @property
    def width(self) -> int:
        """Cells across."""
        return cell_len(self.title)


def columns_of(rows: Sequence[Assessed], zone: timezone) -> list[Column]:
    """All columns but the reasons. Every time is told in the one zone that the title names.

    Where no model is active there is no column of what is embedded.
    """

    def text(name: str, cell: Callable[[Assessed], str], *, title: str = "", least: int = 0) -> Column:
        return _padded(name, title or name, list(map(cell, rows)), str.ljust, least)

    def number(name: str, cell: Callable[[Assessed], int]) -> Column:
        return right(name, lambda row: f"{cell(row):,}")

    def right(name: str, cell: Callable[[Assessed], str]) -> Column:
        return _padded(name, name, list(map(cell, rows)), str.rjust, 0)

    def last_sync(row: Assessed) -> str:
        return _local(row.status.last_sync_at, zone)

    return [
        text("SOURCE", lambda row: row.status.id),
        text("HEALTH", lambda row: row.health.value, least=_WIDEST_HEALTH),
        text("LAST SYNC", last_sync, title=f"LAST SYNC ({zone.tzname(None)})", least=_WIDEST_TIME),
        number("PAGES", lambda row: row.status.pages),
        number("CHUNKS", lambda row: row.status.chunks),
        *([right("EMBEDDED", _embedded)] if any(row.coverage_pct is not None for row in rows) else []),
        number("FAILURES", lambda row: row.status.failures_open),
        text("COMMIT", lambda row: (row.status.bookmark_commit or "-")[:10]),
    ]


def fitting(columns: list[Column], width: int | None) -> list[Column]:
    """Those of the columns that `width` cells have room for; None has room for all. The ids stay in any case.

    The commit also goes where there is little room for reasons beside it, whatever they are just now: a table that is
    drawn again and again must not jump.
    """
    kept, beside = list(columns), GAP + _ROOM_FOR_REASONS
    for name in _FIRST_TO_GO:
        if width is None or taken(kept) + beside <= width:
            break
        kept, beside = [column for column in kept if column.name != name], 0
    return kept


def taken(columns: list[Column]) -> int:
    """How many cells the columns take, with the gaps between them."""
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _padded(name: str, title: str, cells: list[str], pad: Callable[[str, int], str], least: int) -> Column:
    width = max(least, len(title), *map(len, cells))
    return Column(name=name, title=pad(title, width), cells=[pad(cell, width) for cell in cells])


def _embedded(row: Assessed) -> str:
    return "-" if row.coverage_pct is None else f"{row.coverage_pct} %"


def _local(moment: datetime | None, zone: timezone) -> str:
    return moment.astimezone(zone).strftime(_TIME) if moment else "never"
