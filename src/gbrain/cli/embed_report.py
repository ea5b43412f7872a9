"""What a fill of a model came to, or would: as lines and as rows of a document."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, Any

from gbrain.cli.answer import counted, presentable, put
from gbrain.cli.progress_words import rate
from gbrain.domain.models import LOCAL, ModelState, coverage_pct

if TYPE_CHECKING:
    from gbrain.app.filled_up import Embedded
    from gbrain.services.models import Covered
    from gbrain.services.weighing import Weight


def put_embedded(one: Embedded, *, only_trouble: bool = False) -> None:
    """What was embedded, and what is left and why."""
    name = one.model.name
    if not only_trouble:
        put(presentable(f"{name}: {_done(one)}{_coverage(one.covered)}"))
    if (why := one.shortfall) is not None:
        number = f"{_are_left(one.left.left)}: " if one.left.left else ""
        put(presentable(f"{name}: {number}{why.message.rstrip('.')}; {why.hint}"))


def put_weight(weight: Weight) -> None:
    """What would be embedded."""
    put(presentable(f"{weight.name}: {_would(weight)}"))


def row(one: Embedded) -> dict[str, Any]:
    """A model that was filled, as a row."""
    why = one.shortfall
    return _row(one.model.name, one.model.state if one.covered is not None else ModelState.RETIRED, one.covered) | {
        "embedded": one.filled.passages,
        "requests": one.filled.requests,
        "tokens": one.filled.tokens or None,
        "cost": one.cost,
        "pending": one.left.left,
        "refused": one.left.refused,
        "duration_ms": round(one.took.total_seconds() * 1000),
        "reason": why.cause.value if why is not None else None,
        "error": presentable(why.message) if why is not None else None,
        "hint": presentable(why.hint) if why is not None else None,
    }


def row_of_weight(weight: Weight) -> dict[str, Any]:
    """A model that would be filled, as a row of the same keys."""
    state = weight.model.state if weight.model is not None else None
    return _row(weight.name, state, weight.covered) | {
        "pending": weight.texts,
        "refused": weight.covered.refused if weight.covered is not None else 0,
        "planned": {
            "texts": weight.texts,
            "requests": weight.requests,
            "tokens": weight.tokens,
            "cost": weight.cost,
        },
    }


def money(cost: float) -> str:
    """An amount in whatever the price is in: `12.35`, and small ones to two digits that are not zeros."""
    if cost >= 1 or not cost:
        return f"{cost:,.2f}"
    return f"{cost:.{1 - floor(log10(cost))}f}"


def _row(name: str, state: ModelState | None, covered: Covered | None) -> dict[str, Any]:
    return {
        "model": presentable(name),
        "state": state.value if state is not None else None,
        "serves": state is ModelState.ACTIVE,
        "embedded": 0,
        "requests": 0,
        "tokens": None,
        "cost": None,
        "pending": 0,
        "refused": 0,
        "coverage_pct": coverage_pct(covered.places, covered.pending) if covered is not None else None,
        "duration_ms": 0,
        "planned": None,
        "reason": None,
        "error": None,
        "hint": None,
    }


def _done(one: Embedded) -> str:
    filled, seconds = one.filled, one.took.total_seconds()
    if not filled.passages:
        return "nothing to embed" if one.is_whole else "nothing was embedded"
    texts = f"embedded {counted(filled.passages, 'text')}"
    pace = f"{seconds:.1f} s, {rate(filled.passages / max(seconds, 0.001))}"
    if one.model.embedder == LOCAL:
        return f"{texts}, {pace}"
    words = [f"{texts} in {counted(filled.requests, 'request')}", pace]
    words += [counted(filled.tokens, "token")] if filled.tokens else []
    return ", ".join([*words, *([f"cost {money(one.cost)}"] if one.cost is not None else [])])


def _coverage(covered: Covered | None) -> str:
    if covered is None:
        return ""
    return f"; coverage {coverage_pct(covered.places, covered.pending)} %"


def _are_left(number: int) -> str:
    return f"{counted(number, 'text')} {'is' if number == 1 else 'are'} left"


def _would(weight: Weight) -> str:
    if not weight.texts:
        return "nothing to embed"
    words = [f"would embed {counted(weight.texts, 'text')}, about {counted(weight.tokens, 'token')}"]
    words += ["on this machine"] if weight.is_local else [f"in {counted(weight.requests, 'request')} or more"]
    return ", ".join([*words, *([f"cost about {money(weight.cost)}"] if weight.cost is not None else [])])
