"""Connections that hold no place for nothing: a request has to come soon, and where places are few, who waits goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from gbrain.web.limiting import party

_HEAD, _BODY = "head", "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited for a request, in seconds: for its whole head, and from there on for its whole body."""

    head_s: float = 10.0
    body_s: float = 30.0


def connections_with(patience: Patience) -> type[H11Protocol]:
    """What speaks HTTP on each connection, and is no more patient than that."""

    class Patient(_Connection):
        _patience = patience

    return Patient


class _Connection(H11Protocol):
    """uvicorn's, with a clock that no piece of a request sets back, but the whole of what is awaited."""

    _patience: ClassVar[Patience]
    _awaited: str | None = None
    _since = 0.0
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a first request; whoever waits longest makes room where there is none."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            _make_room([one for one in self.connections if isinstance(one, _Connection) and one is not self])

    def data_received(self, data: bytes) -> None:
        """Take a piece."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it has come already."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_clock()
        super().connection_lost(exc)

    @property
    def address(self) -> str:
        """Who is at its other end."""
        return party(self.client[0] if self.client else "")

    @property
    def idle_since(self) -> float | None:
        """Since when a head is awaited; None where a request is under way."""
        return self._since if self._awaited == _HEAD else None

    def give_up(self) -> None:
        """Close it, and count it no more; what was answered goes out still."""
        self._stop_clock()
        self.connections.discard(self)
        self.transport.close()

    def _wait(self) -> None:
        """For what is to come next: from now on, where it is something else than before."""
        awaited = self._next()
        if awaited == self._awaited:
            return
        self._stop_clock()
        self._awaited, self._since = awaited, self.loop.time()
        if awaited is not None:
            seconds = self._patience.head_s if awaited == _HEAD else self._patience.body_s
            self._clock = self.loop.call_later(seconds, self.give_up)

    def _next(self) -> str | None:
        if self.transport.is_closing():
            return None
        if self.cycle is None or self.cycle.response_complete:
            return _HEAD
        return _BODY if self.cycle.more_body else None

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._awaited, self._clock = None, None


def _make_room(others: Collection[_Connection]) -> None:
    """Close what has waited longest of the address that has most waiting, so that none holds all places."""
    idle = [(since, one) for one in others if (since := one.idle_since) is not None]
    held = Counter(one.address for _, one in idle)
    if idle:
        _, longest = min(idle, key=lambda pair: (-held[pair[1].address], pair[0]))
        longest.give_up()
