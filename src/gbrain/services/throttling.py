"""When a request may be sent to a provider: what it takes side by side, what was agreed on, what all processes know.

Nothing here sends. `ask` says whether a request may be sent now; how it went is told afterwards.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gbrain import logs
from gbrain.domain.concurrency import Concurrency
from gbrain.domain.endpoint import Endpoint
from gbrain.domain.spending import Limits, cost_of, left, limits_of, room
from gbrain.domain.waiting import backoff, jittered
from gbrain.store import throttle
from gbrain.store.connection import Pool, answering
from gbrain.store.throttle import Past, Reserved

SHARED_FROM = timedelta(seconds=1)
"""A wait that a provider asks for is everybody's from here on; a shorter one is the request's own."""

_COOL_LOOKS_APART_S = 0.25
"""How often a process looks whether another was told to wait."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A request may be sent; `reserved` is what counts for it where something is counted."""

    reserved: Reserved | None = None


class Throttle(Protocol):
    """What decides when to send: for a provider, or for an embedder that has nothing to push back with."""

    @property
    def limit(self) -> int:
        """How many requests may be under way."""

    @property
    def is_spent(self) -> bool:
        """Whether the last wait that `ask` gave is for a budget, not for the provider."""

    async def ask(self, tokens: int) -> Permit | timedelta:
        """Leave to send so many tokens now, or how long to wait."""

    async def most_tokens(self) -> int | None:
        """How many tokens the next request may have to be sent at once; None where nothing limits them."""

    async def accepted(self, permit: Permit, tokens: int | None) -> None:
        """It was taken; `tokens` as the provider counts them, if it does."""

    async def pushed_back(self, permit: Permit, wait: timedelta | None, attempt: int) -> timedelta:
        """The provider was busy, and asked for a wait or not; how long the request itself waits."""

    async def failed(
        self, permit: Permit, wait: timedelta | None, attempt: int, *, is_charged: bool = False
    ) -> timedelta:
        """It came to nothing, and may have been charged nevertheless; how long it waits."""


class Unthrottled:
    """The throttle of an embedder in this process: as many at once as it has cores."""

    is_spent = False

    def __init__(self, limit: int) -> None:
        self.limit = limit

    async def ask(self, tokens: int) -> Permit | timedelta:
        """At once."""
        return Permit()

    async def most_tokens(self) -> int | None:
        """Whatever there is."""
        return None

    async def accepted(self, permit: Permit, tokens: int | None) -> None:
        """Nothing follows."""

    async def pushed_back(self, permit: Permit, wait: timedelta | None, attempt: int) -> timedelta:
        """It never is."""
        return timedelta()

    async def failed(
        self, permit: Permit, wait: timedelta | None, attempt: int, *, is_charged: bool = False
    ) -> timedelta:
        """A moment."""
        return backoff(attempt, 0.0)


class ProviderThrottle:
    """The throttle of one provider, which all processes that send to it share through the database.

    `now` gives the moment for what is kept there, None the server's; `clock` the seconds that concurrency is judged by.
    """

    def __init__(
        self,
        pool: Pool,
        endpoint: Endpoint,
        provider: bytes,
        *,
        now: Callable[[], datetime | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._pool, self._endpoint, self._provider = pool, endpoint, provider
        self._now, self._clock, self._luck = now, clock, luck
        self._limits = limits_of(endpoint)
        self._counts = self._limits != Limits() or endpoint.price_per_million_tokens > 0
        self._concurrency = Concurrency(endpoint.concurrency)
        self._looked_at = float("-inf")
        self.is_spent = False

    @property
    def limit(self) -> int:
        """How many requests may be under way."""
        return self._concurrency.limit

    async def ask(self, tokens: int) -> Permit | timedelta:
        """Leave to send so many tokens now, or how long to wait: for a cool-down, or for room in a budget."""
        if not self._counts:
            return await self._cooling() or Permit()

        def decide(past: Past) -> timedelta:
            wait = room(past.spent, past.moment, self._limits, tokens)
            self.is_spent = wait > past.cools
            return wait

        async with answering(self._pool) as conn:
            cost = self._cost(tokens)
            found = await throttle.reserve(conn, self._provider, tokens, cost, self._now(), decide)
        return Permit(found) if isinstance(found, Reserved) else found

    async def most_tokens(self) -> int | None:
        """How many tokens the next request may have to be sent at once; None where nothing limits them."""
        if self._limits == Limits():
            return None
        async with answering(self._pool) as conn:
            past = await throttle.past(conn, self._provider, self._now())
        return left(past.spent, past.moment, self._limits)

    async def accepted(self, permit: Permit, tokens: int | None) -> None:
        """It was taken; what it weighs by the provider's count is put right."""
        self._concurrency.accepted(self._clock())
        reserved = permit.reserved
        if reserved is not None and tokens is not None and tokens != reserved.tokens:
            dearer = self._cost(tokens) - self._cost(reserved.tokens)
            async with answering(self._pool) as conn:
                await throttle.correct(conn, self._provider, reserved, tokens, dearer)

    async def pushed_back(self, permit: Permit, wait: timedelta | None, attempt: int) -> timedelta:
        """The provider was busy: the request waits, and where that is no accident everybody does."""
        is_often = self._concurrency.pushed_back(self._clock())
        await self._withdraw(permit)
        asked = jittered(wait, self._luck()) if wait is not None else backoff(attempt, self._luck())
        if is_often or (wait is not None and wait >= SHARED_FROM):
            logs.debug("a provider pushes back", provider=self._endpoint.name, wait=str(asked), limit=self.limit)
            async with answering(self._pool) as conn:
                await throttle.cool(conn, self._provider, asked if wait is None else wait, self._now())
            self._looked_at = float("-inf")
        return asked

    async def failed(
        self, permit: Permit, wait: timedelta | None, attempt: int, *, is_charged: bool = False
    ) -> timedelta:
        """It came to nothing: no reason to send fewer at once, and not charged unless it may be."""
        if not is_charged:
            await self._withdraw(permit)
        return jittered(wait, self._luck()) if wait is not None else backoff(attempt, self._luck())

    async def _cooling(self) -> timedelta:
        now = self._clock()
        if now - self._looked_at < _COOL_LOOKS_APART_S:
            return timedelta()
        async with answering(self._pool) as conn:
            cools = await throttle.cooling(conn, self._provider, self._now())
        if not cools:
            self._looked_at = now
        return cools

    async def _withdraw(self, permit: Permit) -> None:
        if permit.reserved is not None:
            async with answering(self._pool) as conn:
                cost = self._cost(permit.reserved.tokens)
                await throttle.withdraw(conn, self._provider, permit.reserved, cost)

    def _cost(self, tokens: int) -> float:
        return cost_of(tokens, self._endpoint.price_per_million_tokens)
