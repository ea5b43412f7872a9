"""Telling a cancellation from the errors it comes wrapped in: what is cancelled ends, and is never a failed run."""

from __future__ import annotations

import asyncio


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
