"""What the dashboard says in words of who is at work on embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timezone

from gbrain.cli.answer import presentable
from gbrain.cli.progress_words import amount, rate, span
from gbrain.services.coverage import Coverage, ModelFills, Together, together


def fills(coverage: Coverage | None, zone: timezone) -> Iterator[str]:
    """A line for each model that somebody is at work on, and for one that is to take over in any case."""
    if coverage is None:
        return
    if coverage.active.fills:
        yield _line(f"embedding with {coverage.active.name}", coverage.active, zone)
    if coverage.filling is not None:
        pct = f"{coverage.filling.coverage_pct} % of all chunks"
        yield _line(f"filling {coverage.filling.name}, which has {pct}", coverage.filling, zone)


def _line(doing: str, model: ModelFills, zone: timezone) -> str:
    if not model.fills:
        return presentable(f"{doing}: nobody is at it; gbrain embed goes on")
    work = together(model.fills)
    return presentable(f"{doing}: {', '.join(_pace(work))} {_who(model)}{_waits(work, zone)}")


def _pace(work: Together) -> Iterator[str]:
    yield f"{amount(work.done, work.total) or '0'} {'text' if work.total == 1 else 'texts'}"
    if work.rate_per_s:
        yield rate(work.rate_per_s)
    if work.left is not None:
        yield f"{span(work.left)} left"


def _who(model: ModelFills) -> str:
    if len(model.fills) > 1:
        return f"by {len(model.fills):,} workers on {', '.join(sorted({fill.host for fill in model.fills}))}"
    return f"on {model.fills[0].host} (pid {model.fills[0].pid})"


def _waits(work: Together, zone: timezone) -> str:
    until = "" if work.waits_until is None else f"; cooling down until {work.waits_until.astimezone(zone):%H:%M:%S}"
    return until + ("" if work.trouble is None else f"; the provider last said: {work.trouble}")
