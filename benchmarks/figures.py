"""Lines of the table of results: what was measured, what it was to be, and whether it is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.measure import machine


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    case: str
    measured: str
    target: str
    is_met: bool


def at_most(case: str, times: Sequence[float], limit: float) -> Figure:
    """The median of some times, against what it may be."""
    middle = statistics.median(times)
    return Figure(case, f"{middle:.2f} s; runs {runs(times)}", f"at most {limit:.2f} s", middle <= limit)


def compared(case: str, pairs: Sequence[tuple[float, float]], *, factor: float, more_s: float) -> Figure:
    """Times with something beside it against times alone, pair by pair: the median excess over what is allowed."""
    excess = statistics.median(found - factor * alone - more_s for found, alone in pairs)
    found, alone = ([pair[at] for pair in pairs] for at in (0, 1))
    return Figure(
        case,
        f"{statistics.median(found):.2f} s against {statistics.median(alone):.2f} s alone; "
        f"runs {runs(found)}, alone {runs(alone)}",
        f"at most {factor:.2f} × alone + {more_s:.1f} s",
        excess <= 0,
    )


def runs(times: Sequence[float]) -> str:
    """All of the times."""
    return " ".join(f"{seconds:.2f}" for seconds in times)


def line(figure: Figure) -> str:
    """A figure as it is told while the cases run."""
    return f"{'met   ' if figure.is_met else 'MISSED'}  {figure.case}: {figure.measured} ({figure.target})"


def table(figures: Sequence[Figure], before: str = "") -> str:
    """The page of results; rows of the page `before` that were not measured again stay, each with its day."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    lines = [line for line in before.splitlines() if line.startswith("| ") and line[2:] != _HEAD]
    rows = {line[2:].split(" | ")[0]: line for line in lines}
    for one in figures:
        cells = (one.case, one.measured, one.target, "met" if one.is_met else "**missed**", today)
        rows[one.case] = f"| {' | '.join(cells)} |"
    missed = sum("**missed**" in row for row in rows.values())
    return (
        "# Results\n\nWritten by `python -m benchmarks.run --write`, on the days that stand beside each.\n\n"
        f"Machine: {machine()}.\n\n{len(rows) - missed} targets met, {missed} missed.\n\n"
        f"| {_HEAD}\n|---|---|---|---|---|\n" + "\n".join(rows.values()) + "\n"
    )


_HEAD = "case (whole process, start-up included) | measured, median | target | | on |"
