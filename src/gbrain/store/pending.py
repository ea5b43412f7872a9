"""What a batch changes in what still needs a vector: rows of the backlog, and how many places of the source wait.

It comes last in the batch's transaction. A row of the backlog that the batch counts on is held: only who takes the row
away stores its vector, and then counts the places that stand there. So counts are exact, whatever runs side by side.
"""

from __future__ import annotations

from gbrain.store.connection import Connection
from gbrain.store.statements import of_model, statements

SQL = statements("pending")


async def note(conn: Connection, source_id: str, *, only_adds: bool) -> None:
    """Bring backlog and coverage of every live model in step with the batch that is staged."""
    models = await live_models(conn)
    if not models:
        return
    await conn.execute(SQL["fasten"])
    if not only_adds:
        await conn.execute(SQL["loosen"])
    for model in models:
        pending = await _added(conn, model, only_adds=only_adds)
        if pending:
            await conn.execute(SQL["shift"], {"model": model, "source": source_id, "pending": pending})


async def live_models(conn: Connection) -> list[int]:
    """The models that get vectors of what comes in; none of them is retired before the transaction ends."""
    return [row[0] for row in await (await conn.execute(SQL["live_models"])).fetchall()]


async def _added(conn: Connection, model: int, *, only_adds: bool) -> int:
    """Put what lacks a vector into the backlog; by how much the places that wait have become more."""
    if await _are_all_new(conn, model) and only_adds:
        return await _places(conn, "come", model)
    await conn.execute(SQL["ensure_loose"])
    while True:
        held = {row[0] for row in await (await conn.execute(SQL["hold"], {"model": model}, binary=True)).fetchall()}
        cursor = await conn.execute(of_model(SQL["lacking"], model), binary=True)
        if held.issuperset(row[0] for row in await cursor.fetchall()):
            break
        await _are_all_new(conn, model)
    return await _places(conn, "come", model) - await _places(conn, "went", model)


async def _are_all_new(conn: Connection, model: int) -> bool:
    """Put what lacks a vector into the backlog; whether none of it was there, so that nobody can store it meanwhile."""
    cursor = await conn.execute(of_model(SQL["add"], model), {"model": model})
    lacking, added = await cursor.fetchone() or (0, 0)
    return bool(lacking == added)


async def _places(conn: Connection, name: str, model: int) -> int:
    row = await (await conn.execute(of_model(SQL[name], model))).fetchone()
    return row[0] if row is not None else 0
