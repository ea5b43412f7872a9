"""In how many places each text of a source would stand, batch after batch, in a run that is only rehearsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from gbrain.spool.private import Private


class TextPlaces:
    """What is stored is told once, for texts that it has not heard of; then batches move it. NULL places: no text."""

    def __init__(self) -> None:
        self._db = Private()
        self._db.run("CREATE TABLE text (hash BLOB PRIMARY KEY, places INTEGER) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.__exit__(kind, error, at)

    def unknown(self, hashes: Iterable[bytes]) -> list[bytes]:
        """Those among the texts of which nothing has been told."""
        return [text_hash for text_hash in set(hashes) if not [*self._db.read(_ONE, (text_hash,))]]

    def told(self, hashes: Iterable[bytes], stored: Mapping[bytes, int]) -> None:
        """Take in how many places these texts stand in; one that `stored` does not have is not there."""
        self._db.many("INSERT INTO text VALUES (?, ?)", [(each, stored.get(each)) for each in hashes])

    def move(self, came: Counter[bytes], went: Counter[bytes]) -> tuple[int, int]:
        """How many texts come into being, and how many stand nowhere afterwards, where these places come and go."""
        created = self._db.many(_CREATE, [(text_hash,) for text_hash in came])
        self._db.many(_ADD, [(came[each] - went[each], each) for each in came.keys() | went.keys()])
        return created, self._db.many(_DROP, [(text_hash,) for text_hash in went])


_ONE = "SELECT 1 FROM text WHERE hash = ?"
_CREATE = "UPDATE text SET places = 0 WHERE hash = ? AND places IS NULL"
_ADD = "UPDATE text SET places = places + ? WHERE hash = ?"
_DROP = "UPDATE text SET places = NULL WHERE hash = ? AND places <= 0"
