"""How many connections the server lets this process have."""

from __future__ import annotations

from gbrain.domain.parallelism import Limit
from gbrain.store.connection import Connection
from gbrain.store.statements import statements

SQL = statements("budget")


async def limits(conn: Connection) -> list[Limit]:
    """Each limit of the server, the role and the database; behind a pooler they say nothing about its clients."""
    rows = await (await conn.execute(SQL["limits"])).fetchall()
    return [Limit(of=f"the {what}", most=most, taken=taken) for what, most, taken in rows]
