"""A command that fills models, under way: what it tells, and what it says when it is stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from gbrain.cli.state import Terminated, settings_of, with_brain
from gbrain.cli.telling import telling_of
from gbrain.domain.events import Event

if TYPE_CHECKING:
    from gbrain.app.brain import Brain

Answer = TypeVar("Answer")


def filling(
    context: typer.Context,
    work: Callable[[Brain, Callable[[Event], None]], Awaitable[Answer]],
    *,
    progress: str,
    as_json: bool,
    again: str,
) -> Answer:
    """What the work answers, its progress told in the form that is asked for; `again` is the command that goes on.

    Raises UsageError where embedding is switched off.
    """
    from gbrain.app.embedding import CONNECTIONS, check_embedder

    check_embedder(settings_of(context))
    telling = telling_of(context, progress, as_json=as_json)
    try:
        return with_brain(context, lambda brain: work(brain, telling.emit), connections=CONNECTIONS)
    except (KeyboardInterrupt, Terminated):
        telling.stop(is_watch=False, then=f"what is stored stays; {again} goes on from here")
        raise
    finally:
        telling.close()
