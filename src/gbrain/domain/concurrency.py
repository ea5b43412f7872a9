"""How many requests may be under way at once: more while the endpoint accepts, fewer when it pushes back.

Two things keep a single refusal from meaning much. A *score* rises by 1 with each refusal and falls by a quarter with
each acceptance, never below 0: it grows only where more than a fifth of the answers are refusals, and then passes its
bound within a few of them. And a limit that failed is remembered as a *ceiling*: the way back up to it is short, but it
is tried again only after a while, which doubles each time it fails again.
"""

from __future__ import annotations

_FIRST_LIMIT = 8

_BOUND = 5.0
"""The score at which the limit falls."""

_RELIEF = 0.25
"""What an acceptance takes off the score: at one refusal in five, the two are in balance."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 4.0
"""How long a limit that failed is left alone."""


class Concurrency:
    """The limit of one process for one endpoint: told of each answer, it says how many requests may be under way."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._limit = min(cap, _FIRST_LIMIT)
        self._score = 0.0
        self._accepted = 0
        self._answers = 0
        self._ceiling: int | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._pause_ends = 0.0
        self._streak = 0
        self._is_doubling = True

    @property
    def limit(self) -> int:
        """How many requests may be under way: at least 1, at most the cap."""
        return self._limit

    def accepted(self, now: float) -> None:
        """The endpoint took a request, whatever it answered; `now` is in seconds of any clock that never goes back."""
        self._score = max(0.0, self._score - _RELIEF)
        self._count(1)
        self._streak += 1
        if self._streak >= self._limit:
            self._rise(now)

    def pushed_back(self, now: float) -> bool:
        """The endpoint was busy. True where that happens too often: the limit fell, and others should hear of it."""
        self._score += 1
        self._streak = 0
        self._count(0)
        if self._score < _BOUND:
            return False
        self._fall(now)
        return True

    def _count(self, accepted: int) -> None:
        """The answers since the score was last 0 tell which share was accepted."""
        if self._score == 0:
            self._accepted = self._answers = 0
        else:
            self._accepted += accepted
            self._answers += 1

    def _rise(self, now: float) -> None:
        self._streak = 0
        wanted = self._limit * 2 if self._is_doubling else self._limit + 1
        if self._ceiling is not None and wanted >= self._ceiling:
            if now < self._pause_ends:
                return
            if self._limit >= self._ceiling:
                self._break_through()
        self._limit = min(self._cap, wanted)

    def _break_through(self) -> None:
        """The limit that had failed held for a while: what was learnt from its failure is out of date."""
        self._ceiling = None
        self._pause_s = _FIRST_PAUSE_S
        self._is_doubling = True

    def _fall(self, now: float) -> None:
        """Down to the share that was accepted, a half at most: refusals come back sooner than acceptances do."""
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2) if self._limit == self._ceiling else _FIRST_PAUSE_S
        self._ceiling = self._limit
        self._pause_ends = now + self._pause_s
        share = self._accepted / self._answers
        self._limit = max(1, min(self._limit - 1, max(self._limit // 2, round(self._limit * share))))
        self._score = 0.0
        self._accepted = self._answers = 0
        self._is_doubling = False
