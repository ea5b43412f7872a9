"""One request on its way: sent, and what its answer means for the passages in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from gbrain.domain.embedding import Cause, Claimed, Filled, Shortfall
from gbrain.embedding.answers import Answer, Deferred, Denied, Embedder, Malformed, PushedBack, Refused, Vectors
from gbrain.services.claims import Claims
from gbrain.services.throttling import Permit, Throttle
from gbrain.store import backlog, faults, vectors
from gbrain.store.connection import Pool, answering

PATIENCE_S = 60.0
"""A provider that has answered nothing of use for so long is taken to be down, unless the caller has less patience."""
MALFORMED_IN_A_ROW, REFUSED_IN_A_ROW = 3, 20
"""So many useless answers, with none of use before or between them, are no matter of the texts."""

_STORE_PAUSE_S, _STORE_S = 0.05, 20.0
_STORE_TIMES = 30
"""While an index is built nothing can be stored; that is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Passages that go together; `attempt` counts how often that came to nothing."""

    claimed: list[Claimed]
    tokens: int
    attempt: int = 0
    is_part: bool = False
    """Whether it is part of one that was refused."""


class Sender:
    """Sends requests, and does what their answers ask for. `trouble` is what ends the fill.

    `answered` is called when another request may take the place of one: as soon as its vectors are here, for storing
    them holds up no other; else when it is settled what the answer means for those that follow.
    """

    def __init__(
        self,
        pool: Pool,
        claims: Claims,
        embedder: Embedder,
        throttle: Throttle,
        filled: Filled,
        later: Callable[[Request, timedelta], None],
        answered: Callable[[], None],
        *,
        stores: int,
        patience_s: float,
    ) -> None:
        self.trouble: Shortfall | None = None
        self.last_word: str | None = None
        """What the provider last said that was no answer; None since it answers."""
        self._pool, self._claims, self._embedder, self._throttle = pool, claims, embedder, throttle
        self._filled, self._later, self._answered, self._patience_s = filled, later, answered, patience_s
        self._storing = asyncio.Semaphore(stores)
        self._defect: BaseException | None = None
        self._failing_since: float | None = None
        self._malformed = self._vain = 0
        self._has_taken = False
        self._refusals: list[tuple[bytes, str]] = []

    async def send(self, request: Request, permit: Permit) -> None:
        """Send it; whatever goes wrong that is not the provider's is raised by `raise_defect`."""
        is_free = False
        try:
            answer = await self._embedder.embed([one.text for one in request.claimed])
            if is_free := isinstance(answer, Vectors):
                self._answered()
            await self._took(request, permit, answer)
        except Exception as error:
            self._defect = self._defect or error
        finally:
            if not is_free:
                self._answered()

    def raise_defect(self) -> None:
        """Raise what went wrong here or in the database."""
        if self._defect is not None:
            raise self._defect

    async def settle(self) -> bool:
        """Put aside what was refused by itself; nothing where the provider takes nothing. Whether there was any."""
        if self.trouble is not None and self.trouble.cause is Cause.REFUSED:
            return False
        was_any = bool(self._refusals)
        while self._refusals:
            passage, message = self._refusals.pop()
            async with answering(self._pool) as conn:
                await backlog.refuse(conn, self._claims.model_id, passage, message)
            self._filled.refused += 1
        return was_any

    async def _took(self, request: Request, permit: Permit, answer: Answer) -> None:
        match answer:
            case Vectors():
                self._failing_since, self.last_word, self._vain, self._malformed = None, None, 0, 0
                self._has_taken = True
                await self._throttle.accepted(permit, answer.tokens)
                await self._store(request, answer)
                await self.settle()
            case PushedBack(wait=wait, message=message):
                self.last_word = message
                if wait is None:
                    self._failed(message)
                self._again(request, await self._throttle.pushed_back(permit, wait, request.attempt))
            case Deferred(wait=wait, message=message, may_be_charged=is_charged):
                self._failed(message)
                waits = await self._throttle.failed(permit, wait, request.attempt, is_charged=is_charged)
                self._again(request, waits)
            case Refused(message=message):
                await self._throttle.accepted(permit, 0)
                self._refused(request, message)
            case Malformed(message=message):
                waits = await self._throttle.failed(permit, None, request.attempt, is_charged=True)
                self._was_malformed(request, message, waits)
            case Denied(message=message, hint=hint):
                await self._throttle.failed(permit, None, request.attempt)
                self.trouble = Shortfall(cause=Cause.DENIED, message=message, hint=hint)

    async def _store(self, request: Request, answer: Vectors) -> None:
        """What was paid for is stored, whoever is in the way, and if the database is away for a moment."""
        passages = [one.passage for one in request.claimed]
        clock = asyncio.get_running_loop().time
        until, pause_s = clock() + _STORE_S, _STORE_PAUSE_S
        while True:
            try:
                async with self._storing, answering(self._pool, times=_STORE_TIMES) as conn:
                    stored = await vectors.store(conn, self._claims.model_id, passages, answer.rows)
                break
            except (*faults.MET_A_LOCK, *faults.UNREACHABLE):
                if clock() > until:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 1.0)
        self._filled.passages += stored.passages
        self._filled.places.update(stored.places)
        self._filled.requests += 1
        self._filled.tokens += answer.tokens or 0

    def _refused(self, request: Request, message: str) -> None:
        """Each half by itself, down to the one that will not be taken. A provider that takes nothing ends the fill."""
        self._vain += 1
        self.last_word = message
        if len(request.claimed) > 1:
            self._halve(request)
        else:
            self._refusals.append((request.claimed[0].passage, message))
        if self._vain >= REFUSED_IN_A_ROW:
            self.trouble = _takes_nothing(message)

    def _was_malformed(self, request: Request, message: str, wait: timedelta) -> None:
        """Once may be chance. Again, where other answers are right, it is a text: it is found by halves."""
        self._malformed += 1
        self.last_word = message
        if self._malformed >= (REFUSED_IN_A_ROW if self._has_taken else MALFORMED_IN_A_ROW):
            self.trouble = _malformed(message)
        if not request.attempt or not self._has_taken:
            self._again(request, wait)
        elif len(request.claimed) > 1:
            self._halve(request)
        else:
            self._refusals.append((request.claimed[0].passage, message))

    def _halve(self, request: Request) -> None:
        claimed, tokens = request.claimed, request.tokens // 2 + 1
        half = len(claimed) // 2
        for part in (claimed[:half], claimed[half:]):
            self._later(Request(claimed=part, tokens=tokens, attempt=request.attempt, is_part=True), timedelta())

    def _failed(self, message: str) -> None:
        now = asyncio.get_running_loop().time()
        self.last_word = message
        self._failing_since = now if self._failing_since is None else self._failing_since
        if now - self._failing_since >= self._patience_s:
            self.trouble = _unreachable(message)

    def _again(self, request: Request, wait: timedelta) -> None:
        self._later(replace(request, attempt=request.attempt + 1), wait)


def _unreachable(message: str) -> Shortfall:
    return Shortfall(
        cause=Cause.UNREACHABLE,
        message=f"the provider does not answer: {message}",
        hint="run gbrain embed again when it does",
    )


def _takes_nothing(message: str) -> Shortfall:
    return Shortfall(
        cause=Cause.REFUSED,
        message=f"the provider refuses whatever it is sent, and no text is blamed for that: {message}",
        hint="see the endpoint in config.toml and the account at the provider, then run gbrain embed again",
    )


def _malformed(message: str) -> Shortfall:
    return Shortfall(
        cause=Cause.MALFORMED,
        message=f"the provider's answers cannot be used: {message}",
        hint="see the endpoint's model and dimensions in config.toml; nothing of these answers was stored",
    )
