"""One run of one source under its lease: fetch, snapshot, plan, write, bookmark, and the record of how it went."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta

from gbrain import logs
from gbrain.chunking.pipeline import PIPELINE
from gbrain.domain.events import PhaseEntered, Progressed
from gbrain.domain.fingerprint import page_fingerprint
from gbrain.domain.lease import Lease
from gbrain.domain.outcome import Code, Counts, Result, Status, SyncStatus, Trouble, status_of
from gbrain.domain.source import Bookmark, Source, SourceState
from gbrain.domain.steps import Phase, Step
from gbrain.errors import DatabaseUnusable, LeaseLost
from gbrain.git.acquire import acquire
from gbrain.git.acquired import Acquired, FetchProblem, NotAsked
from gbrain.git.problems import Problem
from gbrain.git.process import RepositoryDamaged
from gbrain.services.cancelling import let_through
from gbrain.services.context import SyncContext, SyncOptions
from gbrain.services.selecting import fingerprint_of
from gbrain.services.slots import FetchSlot, Slots
from gbrain.services.troubles import mass_delete, problem_trouble, put_away, trouble_of
from gbrain.services.writing import retried
from gbrain.store import faults, runs, sources
from gbrain.store.batch import acknowledge
from gbrain.store.connection import answering
from gbrain.store.plan import kept
from gbrain.store.rows import Move, Writer

_LAST_WORD_SECONDS = 5
"""How long a run that was ended may take to say so; the next one says it otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """What came in, and whether the source was compared with all that it follows."""

    sync_status: SyncStatus
    revision: str
    problem: Problem | None
    fresh: bool


class Run:
    """A run, from the lease to the record of its end."""

    def __init__(
        self,
        context: SyncContext,
        options: SyncOptions,
        slots: Slots,
        fetch_slot: FetchSlot,
        lease: Lease,
        *,
        all_sources: bool,
    ) -> None:
        self._context, self._options, self._slots, self._fetch_slot = context, options, slots, fetch_slot
        self._lease, self._all_sources = lease, all_sources
        self._state: SourceState | None = None
        self._counts = Counts()
        self._done = 0
        self._wrote: timedelta | None = None

    async def bring_in(self, source_id: str) -> Result:
        """Start from where the source stands now that nobody else moves it; its row, which is recorded too."""
        async with answering(self._context.pool) as conn:
            state = await sources.one(conn, source_id)
            if state is None:
                raise LeaseLost(f"{source_id} was removed meanwhile", hint="gbrain sources list shows what there is")
            before = state.bookmark.commit if state.bookmark else None
            me = self._context.keeper.me
            self._run = await runs.begin(conn, source_id, self._lease, me, from_revision=before)
        self._state = state
        outcome = put_away(state.source) or await self._guarded(state)
        return await self._recorded(self._row(state, outcome), fresh=isinstance(outcome, _Brought) and outcome.fresh)

    async def broke_off(self, trouble: Trouble) -> Result | None:
        """The row of a run that was ended from without, recorded where there is time; None where it had not begun."""
        if self._state is None:
            return None
        row = self._row(self._state, trouble)
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                return await self._recorded(row, fresh=False)
        except TimeoutError:
            return row

    async def interrupted(self) -> None:
        """Record that the run was told to end, where it had begun and there is time."""
        if self._state is None:
            return
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS), self._context.pool.connection() as conn:
                await runs.interrupt(conn, self._run)
        except (*faults.ANY, DatabaseUnusable, TimeoutError) as error:
            logs.warning("the end of a run could not be recorded", source=self._state.source.id, because=str(error))

    async def _recorded(self, result: Result, *, fresh: bool) -> Result:
        """The row, put on record; where that fails it still counts what was committed."""
        try:
            async with answering(self._context.pool) as conn:
                failures_open = await runs.finish(conn, self._run, result, fresh=fresh, wrote=self._wrote)
        except (*faults.ANY, DatabaseUnusable) as error:
            logs.warning("the end of a run could not be recorded", source=result.source_id, because=str(error))
            trouble = result.trouble or trouble_of(error, result.source_id, self._context.ran_out_of_room)
            return replace(result, status=self._status(trouble.code, result), trouble=trouble)
        return replace(result, failures_open=failures_open)

    def _status(self, code: Code, result: Result) -> Status:
        return status_of(code, has_bookmark=result.to_revision is not None, all_sources=self._all_sources)

    async def _guarded(self, state: SourceState) -> _Brought | Trouble:
        try:
            return await self._work(state)
        except (Exception, BaseExceptionGroup) as error:
            let_through(error)
            logs.debug("a run failed", source=state.source.id, exc_info=True)
            return trouble_of(error, state.source.id, self._context.ran_out_of_room)

    async def _work(self, state: SourceState, *, anew_since: float | None = None) -> _Brought | Trouble:
        began = time.time()
        acquired = await self._acquire(state.source, anew_since)
        if isinstance(acquired, Problem):
            return problem_trouble(acquired)
        try:
            async with self._slots.write:
                status = await self._timed(self._reconcile(state, acquired))
        except (RepositoryDamaged, BaseExceptionGroup) as error:
            if anew_since is not None or not acquired.can_be_made_anew or not is_damage(error):
                raise
            logs.warning("what was fetched is damaged, and is fetched anew", source=state.source.id, because=str(error))
            # Some of it is in: the rows are not those of the bookmark any more.
            return await self._work(replace(state, settled=False), anew_since=began)
        if isinstance(status, Trouble):
            return status
        fetch = acquired.fetch
        return _Brought(
            sync_status=status,
            revision=acquired.revision.commit,
            problem=fetch.problem if isinstance(fetch, FetchProblem) else None,
            fresh=not isinstance(fetch, FetchProblem | NotAsked),
        )

    async def _timed(self, reconciling: Coroutine[None, None, SyncStatus | Trouble]) -> SyncStatus | Trouble:
        clock = asyncio.get_running_loop().time
        started = clock()
        status = await reconciling
        if status in (SyncStatus.SYNCED, SyncStatus.FIRST_SYNC):
            self._wrote = timedelta(seconds=clock() - started)
        return status

    async def _acquire(self, source: Source, anew_since: float | None) -> Acquired | Problem:
        self._context.emit(PhaseEntered(source_id=source.id, phase=Phase.FETCH))
        async with self._fetch_slot:
            acquired = await acquire(
                source.location,
                source_id=source.id,
                mirrors=self._context.mirrors,
                pull=self._options.pull,
                branch=source.branch,
                subdir=source.subdir,
                fetch_stall=self._context.fetch_stall,
                allow_private_hosts=self._context.allow_private_hosts,
                report=lambda progress: None,
                anew_since=anew_since,
            )
        self._context.probe(source.id, Step.FETCHED)
        if not isinstance(acquired, Problem):
            logs.debug("fetched", source=source.id, how=type(acquired.fetch).__name__, wanted=acquired.revision.commit)
        return acquired

    async def _reconcile(self, state: SourceState, acquired: Acquired) -> SyncStatus | Trouble:
        """Make the rows say what the revision's tree says, doing no more than what differs."""
        move = move_to(state, acquired)
        source_id = state.source.id
        self._context.probe(source_id, Step.SNAPSHOTTED)
        retry = self._options.retry_failed and (await kept(self._context.pool, source_id)).failures > 0
        writer = self._writer(source_id)
        if state.settled and not self._options.full and not retry and state.bookmark == move.after:
            await self._acknowledge(writer)
            return SyncStatus.UP_TO_DATE
        from gbrain.services.reconciling import Reconciliation, reconcile

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
                enter=lambda phase, total: self._enter(source_id, phase, total),
                report=lambda counts, some, total: self._report(source_id, counts, some, total),
                count=self._count,
            )
        )
        if refused is not None:
            return mass_delete(state.source, refused.drops, refused.pages)
        self._context.probe(source_id, Step.BOOKMARKED)
        await self._acknowledge(writer)
        return SyncStatus.SYNCED if state.bookmark else SyncStatus.FIRST_SYNC

    async def _acknowledge(self, writer: Writer) -> None:
        if self._options.skip_failed and (await kept(self._context.pool, writer.source_id)).failures:
            await retried(self._context.pool, writer, lambda conn: acknowledge(conn, writer))

    def _report(self, source_id: str, counts: Counts, items: int, total: int) -> None:
        self._count(counts)
        self._done += items
        logs.debug("a batch is in", source=source_id, items=items, done=self._done, of=total)
        self._context.emit(Progressed(source_id=source_id, done=self._done, total=total))

    def _count(self, counts: Counts) -> None:
        self._counts += counts

    async def _enter(self, source_id: str, phase: Phase, total: int | None) -> None:
        self._context.emit(PhaseEntered(source_id=source_id, phase=phase, total=total))
        logs.debug("a phase begins", source=source_id, phase=phase.value, items=total)
        async with answering(self._context.pool) as conn:
            await runs.enter(conn, self._run, phase, total=total)

    def _writer(self, source_id: str) -> Writer:
        return Writer(
            source_id=source_id,
            run_id=self._run.id,
            lease=self._lease,
            fingerprint=page_fingerprint(PIPELINE),
            limit=self._context.keeper.term / 3,
            probe=lambda step: self._context.probe(source_id, step),
        )

    def _row(self, state: SourceState, outcome: _Brought | Trouble) -> Result:
        before = state.bookmark.commit if state.bookmark else None
        trouble: Trouble | None
        sync_status: SyncStatus | None = None
        after = before
        match outcome:
            case _Brought():
                after = outcome.revision
                trouble = problem_trouble(outcome.problem) if outcome.problem else None
                if trouble is None or outcome.sync_status is not SyncStatus.UP_TO_DATE:
                    sync_status = outcome.sync_status
            case Trouble():
                trouble = outcome
        code = trouble.code if trouble else None
        return Result(
            source_id=state.source.id,
            name=state.source.name,
            status=status_of(code, has_bookmark=after is not None, all_sources=self._all_sources),
            sync_status=sync_status,
            trouble=trouble,
            from_revision=before,
            to_revision=after,
            counts=self._counts,
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
