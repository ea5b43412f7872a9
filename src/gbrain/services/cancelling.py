"""Telling a cancellation from the errors it comes wrapped in: what is cancelled ends, and is never a failed run."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_AFTER_S = 1.0


async def ended(*tasks: asyncio.Task[Any]) -> list[BaseException | None]:
    """Cancel the tasks and wait until they have ended; what each raised.

    A task may miss a cancellation: before Python 3.12 `asyncio.wait_for`, on which waiting for a connection stands,
    swallows one that comes as the wait ends. So it is told again.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_AFTER_S)
    return [None if task.cancelled() else task.exception() for task in tasks]


def is_cancelled() -> bool:
    """Whether the task that asks is told to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def let_through(error: Exception | BaseExceptionGroup[BaseException]) -> None:
    """Raise what no error may hide: the cancellation of this task, and what a group holds that is not an Exception.

    A task group whose children have failed tells of those alone, though it was cancelled too.
    """
    task = asyncio.current_task()
    if (task is not None and task.cancelling()) or any(isinstance(leaf, asyncio.CancelledError) for leaf in _of(error)):
        raise asyncio.CancelledError from error
    if not isinstance(error, Exception):
        raise error


def _of(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _of(inner)]
    return [error]
