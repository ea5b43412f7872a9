"""What the dashboard tells of embeddings: the models in use, how far each is, and who is at work on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gbrain.domain.lease import Holder, Life
from gbrain.domain.models import ModelState, coverage_pct
from gbrain.domain.pace import remaining
from gbrain.services.leasing import life_of
from gbrain.store import models, status
from gbrain.store.connection import Connection
from gbrain.store.status import Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFills:
    """A model that gets vectors of what comes in, how much of the brain has one, and who is at work on the rest."""

    name: str
    coverage_pct: float
    fills: list[Fill]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The model that search uses, and the one that is to take its place, None where there is none."""

    active: ModelFills
    filling: ModelFills | None

    @property
    def each(self) -> list[ModelFills]:
        """Both, the active one first."""
        return [self.active] if self.filling is None else [self.active, self.filling]


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What several workers on one model amount to. `total` and `rate_per_s` are None where nobody can tell yet."""

    done: int
    total: int | None
    rate_per_s: float | None
    waits_until: datetime | None
    """Until when the provider is to be left alone, where all of them wait for it."""
    trouble: str | None

    @property
    def left(self) -> timedelta | None:
        """How long the rest takes."""
        return eta(self.done, self.total, self.rate_per_s)


async def read_coverage(conn: Connection, me: Holder) -> Coverage | None:
    """What there is to tell; None where there is no active model. Workers that are seen to be dead are left out."""
    found: dict[ModelState, ModelFills] = {}
    for model in await models.all_models(conn):
        if model.state is not ModelState.RETIRED:
            covered = await models.covered(conn, model.id)
            fills = [fill for fill in await status.fills(conn, model.id) if life_of(fill.holder, me) is not Life.DEAD]
            pct = coverage_pct(covered.places, covered.pending)
            found[model.state] = ModelFills(name=model.name, coverage_pct=pct, fills=fills)
    active = found.get(ModelState.ACTIVE)
    return Coverage(active=active, filling=found.get(ModelState.FILLING)) if active is not None else None


def together(fills: list[Fill]) -> Together:
    """What the workers amount to. What is left is left for all of them: whoever knows of the least has looked last."""
    left = [max(0, fill.total - fill.done) for fill in fills if fill.total is not None]
    rates = [fill.rate_per_s for fill in fills if fill.rate_per_s is not None]
    waits = [fill.waits_until for fill in fills if fill.waits_until is not None]
    done = sum(fill.done for fill in fills)
    return Together(
        done=done,
        total=done + min(left) if left else None,
        rate_per_s=sum(rates) if rates else None,
        waits_until=min(waits) if waits and len(waits) == len(fills) else None,
        trouble=next((fill.trouble for fill in reversed(fills) if fill.trouble), None),
    )


def eta(done: int, total: int | None, rate_per_s: float | None) -> timedelta | None:
    """How long the rest takes at a rate; None where nothing is left, or nobody can tell."""
    if total is None or done >= total or not rate_per_s:
        return None
    return remaining(done, total, rate_per_s)
