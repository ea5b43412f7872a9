"""A private SQLite database: it has no name, and spills to a temporary file when it outgrows its cache."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from gbrain.errors import DiskFull

CACHE_KIBIBYTES = 8192

_MAKE_SPACE = "make space there, or name a folder that can be written to as TMPDIR, then run the sync again"


class Private:
    """Its statements, with an error that can be acted upon where there is no room for what it spills."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIBIBYTES}"):
            self._db.execute(f"PRAGMA {pragma}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.close()

    def run(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Execute a statement."""
        try:
            return self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise _full(error) from error

    def read(self, query: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a query: sorting and spilling may fail at any of them."""
        try:
            yield from self._db.execute(query, values)
        except sqlite3.OperationalError as error:
            raise _full(error) from error

    def many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        """Execute a statement for each row, all or none; how many rows of the database that changed."""
        try:
            self._db.execute("BEGIN")
            changed = self._db.executemany(statement, rows).rowcount
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _full(error) from error
        return changed


def _full(error: sqlite3.OperationalError) -> Exception:
    if "full" in str(error) or "disk I/O" in str(error):
        return DiskFull("no space left for the plan of this run in the folder for temporary files", hint=_MAKE_SPACE)
    if "unable to open" in str(error):
        return DiskFull("the plan of this run cannot be put into the folder for temporary files", hint=_MAKE_SPACE)
    return error
