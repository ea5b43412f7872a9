"""One attempt to bring a source to what it follows: fetch, snapshot, plan, write, bookmark."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta

from gbrain import logs
from gbrain.chunking.pipeline import PIPELINE
from gbrain.domain.fingerprint import page_fingerprint
from gbrain.domain.outcome import Counts, SyncStatus, Trouble
from gbrain.domain.source import Bookmark, Source, SourceState
from gbrain.domain.steps import Phase, Step
from gbrain.domain.sync_options import SyncOptions
from gbrain.git.acquired import Acquired, FetchProblem, NotAsked
from gbrain.git.problems import Problem
from gbrain.git.process import RepositoryDamaged
from gbrain.services.acquiring import acquired_for, received
from gbrain.services.context import SyncContext
from gbrain.services.progress import RunProgress
from gbrain.services.selecting import fingerprint_of
from gbrain.services.slots import FetchSlot, Slots
from gbrain.services.troubles import mass_delete, problem_trouble
from gbrain.services.turns import Turn
from gbrain.store import runs
from gbrain.store.connection import answering
from gbrain.store.plan import kept
from gbrain.store.rows import Move, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What came in, and whether the source was compared with all that it follows."""

    sync_status: SyncStatus
    revision: str
    problem: Problem | None
    fresh: bool


class Attempt:
    """What a run does under its lease. `counts` is what it has committed so far.

    `wrote` is how long it took over what there was to write, None where there was nothing; `acknowledged` counts the
    failures that were open until now.
    """

    def __init__(
        self,
        context: SyncContext,
        options: SyncOptions,
        slots: Slots,
        fetch_slot: FetchSlot,
        progress: RunProgress,
        record: runs.Run,
    ) -> None:
        self.counts = Counts()
        self.wrote: timedelta | None = None
        self.acknowledged = 0
        self._context, self._options, self._slots, self._fetch_slot = context, options, slots, fetch_slot
        self._progress, self._record = progress, record
        self._done = 0

    async def bring_in(self, state: SourceState, *, anew_since: float | None = None) -> Brought | Trouble:
        """Make the source's rows say what it follows; what it amounted to, or what kept it from that."""
        began = time.time()
        acquired = await self._acquire(state.source, anew_since)
        if isinstance(acquired, Problem):
            return problem_trouble(acquired)
        try:
            status = await self._reconciled(state, acquired)
        except (RepositoryDamaged, BaseExceptionGroup) as error:
            if anew_since is not None or not acquired.can_be_made_anew or not is_damage(error):
                raise
            logs.warning("what was fetched is damaged, and is fetched anew", source=state.source.id, because=str(error))
            self._progress.abort()
            # Some of it is in: the rows are not those of the bookmark any more.
            return await self.bring_in(replace(state, settled=False), anew_since=began)
        if isinstance(status, Trouble):
            return status
        fetch = acquired.fetch
        return Brought(
            sync_status=status,
            revision=acquired.revision.commit,
            problem=fetch.problem if isinstance(fetch, FetchProblem) else None,
            fresh=not isinstance(fetch, FetchProblem | NotAsked),
        )

    async def _acquire(self, source: Source, anew_since: float | None) -> Acquired | Problem:
        async with self._fetch_slot:
            if anew_since is None:
                self._progress.enter(Phase.FETCH)
            else:
                await self._enter(Phase.FETCH, None)
            acquired = await acquired_for(
                self._context,
                source,
                pull=self._options.pull,
                report=received(self._progress),
                anew_since=anew_since,
            )
        self._context.probe(source.id, Step.FETCHED)
        if isinstance(acquired, Problem) or isinstance(acquired.fetch, FetchProblem):
            self._progress.abort()
        else:
            self._progress.finish()
        if not isinstance(acquired, Problem):
            logs.debug("fetched", source=source.id, how=type(acquired.fetch).__name__, wanted=acquired.revision.commit)
        return acquired

    async def _reconciled(self, state: SourceState, acquired: Acquired) -> SyncStatus | Trouble:
        """Where nothing differs no write slot is waited for."""
        move = move_to(state, acquired)
        source_id = state.source.id
        self._context.probe(source_id, Step.SNAPSHOTTED)
        retry = self._options.retry_failed and (await kept(self._context.pool, source_id)).failures > 0
        is_in = state.settled and not self._options.full and not retry and state.bookmark == move.after
        if is_in and not self._options.skip_failed:
            return SyncStatus.UP_TO_DATE
        async with self._slots.write:
            if is_in:
                await self._acknowledge(self._writer(source_id))
                return SyncStatus.UP_TO_DATE
            with self._slots.turns.turn() as turn:
                return await self._timed(self._reconcile(state, acquired, move, turn, retry=retry))

    async def _timed(self, reconciling: Coroutine[None, None, SyncStatus | Trouble]) -> SyncStatus | Trouble:
        clock = asyncio.get_running_loop().time
        started = clock()
        status = await reconciling
        if isinstance(status, SyncStatus):
            self.wrote = timedelta(seconds=clock() - started)
        return status

    async def _reconcile(
        self, state: SourceState, acquired: Acquired, move: Move, turn: Turn, *, retry: bool
    ) -> SyncStatus | Trouble:
        """Make the rows say what the revision's tree says, doing no more than what differs."""
        from gbrain.services.reconciling import Reconciliation, reconcile

        source_id = state.source.id
        writer = self._writer(source_id)
        refused = await reconcile(
            Reconciliation(
                context=self._context,
                state=state,
                repository=acquired.repository,
                move=move,
                writer=writer,
                full=self._options.full,
                retry=retry,
                allow_mass_delete=self._options.allow_mass_delete,
                enter=self._enter,
                looked=lambda paths: self._looked(paths, turn),
                report=self._report,
                count=self._count,
                give_way=turn.give_way,
            )
        )
        if refused is not None:
            return mass_delete(state.source, refused.drops, refused.pages)
        self._progress.finish()
        self._context.probe(source_id, Step.BOOKMARKED)
        await self._acknowledge(writer)
        await self._compact(writer)
        return SyncStatus.SYNCED if state.bookmark else SyncStatus.FIRST_SYNC

    async def _acknowledge(self, writer: Writer) -> None:
        if not self._options.skip_failed or not (await kept(self._context.pool, writer.source_id)).failures:
            return
        from gbrain.services.writing import retried
        from gbrain.store.batch import acknowledge

        self.acknowledged = await retried(self._context.pool, writer, lambda conn: acknowledge(conn, writer))

    async def _compact(self, writer: Writer) -> None:
        from gbrain.services.compacting import compact

        await compact(self._context.pool, writer)

    async def _looked(self, paths: int, turn: Turn) -> None:
        self._progress.advance(paths)
        await turn.looked_at(paths)

    def _report(self, counts: Counts, items: int, total: int) -> None:
        self._count(counts)
        self._done += items
        logs.debug("a batch is in", source=self._record.source_id, items=items, done=self._done, of=total)
        self._progress.advance(self._done, total)

    def _count(self, counts: Counts) -> None:
        self.counts += counts

    async def _enter(self, phase: Phase, total: int | None) -> None:
        logs.debug("a phase begins", source=self._record.source_id, phase=phase.value, items=total)
        async with answering(self._context.pool) as conn:
            await runs.enter(conn, self._record, phase, total=total)
        self._done = 0
        self._progress.enter(phase, total)

    def _writer(self, source_id: str) -> Writer:
        return Writer(
            source_id=source_id,
            run_id=self._record.id,
            lease=self._record.lease,
            fingerprint=page_fingerprint(PIPELINE),
            limit=self._context.keeper.term / 3,
            probe=lambda step: self._context.probe(source_id, step),
        )


def is_damage(error: BaseException) -> bool:
    """Whether nothing but damage of the repository ended the work."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_damage, error.exceptions))
    return isinstance(error, RepositoryDamaged)


def move_to(state: SourceState, acquired: Acquired) -> Move:
    """The bookmark's move to what was acquired."""
    source, revision = state.source, acquired.revision
    return Move(
        before=state.bookmark,
        after=Bookmark(commit=revision.commit, tree=revision.tree, fingerprint=fingerprint_of(source)),
        committed_at=revision.committed_at,
        settings_version=source.settings_version,
    )
