"""What a brain says of itself."""

from __future__ import annotations

from gbrain.store import schema
from gbrain.store.connection import Connection


async def describe(conn: Connection) -> tuple[int, str]:
    """The schema's version and the server's."""
    return await schema.stored_version(conn) or 0, conn.info.parameter_status("server_version") or "unknown"
