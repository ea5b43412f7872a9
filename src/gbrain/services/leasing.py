"""Leases as a process holds them: taken with a look at who has them, renewed together, given up in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from gbrain import logs
from gbrain.domain.lease import Held, Holder, Lease, Life, judge
from gbrain.errors import DatabaseUnusable, LeaseLost, SchemaTooNew
from gbrain.machine.process import started_at, steady_seconds
from gbrain.store import leases, schema
from gbrain.store.connection import Connection, Pool, answering

_TRIES = 10
"""How often a lease may move on while it is asked for before something must be wrong with its row."""


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
        self._asked: dict[Lease, float] = {}

    async def take(self, pool: Pool, name: str) -> Lease | Held:
        """The lease, if it is free, lapsed, or its holder is seen to be dead; else who holds it."""
        async with answering(pool) as conn:
            for _ in range(_TRIES):
                asked = steady_seconds()
                match await self._try(conn, name):
                    case Held() as held:
                        return held
                    case leases.Granted() as granted:
                        lease = await _accepted(conn, granted)
                        self._asked[lease] = asked
                        return lease
        raise DatabaseUnusable(
            f"the lease {name} could neither be taken nor seen to be held",
            hint="see whether the row of that name in gbrain.leases can be written",
        )

    @asynccontextmanager
    async def hold(self, lease: Lease) -> AsyncIterator[None]:
        """Keep the lease renewed while the block runs; the block is cancelled, with LeaseLost, once it is not ours."""
        trusted_until = self._asked.pop(lease, steady_seconds()) + self._trust
        try:
            async with asyncio.timeout(trusted_until - steady_seconds()) as scope:
                self._held[lease.name] = _Holding(lease=lease, trusted_until=trusted_until, scope=scope)
                yield
        except Exception as error:
            if scope.expired():
                raise _lost(lease) from error
            raise
        finally:
            self._held.pop(lease.name, None)
        if scope.expired():
            raise _lost(lease)

    async def run(self) -> None:
        """Renew what is held, until cancelled. No error is a loss: the next attempt may still be in time."""
        conn: Connection | None = None
        pause = self.term.total_seconds() / 3
        try:
            while True:
                await asyncio.sleep(pause)
                if not self._held:
                    continue
                try:
                    conn = conn if conn is not None and not conn.closed else await self._connect()
                    async with asyncio.timeout(pause):
                        await self._renew(conn)
                except Exception as error:
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

    async def _try(self, conn: Connection, name: str) -> leases.Granted | Held | None:
        """None where the lease moved on meanwhile, or had no row: it has one then."""
        granted = await leases.take_lapsed(conn, name, self.me, term=self.term)
        if granted is not None:
            return granted
        current = await leases.current(conn, name)
        if current is None:
            await leases.create(conn, name)
            return None
        if life_of(current.holder, self.me) is not Life.DEAD:
            return Held(holder=current.holder)
        return await leases.take_from_dead(conn, name, self.me, term=self.term, seen_token=current.token)

    async def _renew(self, conn: Connection) -> None:
        asked = dict(self._held)
        if not asked:
            return
        since = steady_seconds()
        renewed = await leases.renew(conn, [holding.lease for holding in asked.values()], term=self.term)
        for name, holding in asked.items():
            if self._held.get(name) is not holding or holding.scope.expired():
                continue
            if name in renewed.kept:
                holding.trusted_until = since + self._trust
                left = holding.trusted_until - steady_seconds()
                holding.scope.reschedule(asyncio.get_running_loop().time() + left)
            elif name in renewed.lost:
                _end(holding)

    def _stop_trusting(self) -> None:
        for holding in self._held.values():
            if steady_seconds() > holding.trusted_until and not holding.scope.expired():
                _end(holding)


async def term_in_force(pool: Pool, term: timedelta, *, has_way_round: bool) -> timedelta:
    """The term, doubled where renewals must queue behind writers at a pooler because there is no way round it."""
    if has_way_round:
        return term
    async with answering(pool) as conn:
        return term * 2 if await leases.is_pooled(conn) else term


async def _accepted(conn: Connection, granted: leases.Granted) -> Lease:
    """The lease; given back where the schema is newer than this program."""
    try:
        schema.refuse_newer(granted.schema_version)
    except SchemaTooNew:
        await leases.release(conn, granted.lease)
        raise
    return granted.lease


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"the lease {lease.name} is no longer ours: it was ended, or could not be renewed in time",
        hint="what was committed is kept; run the sync again",
    )


def _end(holding: _Holding) -> None:
    holding.scope.reschedule(asyncio.get_running_loop().time())


def life_of(holder: Holder, me: Holder) -> Life:
    """What can be said of a holder from where we stand."""
    same_place = (holder.boot, holder.pids) == (me.boot, me.pids)
    return judge(holder, me, started_now=started_at(holder.pid) if same_place else None)


async def _close(conn: Connection | None) -> None:
    if conn is not None:
        await conn.close()
