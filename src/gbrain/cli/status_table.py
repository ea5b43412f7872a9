"""The dashboard as a table, the worst first."""

from __future__ import annotations

import sys
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gbrain.cli.answer import presentable, put
from gbrain.domain.health import Health, rank
from gbrain.services.status import Assessed

_COLORS = {Health.OK: "green", Health.UNKNOWN: "dim", Health.ATTENTION: "yellow", Health.FAILING: "red"}


def render(rows: list[Assessed], *, color: bool) -> None:
    """Print the table; colour only on a terminal."""
    if not rows:
        put("no sources yet: gbrain sources add ID --path DIR")
        return
    console = Console(
        file=sys.stdout,
        color_system="auto" if color else None,
        highlight=False,
        soft_wrap=not sys.stdout.isatty(),
    )
    if not console.is_terminal:
        console.width = 200
    zone = datetime.now().astimezone().strftime("%Z")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("SOURCE", "HEALTH", f"LAST SYNC ({zone})"):
        table.add_column(heading, no_wrap=True)
    for heading in ("PAGES", "CHUNKS", "FAILURES"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("COMMIT", no_wrap=True)
    table.add_column("WHY")
    for row in sorted(rows, key=lambda row: (rank(row.health), row.status.id)):
        table.add_row(*_cells(row))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        put(line.rstrip())


def _cells(row: Assessed) -> tuple[str | Text, ...]:
    kept = row.status
    local = kept.last_sync_at.astimezone().strftime("%Y-%m-%d %H:%M") if kept.last_sync_at else "never"
    return (
        kept.id,
        Text(row.health.value, style=_COLORS[row.health]),
        local,
        f"{kept.pages:,}",
        f"{kept.chunks:,}",
        f"{kept.failures_open:,}",
        (kept.bookmark_commit or "-")[:10],
        presentable(_why(row)),
    )


def _why(row: Assessed) -> str:
    words = [reason.replace("_", " ") for reason in row.reasons]
    if row.elsewhere is not None:
        words.append(f"synced on {row.elsewhere}")
    if not row.status.enabled:
        words.append("disabled")
    if (run := row.status.running) is not None:
        words.append(f"running: {run.phase} {run.done}/{'?' if run.total is None else run.total} on {run.host}")
    return ", ".join(words)
