"""How fresh and how well a source is, in the words of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

STALE_AFTER = timedelta(hours=24)
SEVERE_AFTER = timedelta(hours=72)


class Staleness(StrEnum):
    """How long ago the source was last known to hold what its repository does."""

    FRESH = "fresh"
    STALE = "stale"
    SEVERE = "severe"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """The worst of what there is to say."""

    OK = "ok"
    UNKNOWN = "unknown"
    ATTENTION = "attention"
    FAILING = "failing"


_RANK = {Health.FAILING: 0, Health.ATTENTION: 1, Health.UNKNOWN: 2, Health.OK: 3}


def rank(health: Health) -> int:
    """The order of a table that shows the worst first."""
    return _RANK[health]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is known of a source's last attempts and contents."""

    last_sync_at: datetime | None
    last_attempt_status: str | None
    last_attempt_code: str | None
    failures_open: int
    max_age: timedelta | None
    is_half_in: bool
    """Whether a run was cut off in the middle, and none goes on from there."""
    lacks_vectors: bool
    """Whether places lack a vector of the active model, and nothing is at work on them."""


def staleness_of(last_sync_at: datetime | None, now: datetime, max_age: timedelta | None) -> Staleness:
    """Fresh under a day, stale under three; a source's own `max_age` makes it stale, three times that severe."""
    if last_sync_at is None:
        return Staleness.UNKNOWN
    stale, severe = (max_age, 3 * max_age) if max_age else (STALE_AFTER, SEVERE_AFTER)
    age = now - last_sync_at
    return Staleness.FRESH if age < stale else Staleness.STALE if age < severe else Staleness.SEVERE


def assess(signs: Signs, now: datetime) -> tuple[Health, list[str]]:
    """The worst health that any sign gives, and the codes of all that are not fine."""
    found: list[tuple[Health, str]] = []
    match staleness_of(signs.last_sync_at, now, signs.max_age):
        case Staleness.UNKNOWN:
            found.append((Health.UNKNOWN, "never_synced"))
        case Staleness.STALE:
            found.append((Health.ATTENTION, "stale"))
        case Staleness.SEVERE:
            found.append((Health.FAILING, "severely_stale"))
    match signs.last_attempt_status:
        case "error" | "refused":
            found.append((Health.FAILING, signs.last_attempt_code or "error"))
        case "partial":
            found.append((Health.ATTENTION, signs.last_attempt_code or "partial"))
        case _ if signs.is_half_in:
            found.append((Health.ATTENTION, "interrupted"))
    if signs.failures_open:
        found.append((Health.ATTENTION, "open_failures"))
    if signs.lacks_vectors:
        found.append((Health.ATTENTION, "embeddings_pending"))
    found.sort(key=lambda sign: rank(sign[0]))
    return (found[0][0] if found else Health.OK), [code for _, code in found]
