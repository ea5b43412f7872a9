"""An event loop whose clock jumps: where nothing but a timer is waited for, its time has come at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")

_PATIENCE_S = 0.02
"""How long what is really under way, such as a query, may take before a timer is let have its time."""


class _Jumping(selectors.DefaultSelector):
    """Waits for what is ready for a moment; then the clock jumps instead of waiting on."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(min(timeout, _PATIENCE_S))
        if not ready and timeout > _PATIENCE_S:
            self.skipped_s += timeout - _PATIENCE_S
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on which sleeping takes no time."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds of a clock that jumps."""
        return super().time() + self._jumping.skipped_s


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """What the work gives, run on a virtual clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
