"""Acquiring a source as its settings and the brain's say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gbrain.domain.source import Source
from gbrain.git.acquire import acquire
from gbrain.git.acquired import Acquired
from gbrain.git.problems import Problem
from gbrain.git.progress import FetchProgress
from gbrain.services.context import SyncContext
from gbrain.services.progress import RunProgress


async def acquired_for(
    context: SyncContext,
    source: Source,
    *,
    pull: bool,
    report: Callable[[FetchProgress], None] = lambda progress: None,
    look: bool = True,
    aside: Path | None = None,
    anew_since: float | None = None,
) -> Acquired | Problem:
    """What is wanted of the source now, as `acquire` gives it.

    With `aside`, a temporary folder, what is kept of it stays as it is and news are fetched there.
    """
    return await acquire(
        source.location,
        source_id=source.id,
        mirrors=context.mirrors if aside is None else aside / "mirrors",
        pull=pull,
        branch=source.branch,
        subdir=source.subdir,
        fetch_stall=context.fetch_stall,
        allow_private_hosts=context.allow_private_hosts,
        report=report,
        look=look,
        lent=None if aside is None else context.mirrors,
        anew_since=anew_since,
    )


def received(progress: RunProgress) -> Callable[[FetchProgress], None]:
    """Tells of the objects of a fetch as git receives them; what it says of other work counts other things."""

    def report(fetched: FetchProgress) -> None:
        if fetched.phase == "Receiving objects":
            progress.advance(fetched.done, fetched.total)

    return report
