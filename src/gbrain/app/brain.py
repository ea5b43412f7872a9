"""A brain wired from settings: its server, its pool, its schema, and what a sync needs."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from gbrain.app.home import make_home
from gbrain.app.settings import Settings
from gbrain.errors import DiskFull
from gbrain.postgres.pool import Pool, connect, open_pool, unusable
from gbrain.postgres.room import watch_room
from gbrain.store import faults, schema
from gbrain.store.connection import Connection, answering

Answer = TypeVar("Answer")

SERVED_GONE_AFTER_S = 20.0
"""A served database may be away that long without an end to what is under way; a lease is lost soon after that."""
EMBEDDED_GONE_AFTER_S = 5.0
"""The same for the embedded one, which is either back at once or to be started by the next command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brain:
    """An open brain, migrated to this program's schema."""

    settings: Settings
    conninfo: str
    direct_conninfo: str
    is_embedded: bool
    is_new: bool
    """Whether it was made just now."""
    pool: Pool
    ran_out_of_room: Callable[[], bool]
    """Whether the embedded server has said, since the brain was opened, that its disk is full."""

    async def ask(self, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        """What a command reads or changes at one go; raises DatabaseUnusable where that takes too long."""
        async with answering(self.pool) as conn:
            return await question(conn)


@contextmanager
def reach_database(settings: Settings, say: Callable[[str], None]) -> Iterator[str]:
    """How to connect to the brain's database; the embedded server runs at least as long as the block."""
    make_home(settings.home)
    if settings.database_url:
        yield settings.database_url
        return
    from gbrain.postgres.embedded import EmbeddedServer  # what is served needs none of it

    with EmbeddedServer.open(settings.home, say=say) as server:
        yield server.conninfo


@asynccontextmanager
async def open_brain(settings: Settings, conninfo: str, *, connections: int) -> AsyncIterator[Brain]:
    """The brain over an open database, created or migrated where it must be, with a pool of `connections` at most."""
    direct = settings.direct_database_url or conninfo
    ran_out_of_room = watch_room(settings.home) if not settings.database_url else lambda: False
    gone_after_s = SERVED_GONE_AFTER_S if settings.database_url else EMBEDDED_GONE_AFTER_S
    size = min(connections, settings.max_connections or connections)
    async with open_pool(conninfo, size=size, gone_after_s=gone_after_s) as pool:
        try:
            applied = await _migrate(direct)
            if direct != conninfo:
                await (await connect(conninfo)).close()
            yield Brain(
                settings=settings,
                conninfo=conninfo,
                direct_conninfo=direct,
                is_embedded=not settings.database_url,
                is_new=1 in applied,
                pool=pool,
                ran_out_of_room=ran_out_of_room,
            )
        except faults.ANY as error:
            if isinstance(error, faults.DISK_FULL) or (isinstance(error, faults.UNREACHABLE) and ran_out_of_room()):
                raise DiskFull(
                    "no space left for the brain's database", hint="make space, then run the command again"
                ) from error
            raise unusable(error) from error


def brain_exists(settings: Settings) -> bool:
    """Whether the brain's server stands: a served one is taken to."""
    if settings.database_url:
        return True
    from gbrain.postgres import embedded

    return embedded.exists(settings.home)


def destroy_embedded(settings: Settings) -> bool:
    """Delete the embedded brain of the home, and its mirrors; False where there was none."""
    from gbrain.git.folder import FOLDERS
    from gbrain.postgres import embedded

    was_there = embedded.exists(settings.home)
    embedded.destroy(settings.home)
    for folder in ("mirrors", FOLDERS):
        shutil.rmtree(settings.home / folder, ignore_errors=True)
    return was_there


async def _migrate(direct: str) -> list[int]:
    """See that the schema is this program's, on a connection whose failure says at once what is wrong.

    The versions that were applied.
    """
    conn = await connect(direct)
    try:
        return await schema.migrate(conn)
    finally:
        await conn.close()
