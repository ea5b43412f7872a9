"""Models as a table and as rows of a document, and what their providers refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gbrain.cli.answer import instant, presentable, put
from gbrain.domain.models import LOCAL, coverage_pct
from gbrain.domain.paths import display

if TYPE_CHECKING:
    from gbrain.app.settings import Settings
    from gbrain.services.models import Refusal, Shown

_TITLES = ("MODEL", "STATE", "DIMENSIONS", "COVERAGE", "REFUSED", "SIZE", "INDEX")
_LEFT = 2
"""The first columns are words; the others stand at the right."""
_UNITS = ("B", "kB", "MB", "GB", "TB")


def put_table(shown: Sequence[Shown], settings: Settings) -> None:
    """A line for each model, and the configured embedders that have none."""
    rows = [_TITLES, *map(_cells, shown)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows if shown else ():
        words = [
            f"{cell:<{width}}" if number < _LEFT else f"{cell:>{width}}"
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        put("  ".join(words).rstrip())
    if not shown:
        put("no model yet: gbrain embed makes the first")
    for name in [LOCAL, *sorted(settings.embedders)]:
        if shown and name not in [one.model.embedder for one in shown]:
            put(f"not used: {name} (gbrain models use {name})")


def put_refusals(one: Shown) -> None:
    """A line for each text that the model's provider refuses: one of its places, and why."""
    refusals = one.refusals or []
    for refusal in refusals:
        where = f"{refusal.source_id}:{display(refusal.path)} {refusal.first_line}-{refusal.last_line}"
        put(presentable(f"{one.model.name}: {where} {refusal.reason}"))
    if one.covered is not None and one.covered.refused > len(refusals):
        put(presentable(f"{one.model.name}: and {one.covered.refused - len(refusals):,} more"))


def described(one: Shown) -> dict[str, Any]:
    """A model as a row of a document."""
    model, covered, refusals = one.model, one.covered, one.refusals
    return {
        "model": presentable(model.name),
        "embedder": model.embedder,
        "state": model.state.value,
        "dimensions": model.dimensions,
        "coverage_pct": _coverage(one),
        "chunks_total": covered.places if covered is not None else None,
        "chunks_unembedded": covered.pending if covered is not None else None,
        "refused": covered.refused if covered is not None else None,
        "size_bytes": one.size_bytes,
        "indexed": one.is_indexed,
        "limits": model.limits,
        "created_at": instant(model.created_at),
        "activated_at": instant(model.activated_at),
        "refusals": [_refusal(refusal) for refusal in refusals] if refusals is not None else None,
    }


def size(size_bytes: int) -> str:
    """A size as a person says it: `12.3 MB`."""
    amount, unit = float(size_bytes), 0
    while amount >= 999.95 and unit + 1 < len(_UNITS):
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size_bytes} B"


def _cells(one: Shown) -> tuple[str, ...]:
    coverage = _coverage(one)
    return (
        presentable(one.model.name),
        one.model.state.value,
        f"{one.model.dimensions:,}",
        "-" if coverage is None else f"{coverage} %",
        "-" if one.covered is None else f"{one.covered.refused:,}",
        size(one.size_bytes),
        "yes" if one.is_indexed else "no",
    )


def _coverage(one: Shown) -> float | None:
    return None if one.covered is None else coverage_pct(one.covered.places, one.covered.pending)


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "source_id": refusal.source_id,
        "path": display(refusal.path),
        "first_line": refusal.first_line,
        "last_line": refusal.last_line,
        "reason": presentable(refusal.reason),
        "refused_at": instant(refusal.refused_at),
    }
