"""Whether an embedded server ran out of room: its log says so, where a client sees nothing but a broken connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gbrain.postgres.paths import places_of

_WORDS = (b"No space left on device", b"Disk quota exceeded")


def watch_room(home: Path) -> Callable[[], bool]:
    """A question to be asked later: has the home's server said since now that no space is left?

    A server that cannot write its write-ahead log ends with all its sessions.
    """
    log = places_of(home).log
    since = _size_bytes(log)

    def ran_out_of_room() -> bool:
        if not log.exists():
            return False
        with log.open("rb") as said:
            said.seek(since if _size_bytes(log) >= since else 0)
            return any(word in line for line in said for word in _WORDS)

    return ran_out_of_room


def _size_bytes(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0
