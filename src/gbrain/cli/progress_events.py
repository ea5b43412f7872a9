"""Progress as JSON: one object a line on standard error, as everything there is then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gbrain.cli.answer import presentable, tell_event
from gbrain.domain.events import Filling, Kind, Progress
from gbrain.domain.outcome import Result


class ProgressEvents:
    """Each event as the engine tells it."""

    def choose(self, source_ids: Sequence[str]) -> None:
        """Those that take part are known by their events."""

    def progress(self, event: Progress) -> None:
        """One line."""
        tell_event(
            {
                "event": event.kind.value,
                "phase": event.phase.value,
                "source_id": event.source_id,
                "done": event.done,
                "total": event.total,
                "rate_per_s": None if event.rate_per_s is None else round(event.rate_per_s, 1),
                "eta_s": None if event.eta is None else round(event.eta.total_seconds()),
                "elapsed_ms": round(event.elapsed.total_seconds() * 1000),
                **_of_fill(event.filling),
            },
            may_be_dropped=event.kind in (Kind.TICK, Kind.HEARTBEAT),
        )

    def finish(self, result: Result) -> None:
        """The answer says it."""

    def rest(self, text: str) -> None:
        """Those who are silent are at rest."""

    def make_room(self) -> None:
        """Lines do not get into each other's way."""

    def go_on(self) -> None:
        """Lines do not get into each other's way."""

    def close(self) -> None:
        """Each line was said as it came."""


def _of_fill(filling: Filling | None) -> dict[str, Any]:
    """What is said of a fill alone; null of anything else."""
    if filling is None:
        return dict.fromkeys(("model", "refused", "waits_s", "trouble"))
    return {
        "model": filling.model,
        "refused": filling.refused,
        "waits_s": None if filling.waits is None else round(filling.waits.total_seconds()),
        "trouble": None if filling.trouble is None else presentable(filling.trouble),
    }
