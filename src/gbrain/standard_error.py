"""Standard error as something that may be slow: what is said there keeps nobody waiting but at the very end."""

from __future__ import annotations

import select
import sys
from collections import deque

_MOST = 10_000
"""So many pieces wait for a reader; the oldest of more are lost."""

_waiting: deque[str] = deque(maxlen=_MOST)


def write(text: str) -> None:
    """Say it now, or once somebody reads. An error of the stream is nobody's error."""
    _waiting.append(text)
    while _waiting and can_take():
        _write(_waiting.popleft())


def flush() -> None:
    """Say what is left, however long that takes."""
    while _waiting:
        _write(_waiting.popleft())


def can_take() -> bool:
    """Whether what is written now is taken at once."""
    try:
        return bool(select.select([], [sys.stderr], [], 0)[1])
    except (OSError, ValueError, TypeError):
        return True


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return
