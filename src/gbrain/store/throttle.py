"""What all processes that send to one provider know of each other: cool-downs, and what was sent and spent.

`now` is the moment as the caller has it, None for the server's clock, which all hosts share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gbrain.domain.spending import MINUTE, Spent
from gbrain.store.brief import brief
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("throttle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A request that counts as sent."""

    id: int
    moment: datetime
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was sent to a provider since midnight UTC and in the last minute, and the moment that is seen from."""

    moment: datetime
    cools: timedelta
    spent: list[Spent]


async def cool(conn: Connection, provider: bytes, wait: timedelta, now: datetime | None) -> None:
    """Let nobody send to the provider for so long."""
    await conn.execute(SQL["cool"], {"provider": provider, "wait": wait, "now": now})


async def cooling(conn: Connection, provider: bytes, now: datetime | None) -> timedelta:
    """How long nobody sends to the provider from now on; zero where anybody may."""
    row = await (await conn.execute(SQL["cooling"], {"provider": provider, "now": now})).fetchone()
    return timedelta(seconds=max(0.0, row[0] or 0.0)) if row is not None else timedelta()


async def reserve(
    conn: Connection,
    provider: bytes,
    tokens: int,
    cost: float,
    now: datetime | None,
    decide: Callable[[Past], timedelta],
) -> Reserved | timedelta:
    """Count a request as sent, if `decide` gives zero for what was sent before; else what it gave.

    No two processes decide at once.
    """
    async with brief(conn):
        seen = await past(conn, provider, now)
        if wait := max(seen.cools, decide(seen)):
            return wait
        values = {"provider": provider, "moment": seen.moment, "tokens": tokens}
        row = await (await conn.execute(SQL["send"], values)).fetchone()
        await conn.execute(SQL["spend"], values | {"requests": 1, "cost": cost})
        await conn.execute(SQL["forget"], values)
    if row is None:
        raise RuntimeError("the server counted no request")
    return Reserved(id=row[0], moment=seen.moment, tokens=tokens)


async def correct(conn: Connection, provider: bytes, reserved: Reserved, tokens: int, cost: float) -> None:
    """The request was found to have so many tokens; `cost` is what that makes it dearer."""
    values = {"provider": provider, "moment": reserved.moment, "request": reserved.id, "tokens": tokens}
    async with brief(conn):
        await conn.execute(SQL["correct"], values)
        more = {"requests": 0, "tokens": tokens - reserved.tokens, "cost": cost}
        await conn.execute(SQL["spend"], values | more)


async def withdraw(conn: Connection, provider: bytes, reserved: Reserved, cost: float) -> None:
    """The request was not taken, and costs nothing."""
    values = {"provider": provider, "moment": reserved.moment, "request": reserved.id}
    async with brief(conn):
        await conn.execute(SQL["withdraw"], values)
        await conn.execute(SQL["spend"], values | {"requests": -1, "tokens": -reserved.tokens, "cost": -cost})


async def past(conn: Connection, provider: bytes, now: datetime | None) -> Past:
    """What was sent; within a transaction the provider is kept from others until its end."""
    values: dict[str, object] = {"provider": provider, "now": now}
    row = await (await conn.execute(SQL["hold"], values)).fetchone()
    if row is None:
        raise RuntimeError("the server kept no provider")
    values["moment"] = moment = row[0]
    recent = await (await conn.execute(SQL["recent"], values)).fetchall()
    spent = [Spent(at=at, tokens=tokens) for at, tokens in recent]
    today = await (await conn.execute(SQL["today"], values)).fetchone()
    if today is not None:
        spent.append(_earlier(today[0], today[1], spent, moment))
    return Past(moment=moment, cools=timedelta(seconds=max(0.0, row[1] or 0.0)), spent=spent)


def _earlier(requests: int, tokens: int, recent: list[Spent], moment: datetime) -> Spent:
    """What was sent today before the last minute, as one: it counts for the day alone."""
    midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    of_today = [one for one in recent if one.at >= midnight]
    return Spent(
        at=midnight if moment - midnight > MINUTE else moment - MINUTE,
        requests=max(0, requests - len(of_today)),
        tokens=max(0, tokens - sum(one.tokens for one in of_today)),
    )
