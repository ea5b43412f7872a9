"""`gbrain sync --watch`: rounds for as long as nobody says stop, through times without a database too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from gbrain.cli.answer import ReaderGone, counted, has_reader, put, put_document, tell
from gbrain.cli.state import with_brain
from gbrain.cli.sync_embedding import put_embedding
from gbrain.cli.sync_report import document, summary
from gbrain.cli.telling import Telling
from gbrain.domain.embedding import Cause
from gbrain.errors import DatabaseUnusable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from gbrain.app.brain import Brain
    from gbrain.app.syncing import Synced, Watching

DEFAULT_INTERVAL = timedelta(minutes=15)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


@dataclass(slots=True)
class Rounds:
    """What a watch answers: a document a round under `--json`, else the lines of those with news."""

    telling: Telling
    interval: timedelta
    as_json: bool
    is_quiet: bool
    has_begun: bool = False
    told: Cause | None = None
    """Why something waited for its vector when that was last said."""

    def ended(self, synced: Synced) -> None:
        """A round has ended."""
        if self.as_json:
            with self.telling.aside():
                put_document(document(synced, synced.took))
        elif not self.is_quiet:
            self._put(synced)
        self.telling.only_news = True
        self.telling.check()
        if not has_reader():
            raise ReaderGone

    def _put(self, synced: Synced) -> None:
        """What was embedded, why the rest waits where that is news, and after the first round what it came to."""
        embedding = synced.embedding
        why = embedding.shortfall.cause if embedding is not None and embedding.shortfall is not None else None
        with self.telling.aside():
            at = datetime.now().astimezone() if self.telling.only_news else None
            put_embedding(embedding, at=at, says_why=why is not self.told)
            if not self.telling.only_news:
                put(summary(synced.results))
        self.told = why

    def resting(self, sources: int) -> None:
        """Nothing is at work."""
        if not has_reader():
            raise ReaderGone
        self.telling.rest(f"watching {counted(sources, 'source')}, each synced when it moved")

    def watching(self) -> Watching:
        """The same for the engine."""
        from gbrain.app.syncing import Watching

        return Watching(interval=self.interval, ended=self.ended, resting=self.resting)


def keep_watching(
    context: typer.Context,
    watch: Callable[[Brain, Watching], Awaitable[None]],
    rounds: Rounds,
    *,
    connections: int,
) -> None:
    """Watch until the process is told to stop. A database that goes away after it was there is waited for."""
    pause_s = _FIRST_PAUSE_S

    async def work(brain: Brain) -> None:
        nonlocal pause_s
        rounds.has_begun, pause_s = True, _FIRST_PAUSE_S
        await watch(brain, rounds.watching())

    while True:
        try:
            with_brain(context, work, connections=connections)
        except DatabaseUnusable as error:
            if not rounds.has_begun:
                raise
            with rounds.telling.aside():
                tell(f"the brain cannot be reached and is tried again in {pause_s:.0f} s: {error.message}")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
