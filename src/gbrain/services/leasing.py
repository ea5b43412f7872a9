"""Leases as a process holds them: taken with a look at who has them, renewed together, given up in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from gbrain import logs
from gbrain.domain.lease import Held, Holder, Lease, Life, judge
from gbrain.errors import DatabaseUnusable, LeaseLost
from gbrain.machine.process import started_at, steady_seconds
from gbrain.store import faults, leases, schema
from gbrain.store.connection import Connection, Pool


@dataclass(slots=True)
class _Holding:
    """A lease this process holds, and until when it may believe so."""

    lease: Lease
    trusted_until: float
    scope: asyncio.Timeout


class LeaseKeeper:
    """All leases of this process: one statement renews them, on a connection of its own."""

    def __init__(self, *, connect: Callable[[], Awaitable[Connection]], me: Holder, term: timedelta) -> None:
        self.me = me
        self.term = term
        self._connect = connect
        self._held: dict[str, _Holding] = {}

    async def take(self, pool: Pool, name: str) -> Lease | Held:
        """The lease, if it is free, lapsed, or its holder is seen to be dead; else who holds it."""
        async with pool.connection() as conn:
            granted = await leases.take_lapsed(conn, name, self.me, term=self.term)
            while granted is None:
                current = await leases.current(conn, name)
                if current is None:
                    granted = await leases.take_lapsed(conn, name, self.me, term=self.term)
                elif _life_of(current.holder, self.me) is Life.DEAD:
                    granted = await leases.take_from_dead(conn, name, self.me, term=self.term, seen_token=current.token)
                else:
                    return Held(holder=current.holder)
        schema.refuse_newer(granted.schema_version)
        return granted.lease

    @asynccontextmanager
    async def hold(self, lease: Lease) -> AsyncIterator[None]:
        """Keep the lease renewed while the block runs; the block is cancelled, with LeaseLost, once it is not ours."""
        trusted_until = steady_seconds() + self._trust
        try:
            async with asyncio.timeout(self._trust) as scope:
                self._held[lease.name] = _Holding(lease=lease, trusted_until=trusted_until, scope=scope)
                yield
        except TimeoutError as error:
            if scope.expired():
                raise LeaseLost(
                    f"the lease {lease.name} is no longer ours: it was ended, or could not be renewed in time",
                    hint="what was committed is kept; run the sync again",
                ) from error
            raise
        finally:
            self._held.pop(lease.name, None)

    async def run(self) -> None:
        """Renew what is held, until cancelled. An error is not a loss: the next attempt may still be in time."""
        conn: Connection | None = None
        pause = self.term.total_seconds() / 3
        try:
            while True:
                await asyncio.sleep(pause)
                try:
                    conn = conn if conn is not None and not conn.closed else await self._connect()
                    async with asyncio.timeout(pause):
                        await self._renew(conn)
                except (*faults.UNREACHABLE, DatabaseUnusable, TimeoutError) as error:
                    logs.warning("lease renewal failed", error=str(error))
                    await _close(conn)
                    conn = None
                self._stop_trusting()
        finally:
            await _close(conn)

    @property
    def _trust(self) -> float:
        """Seconds for which a fresh grant is believed: less than the term, so that we stop before anybody may start."""
        return self.term.total_seconds() * 0.9

    async def _renew(self, conn: Connection) -> None:
        asked = dict(self._held)
        if not asked:
            return
        since = steady_seconds()
        kept = await leases.renew(conn, [holding.lease for holding in asked.values()], term=self.term)
        for name, holding in asked.items():
            if self._held.get(name) is not holding or holding.scope.expired():
                continue
            if name in kept:
                holding.trusted_until = since + self._trust
                holding.scope.reschedule(asyncio.get_running_loop().time() + self._trust)
            else:
                _end(holding)

    def _stop_trusting(self) -> None:
        for holding in self._held.values():
            if steady_seconds() > holding.trusted_until and not holding.scope.expired():
                _end(holding)


def _end(holding: _Holding) -> None:
    holding.scope.reschedule(asyncio.get_running_loop().time())


def _life_of(holder: Holder, me: Holder) -> Life:
    same_place = (holder.boot, holder.pids) == (me.boot, me.pids)
    return judge(holder, me, started_now=started_at(holder.pid) if same_place else None)


async def _close(conn: Connection | None) -> None:
    if conn is not None:
        await conn.close()
