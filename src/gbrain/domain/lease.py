"""Who holds a lease, and whether anybody here may say that it is dead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


def lease_name(source_id: str) -> str:
    """The name of the lease under which a source is written."""
    return f"gbrain-sync:{source_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process, told apart from any other that had or will have its pid, on this machine or another."""

    host: str
    """The host's name, for people."""
    boot: str
    """The boot id: changes when the machine starts."""
    pids: str
    """The pid namespace: a pid means something only within it."""
    pid: int
    started: str
    """When the process started, in the system's own unit."""

    def __str__(self) -> str:
        """The holder in words for a message."""
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it was granted: writing is allowed only while `token` is still the one in the database."""

    name: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The lease is somebody else's."""

    holder: Holder


class Life(Enum):
    """What can be said of a process from where one stands."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


def judge(holder: Holder, me: Holder, *, started_now: str | None) -> Life:
    """Whether a holder lives, seen by `me`; `started_now` is the start of the process that now has its pid.

    It is None where no process has that pid or the one that has it is a zombie. Only a process of the same boot and
    the same pid namespace may judge; for all others the term decides.
    """
    if not holder.boot or (holder.boot, holder.pids) != (me.boot, me.pids):
        return Life.UNKNOWN
    return Life.ALIVE if started_now == holder.started else Life.DEAD
