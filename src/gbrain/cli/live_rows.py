"""What the live table shows of a fleet, at any width and height."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from gbrain.cli.answer import presentable
from gbrain.cli.progress_words import amount, doing, of_fill, rate, span
from gbrain.domain.events import Kind, Progress
from gbrain.domain.outcome import Result
from gbrain.domain.steps import Phase

if TYPE_CHECKING:
    from rich.console import RenderableType

_SILENT_AFTER = timedelta(seconds=5)
_MOST_TROUBLED = 5


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Who is at work, who has ended, and who is in trouble. Times are seconds of a steady clock."""

    began_s: float
    chosen: int = 0
    ended: int = 0
    at_work: dict[str | None, Progress] = field(default_factory=dict)
    troubled: dict[str, Result] = field(default_factory=dict)

    def table(self, width: int, height: int, now_s: float) -> RenderableType:
        """Those at work, as many as there is room for, those in trouble, and a line that sums up."""
        from rich.console import Group
        from rich.text import Text

        troubled = [_trouble(result) for result in list(self.troubled.values())[-_MOST_TROUBLED:]]
        room = max(1, height - len(troubled) - 3)
        shown = list(self.at_work.values())[:room]
        more = len(self.at_work) - len(shown)
        lines = [Text(line, style="red", no_wrap=True, overflow="ellipsis") for line in troubled]
        summary = Text(self._summary(more, now_s), style="dim", no_wrap=True)
        summary.truncate(max(1, width - _ECHO), overflow="ellipsis")
        return Group(*([_rows(shown, width)] if shown else []), *lines, summary)

    def _summary(self, more: int, now_s: float) -> str:
        sources_at_work = sum(source_id is not None for source_id in self.at_work)
        waiting = self.chosen - self.ended - sources_at_work
        words = [f"{self.ended:,} of {self.chosen:,} done"] if self.chosen else []
        if more:
            words.append(f"{more:,} more at work")
        if waiting > 0:
            words.append(f"{waiting:,} waiting")
        if self.troubled:
            words.append(f"{len(self.troubled):,} to look at")
        filling = self.at_work[None].filling if None in self.at_work else None
        if filling is not None and not self.chosen:
            words.append(filling.model)
        words += [span(timedelta(seconds=now_s - self.began_s)), *of_fill(filling)]
        return presentable(", ".join(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Which columns there are; `bar` is its width, 0 for none."""

    bar: int = 0
    has_rate: bool = False
    has_amount: bool = False
    has_left: bool = False


_LAYOUTS = (
    _Layout(bar=24, has_rate=True, has_amount=True, has_left=True),
    _Layout(bar=10, has_rate=True, has_amount=True, has_left=True),
    _Layout(has_rate=True, has_amount=True, has_left=True),
    _Layout(has_amount=True, has_left=True),
    _Layout(has_left=True),
    _Layout(),
)
"""From wide to narrow: without the amount its share is shown."""
_GAP = 2
_ECHO = 2
"""Room at the end of the last line for the `^C` that a terminal writes: on a line of its own it would stay behind."""
_WHOLE_BRAIN = "(all)"
"""Stands where a source would, for what is done for all of them."""


def _rows(shown: list[Progress], width: int) -> RenderableType:
    """A line each, in the widest layout that has room for all: an id is never cut."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    layout = next((layout for layout in _LAYOUTS if _needed(shown, layout) <= width), _LAYOUTS[-1])
    table = Table.grid(padding=(0, _GAP), pad_edge=False)
    for justify in _justified(layout):
        table.add_column(justify=justify, no_wrap=True)
    for event in shown:
        name, doing, *words = _words(event, layout)
        bar = ProgressBar(total=event.total, completed=event.done, width=layout.bar) if event.total else ""
        table.add_row(name, doing, *([bar] if layout.bar else []), *words)
    return table


def _needed(shown: list[Progress], layout: _Layout) -> int:
    """The columns that the layout takes."""
    widths = [max(map(len, column)) for column in zip(*(_words(event, layout) for event in shown), strict=True)]
    widths += [layout.bar] if layout.bar else []
    return sum(widths) + _GAP * (len(widths) - 1)


def _justified(layout: _Layout) -> list[Literal["left", "right"]]:
    left: list[Literal["left", "right"]] = ["left"] * (3 if layout.bar else 2)
    right: list[Literal["left", "right"]] = ["right"] * (1 + layout.has_rate + layout.has_left)
    return left + right


def _words(event: Progress, layout: _Layout) -> list[str]:
    words = [event.source_id or _WHOLE_BRAIN, _doing(event), _amount(event, layout)]
    words += [rate(event.rate_per_s) if event.rate_per_s and not _waits(event) else ""] if layout.has_rate else []
    words += ["" if _waits(event) else _left(event)] if layout.has_left else []
    return words


def _doing(event: Progress) -> str:
    return "waiting" if _waits(event) else doing(event)


def _waits(event: Progress) -> bool:
    """Whether it has fetched, and waits for its turn to write."""
    return event.kind is Kind.FINISH and event.phase is Phase.FETCH


def _amount(event: Progress, layout: _Layout) -> str:
    if not event.total:
        return amount(event.done, None)
    return amount(event.done, event.total) if layout.has_amount else f"{100 * event.done // event.total} %"


def _left(event: Progress) -> str:
    if event.eta is not None:
        return f"{span(event.eta)} left"
    return span(event.elapsed) if event.elapsed >= _SILENT_AFTER else ""


def _trouble(result: Result) -> str:
    if result.trouble is not None:
        return presentable(f"{result.source_id}: {result.trouble.message}")
    return f"{result.source_id}: {result.failures_open:,} open failures"
