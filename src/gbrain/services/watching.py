"""Keeping sources up to date for as long as it is wanted: each when its remote moved or its interval passed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gbrain import logs
from gbrain.domain import watching
from gbrain.domain.outcome import Result
from gbrain.domain.source import Source
from gbrain.domain.sync_options import SyncOptions
from gbrain.domain.watching import Paces, Watched
from gbrain.git.acquired import FetchProblem
from gbrain.git.problems import Problem
from gbrain.services.acquiring import acquired_for
from gbrain.services.cancelling import let_through
from gbrain.services.context import SyncContext
from gbrain.services.slots import Slots
from gbrain.services.sync_all import sync_all

_LOOKS_APART = timedelta(seconds=10)
"""How soon a source is seen that was registered, enabled or given other settings."""
_LOOKS_APART_AT_LEAST_S = 1.0
ANSWER_S = 10.0
"""A question that takes longer has news to fetch, or trouble: the sync does it in everybody's sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Sources that were due together, and how that went; `seconds` from its first to its last source."""

    results: list[Result]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What to watch and how. `choose` gives the sources as they are registered now, in the order to start in."""

    choose: Callable[[], Awaitable[list[Source]]]
    interval: timedelta
    poll: timedelta
    all_sources: bool
    ended: Callable[[Round], Awaitable[None]]
    """Told of each round; rounds overlap where one source takes longer than the others."""
    resting: Callable[[int], None]
    """Told whenever nothing is at work, with how many sources are watched."""


class Watch:
    """A watch over sources, which ends by being cancelled, or with the error of a registry that cannot be read."""

    def __init__(self, context: SyncContext, options: SyncOptions, slots: Slots, terms: Terms) -> None:
        self._context, self._options, self._slots, self._terms = context, options, slots, terms
        self._clock = asyncio.get_running_loop().time
        self._sources: dict[str, Source] = {}
        self._watched: dict[str, Watched] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stir = asyncio.Event()
        self._looked_at_s = float("-inf")
        self._broken: BaseException | None = None

    async def keep(self) -> None:
        """Watch."""
        try:
            while True:
                if self._broken is not None:
                    raise self._broken
                self._stir.clear()
                await self._look()
                self._start()
                if not self._tasks:
                    self._terms.resting(len(self._watched))
                await self._rest()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self) -> None:
        """Read the registry, unless that was a moment ago: each answer of a remote comes by here."""
        if self._clock() - self._looked_at_s >= _LOOKS_APART_AT_LEAST_S:
            self._register(await self._terms.choose())
            self._looked_at_s = self._clock()

    def _register(self, sources: Sequence[Source]) -> None:
        """Those that are new, or were given other settings, are due; those that are gone are forgotten."""
        now = self._clock()
        known = {source.id: source for source in sources}
        for source_id, source in known.items():
            if source_id not in self._watched:
                self._watched[source_id] = Watched(sync_at_s=now)
            elif source != self._sources[source_id]:
                self._watched[source_id] = replace(self._watched[source_id], sync_at_s=now)
        self._watched = {source_id: self._watched[source_id] for source_id in known}
        self._sources = known

    def _start(self) -> None:
        now = self._clock()
        due = [source_id for source_id, watched in self._watched.items() if watching.is_due(watched, now)]
        if due:
            self._begin(self._round([self._sources[source_id] for source_id in due]), due)
        for source_id, watched in list(self._watched.items()):
            if watching.is_to_poll(watched, now):
                self._begin(self._ask(self._sources[source_id], watched), [source_id])

    def _begin(self, work: Coroutine[None, None, None], source_ids: Sequence[str]) -> None:
        for source_id in source_ids:
            self._watched[source_id] = replace(self._watched[source_id], is_busy=True)
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._broken = self._broken or task.exception()
        self._stir.set()

    async def _rest(self) -> None:
        pause = watching.pause_until_next(self._watched.values(), self._clock(), _LOOKS_APART)
        try:
            async with asyncio.timeout(pause):
                await self._stir.wait()
        except TimeoutError:
            return

    async def _round(self, due: Sequence[Source]) -> None:
        started = self._clock()
        results = await sync_all(
            self._context,
            due,
            self._options,
            self._slots,
            all_sources=self._terms.all_sources,
            ended=lambda result: self._ended(result, {source.id: source for source in due}),
        )
        await self._terms.ended(Round(results=results, seconds=self._clock() - started))

    def _ended(self, result: Result, synced: Mapping[str, Source]) -> None:
        """A source that ended may be due again while others of its round go on."""
        watched = self._watched.get(result.source_id)
        if watched is None:
            return
        source = synced[result.source_id]
        after = watching.synced(watched, result, self._clock(), self._paces(source), random.random())  # noqa: S311
        if self._sources[source.id] != source:
            after = replace(after, sync_at_s=self._clock())
        self._watched[source.id] = after
        self._stir.set()

    async def _ask(self, source: Source, asked: Watched) -> None:
        has_moved = await self._has_moved(source, asked)
        watched = self._watched.get(source.id)
        if watched is not None:
            logs.debug("a remote was asked", source=source.id, has_moved=has_moved)
            self._watched[source.id] = watching.polled(
                watched,
                has_moved=has_moved,
                now_s=self._clock(),
                paces=self._paces(source),
                jitter=random.random(),  # noqa: S311
            )

    async def _has_moved(self, source: Source, asked: Watched) -> bool:
        """Whether a sync would find something else; of a remote that cannot be asked the sync is to tell."""
        try:
            async with self._slots.fetch(source.id), asyncio.timeout(ANSWER_S):
                pull = self._options.pull and not asked.bad_ends
                acquired = await acquired_for(self._context, source, pull=pull)
        except Exception as error:
            let_through(error)
            return True
        if isinstance(acquired, Problem) or isinstance(acquired.fetch, FetchProblem):
            return True
        return acquired.revision.commit != asked.at

    def _paces(self, source: Source) -> Paces:
        poll = watching.polls_of(self._terms.poll, len(self._watched))
        return Paces(interval=source.interval or self._terms.interval, poll=poll)
