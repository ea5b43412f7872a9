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
    """The page of results; of the page `before`, what was measured on such a machine and not again stays, each row with
    its day, and so do the notes below the table.
    """
    today, here = f"{datetime.now(UTC):%Y-%m-%d}", f"Machine: {machine()}."
    lines, notes = _parted(before)
    rows = {line[2:].split(" | ")[0]: line for line in lines if here in before}
    for one in figures:
        cells = (one.case, one.measured, one.target, "met" if one.is_met else "**missed**", today)
        rows[one.case] = f"| {' | '.join(cells)} |"
    missed = sum("**missed**" in row for row in rows.values())
    return (
        "# Results\n\nWritten by `python -m benchmarks.run --write`, on the days that stand beside each.\n\n"
        f"{here}\n\n{len(rows) - missed} targets met, {missed} missed.\n\n"
        f"{_HEAD}\n" + "\n".join(rows.values()) + f"\n{notes}"
    )


_HEAD = "| case (whole process, start-up included) | measured, median | target | | on |\n|---|---|---|---|---|"


def _parted(page: str) -> tuple[list[str], str]:
    """The rows of a page of results, and what stands below them."""
    _, _, rest = page.partition(f"{_HEAD}\n")
    rows, gap, notes = rest.partition("\n\n")
    return rows.splitlines(), gap[1:] + notes
