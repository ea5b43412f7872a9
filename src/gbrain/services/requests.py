"""What is to be sent next: what was put off and is due again, else passages that are claimed, packed to what fits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from gbrain.domain.packing import fitting
from gbrain.embedding.answers import Embedder
from gbrain.services.cancelling import ended
from gbrain.services.claims import Claims
from gbrain.services.sending import Request
from gbrain.services.throttling import Throttle

_CLAIM_REQUESTS = 4
"""How many requests' worth is claimed at once."""

_AHEAD_REQUESTS = 2
"""Where less than so many are left, more is claimed while they are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """What fits into one request; `max_tokens` is None where only the number counts."""

    max_items: int
    max_tokens: int | None = None


class Requests:
    """The requests of one fill. `came` is awaited whenever something was claimed."""

    def __init__(
        self,
        claims: Claims,
        embedder: Embedder,
        throttle: Throttle,
        packing: Packing,
        came: Callable[[], Awaitable[None]],
    ) -> None:
        self._claims, self._embedder, self._throttle, self._packing = claims, embedder, throttle, packing
        self._came = came
        self._deferred: list[tuple[float, int, Request]] = []
        self._numbers = itertools.count()
        self._claiming: asyncio.Task[bool] | None = None

    async def next(self) -> Request | None:
        """The request whose turn it is; None where nothing is due and nothing free."""
        return self._due() or await self._packed()

    def later(self, request: Request, wait: timedelta) -> None:
        """Put a request off for so long."""
        due = asyncio.get_running_loop().time() + wait.total_seconds()
        heapq.heappush(self._deferred, (due, next(self._numbers), request))

    def put_back(self, request: Request) -> None:
        """Take a request apart that was not sent: what fits is found anew. One that was sent before stays as it is."""
        if request.attempt or request.is_part:
            self.later(request, timedelta())
        else:
            self._claims.waiting.extendleft(reversed(request.claimed))

    @property
    def due_in_s(self) -> float | None:
        """In how many seconds the first that was put off is due; None where none was."""
        return max(0.0, self._deferred[0][0] - asyncio.get_running_loop().time()) if self._deferred else None

    async def claim(self) -> bool:
        """Have more claimed; whether anything was free. What was begun ahead of need is waited for."""
        claiming, self._claiming = self._claiming or asyncio.create_task(self._more()), None
        return await claiming

    async def close(self) -> None:
        """End what is being claimed."""
        if self._claiming is not None:
            await ended(self._claiming)

    def _due(self) -> Request | None:
        return heapq.heappop(self._deferred)[2] if self.due_in_s == 0 else None

    async def _packed(self) -> Request | None:
        """What is claimed and fits, in order; None where nothing is."""
        waiting, most_items = self._claims.waiting, self._packing.max_items
        if len(waiting) < most_items:
            await self.claim()
        most = await self._throttle.most_tokens() or None
        if not waiting:
            return None
        sizes = [self._embedder.tokens_of(one.text) for one in itertools.islice(waiting, most_items)]
        bounds = [bound for bound in (self._packing.max_tokens, most) if bound is not None]
        count = fitting(sizes, max_items=most_items, max_tokens=min(bounds, default=sum(sizes)))
        claimed = [waiting.popleft() for _ in range(count)]
        if len(waiting) < _AHEAD_REQUESTS * most_items and self._claiming is None:
            self._claiming = asyncio.create_task(self._more())
        return Request(claimed=claimed, tokens=sum(sizes[:count]))

    async def _more(self) -> bool:
        was_any = await self._claims.more(self._packing.max_items * _CLAIM_REQUESTS)
        if was_any:
            await self._came()
        return was_any
