"""Leases in the database: taken, renewed, proved, given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gbrain.domain.lease import Holder, Lease
from gbrain.errors import LeaseLost
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("leases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A lease that is ours now, and the schema's version at that moment."""

    lease: Lease
    schema_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A lease that somebody holds, with the token a successor would take it from."""

    holder: Holder
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The names of leases that were prolonged and of those that are ours no more; of any other nothing is known yet."""

    kept: set[str]
    lost: set[str]


async def create(conn: Connection, name: str) -> None:
    """Make the lease's row, if it is not there from before."""
    await conn.execute(SQL["create_lease"], {"name": name})


async def take_lapsed(conn: Connection, name: str, me: Holder, *, term: timedelta) -> Granted | None:
    """Take the lease if nobody holds it or its term has run out; None where somebody does."""
    return await _take(conn, "take_lapsed", name, me, term=term, seen_token=None)


async def take_from_dead(
    conn: Connection, name: str, me: Holder, *, term: timedelta, seen_token: int
) -> Granted | None:
    """Take the lease from a holder known to be dead; None where the lease has moved on meanwhile."""
    return await _take(conn, "take_from_dead", name, me, term=term, seen_token=seen_token)


async def current(conn: Connection, name: str) -> Current | None:
    """Who holds the lease; None where its term has run out or it was given back."""
    row = await (await conn.execute(SQL["holder"], {"name": name})).fetchone()
    if row is None:
        return None
    token, host, boot, pids, pid, started = row
    return Current(holder=Holder(host=host, boot=boot, pids=pids, pid=pid, started=started), token=token)


async def renew(conn: Connection, leases: Sequence[Lease], *, term: timedelta) -> Renewed:
    """Prolong all leases that are still ours, but for those whose row somebody has locked: none waits for another."""
    values = {"names": [lease.name for lease in leases], "tokens": [lease.token for lease in leases], "term": term}
    kept = {name for (name,) in await (await conn.execute(SQL["renew"], values)).fetchall()}
    if len(kept) == len(leases):
        return Renewed(kept=kept, lost=set())
    ours = {name for (name,) in await (await conn.execute(SQL["still_ours"], values)).fetchall()}
    return Renewed(kept=kept, lost={lease.name for lease in leases} - kept - ours)


async def release(conn: Connection, lease: Lease) -> None:
    """Give the lease back, if it is still ours."""
    await conn.execute(SQL["release"], {"name": lease.name, "token": lease.token})


async def prove(conn: Connection, lease: Lease) -> None:
    """Make sure, inside a transaction, that the lease is ours until it ends; raises LeaseLost where it is not."""
    row = await (await conn.execute(SQL["prove"], {"name": lease.name, "token": lease.token})).fetchone()
    if row is None:
        raise LeaseLost(
            f"the lease {lease.name} went to another process or was ended by a changed setting",
            hint="nothing that was not committed before was written; run the sync again",
        )


async def is_pooled(conn: Connection) -> bool:
    """True where a pooler stands before the server.

    A server names the process that serves a connection when it is opened, for cancelling; a pooler gives a number of
    its own there, since it may be another process for each transaction.
    """
    row = await (await conn.execute(SQL["served_by"])).fetchone()
    return row is not None and row[0] != conn.info.backend_pid


async def raise_token(conn: Connection, name: str) -> None:
    """End whatever run holds the lease, in the caller's transaction."""
    await conn.execute(SQL["raise_token"], {"name": name})


async def _take(
    conn: Connection, statement: str, name: str, me: Holder, *, term: timedelta, seen_token: int | None
) -> Granted | None:
    values = {"name": name, "term": term, "seen_token": seen_token, "host": me.host, "boot": me.boot}
    values |= {"pids": me.pids, "pid": me.pid, "started": me.started}
    row = await (await conn.execute(SQL[statement], values)).fetchone()
    if row is None:
        return None
    return Granted(lease=Lease(name=name, token=row[0]), schema_version=row[1])
