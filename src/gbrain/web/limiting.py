"""How often somebody may show what is no token: per address, and all together."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

WINDOW_S = 60.0
MOST_OF_ONE = 10
MOST_OF_ALL = 100
_SUBNET_BITS = 64


@dataclass(kw_only=True)
class Failures:
    """The failures of the last minute, and the attempts under way, each of which may become one.

    No more failures are kept than make the limit of all, so that nobody can fill memory.
    """

    now: Callable[[], float]
    of_one: int = MOST_OF_ONE
    of_all: int = MOST_OF_ALL
    _kept: deque[tuple[float, str]] = field(default_factory=deque)
    _under_way: Counter[str] = field(default_factory=Counter)

    def wait_s(self, address: str) -> int | None:
        """In how many seconds the address may try again; None where it may now."""
        self._forget()
        own = [at for at, who in self._kept if who == party(address)]
        waits = [
            kept[-most]
            for kept, most in ((own, self.of_one), ([at for at, _ in self._kept], self.of_all))
            if len(kept) >= most
        ]
        return max(1, math.ceil(max(waits) + WINDOW_S - self.now())) if waits else None

    def may_try(self, address: str) -> bool:
        """Whether no limit is passed if the address tries now, and this fails, as may all that is under way."""
        self._forget()
        who = party(address)
        of_one = sum(kept == who for _, kept in self._kept) + self._under_way[who]
        return of_one < self.of_one and len(self._kept) + self._under_way.total() < self.of_all

    def begin(self, address: str) -> None:
        """It tries."""
        self._under_way[party(address)] += 1

    def end(self, address: str, *, has_failed: bool) -> None:
        """It has tried."""
        self._under_way -= Counter([party(address)])
        if has_failed:
            self.note(address)

    def note(self, address: str) -> None:
        """It has failed."""
        self._forget()
        if len(self._kept) < self.of_all:
            self._kept.append((self.now(), party(address)))

    def _forget(self) -> None:
        while self._kept and self._kept[0][0] <= self.now() - WINDOW_S:
            self._kept.popleft()


def party(address: str) -> str:
    """Who is behind an address: whoever has one of IPv6 has all that begin so."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(int(found) >> _SUBNET_BITS) if isinstance(found, IPv6Address) else address
