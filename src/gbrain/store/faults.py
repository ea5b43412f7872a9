"""What can go wrong between us and the server, by what it means; for `except` clauses above the store."""

from __future__ import annotations

from psycopg import Error, OperationalError
from psycopg import errors as codes
from psycopg_pool import PoolTimeout

ANY = (Error, PoolTimeout)
"""The database refused, failed or did not answer."""

UNREACHABLE = (OperationalError, PoolTimeout, codes.IdleInTransactionSessionTimeout)
"""It does not answer, or has broken off: also with a client that was stopped in the middle of a transaction."""

MET_A_LOCK = (codes.DeadlockDetected, codes.LockNotAvailable)
"""Somebody else's lock was in the way: the same may work a moment later."""

DISK_FULL = (codes.DiskFull,)
"""The server has no room for what it was to write."""

GONE = (codes.UndefinedTable,)
"""What a statement is about was dropped since it was found."""

TOOK_TOO_LONG = (codes.QueryCanceled,)
"""A statement did not end within its bound: less at once may."""


def message(error: BaseException) -> str:
    """What the server said was wrong, without the statement it quotes; the whole error where no server spoke."""
    return (error.diag.message_primary if isinstance(error, Error) else None) or str(error)
