"""What the dashboard says in words: why a source stands where it does, what it is busy with, and the sum of all."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from gbrain.cli.answer import counted, presentable
from gbrain.cli.progress_words import DOING, amount, rate, span
from gbrain.domain.health import Health, rank
from gbrain.services.status import Assessed, rate_and_eta

_REASONS = {
    "error": "the last attempt failed",
    "partial": "the last attempt was only partly in",
    "fetch_timeout": "fetch timed out",
    "auth_failed": "the remote did not let git in",
    "remote_gone": "no such repository at the remote",
    "branch_gone": "no such branch at the remote",
    "other_host": "its path belongs to another host",
    "mass_delete": "refused to drop most of its pages",
    "timeout": "timed out",
    "database": "the database failed",
    "internal": "a defect of gbrain",
    "interrupted": "a run was cut off, the next goes on from there",
}
"""The codes that say too little with their underscores taken out."""

_DOING: dict[str, str] = {phase.value: words for phase, words in DOING.items()}


def why(row: Assessed) -> str:
    """Every reason, the worst first, and whatever else sets the source apart; empty where there is nothing to say."""
    words = [_reason(code, row) for code in row.reasons]
    words.append("" if row.elsewhere is None else f"its path is on {row.elsewhere}")
    words.append("" if row.status.enabled else "disabled")
    words.append(_running(row))
    return presentable("; ".join(filter(None, words)))


def pace(row: Assessed) -> tuple[float | None, timedelta | None]:
    """Items a second of the run that is under way, and the time it still needs; None where that cannot be told."""
    run = row.status.running
    if run is None:
        return None, None
    per_s, left = rate_and_eta(run, row.status.now)
    return per_s, None if left is None else timedelta(seconds=left)


def summary(rows: list[Assessed]) -> str:
    """How many sources there are of each health, the worst first, and what else there is to know of them together."""
    healths = Counter(row.health for row in rows)
    parts = [", ".join(f"{healths[health]:,} {health}" for health in sorted(Health, key=rank) if healths[health])]
    running = sum(row.status.running is not None for row in rows)
    disabled = sum(not row.status.enabled for row in rows)
    aside = [f"{number:,} {word}" for number, word in ((running, "running"), (disabled, "disabled")) if number]
    parts += [", ".join(aside)] if aside else []
    if failures := sum(row.status.failures_open for row in rows):
        parts.append(f"{counted(failures, 'open failure')} (gbrain sources failures)")
    return f"{counted(len(rows), 'source')}: {'; '.join(parts)}"


def _reason(code: str, row: Assessed) -> str:
    if code == "open_failures":
        return counted(row.status.failures_open, "open failure")
    if code == "embeddings_pending":
        pending = row.status.pending or 0
        return "1 chunk waits for its embedding" if pending == 1 else f"{pending:,} chunks wait for embeddings"
    return _REASONS.get(code, code.replace("_", " "))


def _running(row: Assessed) -> str:
    run = row.status.running
    if run is None:
        return ""
    phase = _DOING.get(run.phase, run.phase)
    words = [" ".join(filter(None, (phase, amount(run.done, run.total))))]
    per_s, left = pace(row)
    if per_s:
        words.append(rate(per_s))
    if left is not None:
        words.append(f"{span(left)} left")
    return f"{', '.join(words)} on {run.host} (pid {run.pid})"
