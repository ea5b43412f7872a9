"""The connections a sync may count on, asked for once, before any source is begun."""

from __future__ import annotations

import asyncio

from gbrain.domain.parallelism import RENEWALS_AND_REST, Limit, tightest
from gbrain.errors import DatabaseUnusable
from gbrain.store import budget, leases
from gbrain.store.connection import Pool, answering

_TIMES = 5
_PAUSE_S = 0.1


async def narrowest(pool: Pool, *, own: int | None, wanted: int) -> Limit | None:
    """The limit that leaves the fewest connections; None where nothing is known to bound them.

    A connection that was closed a moment ago may still count: while `wanted` do not fit, the server is asked again.
    Raises DatabaseUnusable where not even one source could be written.
    """
    limit = await _asked(pool, own)
    for _ in range(_TIMES):
        if limit is None or limit.left >= wanted or not limit.taken:
            break
        await asyncio.sleep(_PAUSE_S)
        limit = await _asked(pool, own)
    if limit is not None and limit.left < 1 + RENEWALS_AND_REST:
        raise DatabaseUnusable(
            f"a sync needs {1 + RENEWALS_AND_REST} connections, and {limit}",
            hint="end other clients of the database, or raise the limit",
        )
    return limit


async def _asked(pool: Pool, own: int | None) -> Limit | None:
    limits = [Limit(of="max_connections in config.toml", most=own, taken=0)] if own is not None else []
    async with answering(pool) as conn:
        if not await leases.is_pooled(conn):
            limits += await budget.limits(conn)
    return tightest(limits)
