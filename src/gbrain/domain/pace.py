"""How fast work goes and when it will be done, judged by the last 30 seconds of it."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

WINDOW_S = 30.0
"""A rate is of the work of this long."""
ETA_AFTER_S = 3.0
"""Before so much work nobody can say how long the rest takes."""
RATE_AFTER_S = 1.0
_SAMPLES_APART_S = 0.5
_LONGEST_S = 1e8


class Pace:
    """The pace of one phase. Times are seconds of one steady clock, and do not go back."""

    def __init__(self, at_s: float) -> None:
        self._began_s = at_s
        self._samples: deque[tuple[float, int]] = deque([(at_s, 0)])
        self._done = 0

    def note(self, at_s: float, done: int) -> None:
        """So many items are done by then."""
        self._done = done
        if at_s - self._samples[-1][0] >= _SAMPLES_APART_S:
            self._samples.append((at_s, done))
        while len(self._samples) > 1 and self._samples[1][0] <= at_s - WINDOW_S:
            self._samples.popleft()

    def elapsed(self, now_s: float) -> timedelta:
        """Since the phase began."""
        return timedelta(seconds=max(0.0, now_s - self._began_s))

    def rate_per_s(self, now_s: float) -> float | None:
        """Items a second in the window that ends now; None where the phase is younger than a second."""
        if now_s - self._began_s < RATE_AFTER_S:
            return None
        since_s, done = self._baseline(now_s - WINDOW_S)
        return max(0.0, (self._done - done) / (now_s - since_s))

    def eta(self, now_s: float, total: int | None) -> timedelta | None:
        """How long the rest takes at that rate; None before 3 s of work, or with no total, pace or rest."""
        rate = self.rate_per_s(now_s)
        if total is None or self._done >= total or not rate or now_s - self._began_s < ETA_AFTER_S:
            return None
        return remaining(self._done, total, rate)

    def _baseline(self, since_s: float) -> tuple[float, int]:
        """What was done at the window's start: by the last sample before it, or by the first there is."""
        before = [sample for sample in self._samples if sample[0] <= since_s]
        return (since_s, before[-1][1]) if before else self._samples[0]


def remaining(done: int, total: int, rate_per_s: float) -> timedelta:
    """How long the rest takes at a rate; three years where it takes longer than anybody waits."""
    return timedelta(seconds=min(max(0, total - done) / rate_per_s, _LONGEST_S))
