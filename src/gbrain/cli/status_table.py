"""The dashboard as lines of text, the worst first: at any width, no id cut and no reason left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from itertools import accumulate

from rich.cells import cell_len, chop_cells
from rich.text import Text

from gbrain.cli.fill_words import fills
from gbrain.cli.status_columns import GAP, Column, columns_of, fitting, taken
from gbrain.cli.status_words import summary, why
from gbrain.domain.health import Health, rank
from gbrain.services.status import Assessed, Dashboard

_COLORS = {Health.OK: "green", Health.UNKNOWN: "dim", Health.ATTENTION: "yellow", Health.FAILING: "red"}
_INDENT = 4
_PHRASES = re.compile(r"(?<=[;,]) ")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What stands above the sources, the lines of each source, and what stands below."""

    above: list[Text]
    sources: list[list[Text]]
    below: list[Text]

    def lines(self, most: int | None = None) -> list[Text]:
        """All lines; where that is more than `most`, the first sources that fit and how many do not."""
        room = None if most is None else most - len(self.above) - len(self.below)
        ends = list(accumulate(map(len, self.sources)))
        if room is None or not ends or ends[-1] <= room:
            return [*self.above, *_chained(self.sources), *self.below]
        shown = sum(end < room for end in ends)
        more = Text(f"… {len(self.sources) - shown:,} more")
        return [*self.above, *_chained(self.sources[:shown]), more, *self.below]


def table(found: Dashboard, *, width: int | None, zone: timezone) -> Table:
    """The sources in a table of at most `width` cells, unless an id alone is wider; None is as wide as it takes.

    What there is no room for goes, the commit first. A reason that has none beside its source goes beneath it. Under
    the sources stands who is at work on embeddings, and the sum.
    """
    if not found.sources:
        return Table(above=_texts("no sources yet: gbrain sources add ID --path DIR", width), sources=[], below=[])
    ordered = sorted(found.sources, key=_urgency)
    layout = _Layout(columns=fitting(columns_of(ordered, zone), width), width=width)
    sources = [layout.source(number, row) for number, row in enumerate(ordered)]
    has_reasons = any(lines[0].cell_len > taken(layout.columns) for lines in sources)
    return Table(
        above=[layout.heading(has_reasons=has_reasons or width is None)],
        sources=sources,
        below=[
            *(line for words in fills(found.coverage, zone) for line in _texts(words, width)),
            *_texts(summary(ordered), width, style="bold"),
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    columns: list[Column]
    width: int | None

    def heading(self, *, has_reasons: bool) -> Text:
        last = ("WHY" if self._shows_health else "HEALTH") if has_reasons else ""
        titles = [column.title for column in self.columns]
        return _joined([*titles, last if self._has_room(last) else ""], style="bold")

    def source(self, number: int, row: Assessed) -> list[Text]:
        """The row's own line, and those beneath it."""
        reason = self._reason(row)
        beside = not reason or self._has_room(reason)
        cells = [column.cells[number] for column in self.columns]
        lines = [_joined([*cells, reason] if beside else cells)]
        if not beside:
            lines += _texts(reason, self.width, indent=_INDENT)
        _color(lines[0] if beside or self._shows_health else lines[1], row)
        return lines

    @property
    def _shows_health(self) -> bool:
        return any(column.name == "HEALTH" for column in self.columns)

    def _reason(self, row: Assessed) -> str:
        reason = why(row)
        if self._shows_health:
            return reason
        return f"{row.health}: {reason}" if reason else row.health.value

    def _has_room(self, text: str) -> bool:
        return self.width is None or taken(self.columns) + GAP + cell_len(text) <= self.width


def _urgency(row: Assessed) -> tuple[int, datetime, str]:
    """The worst first; then those that were never checked or not for the longest time."""
    return rank(row.health), row.status.last_sync_at or _LONG_AGO, row.status.id


def _color(line: Text, row: Assessed) -> None:
    start = line.plain.find(row.health, len(row.status.id) if line.plain.startswith(row.status.id) else 0)
    if start >= 0:
        line.stylize(_COLORS[row.health], start, start + len(row.health))


def _joined(cells: list[str], style: str = "") -> Text:
    return Text((" " * GAP).join(cells).rstrip(), style=style)


def _texts(words: str, width: int | None, *, indent: int = 0, style: str = "") -> list[Text]:
    """The words on as few lines as the width allows, each behind the indent."""
    lines = [words] if width is None else _wrapped(words.strip(), max(2, width - indent))
    return [Text(" " * indent + line, style=style) for line in lines]


def _wrapped(words: str, width: int) -> list[str]:
    """Broken between phrases, within a phrase only where that alone is too wide, within a word likewise."""
    lines: list[str] = []
    for phrase in _PHRASES.split(words):
        for piece in [phrase] if cell_len(phrase) <= width else phrase.split():
            if lines and cell_len(lines[-1]) + 1 + cell_len(piece) <= width:
                lines[-1] += f" {piece}"
            else:
                lines += chop_cells(piece, width)
    return lines


def _chained(sources: list[list[Text]]) -> list[Text]:
    return [line for lines in sources for line in lines]
