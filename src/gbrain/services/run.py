"""One run of one source under its lease, from its row's beginning to the record of how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gbrain import logs
from gbrain.domain.lease import Lease
from gbrain.domain.outcome import Code, Counts, Result, Status, SyncStatus, Trouble, status_of
from gbrain.domain.source import SourceState
from gbrain.domain.steps import Phase
from gbrain.domain.sync_options import SyncOptions
from gbrain.errors import DatabaseUnusable, LeaseLost
from gbrain.services.attempt import Attempt, Brought
from gbrain.services.cancelling import let_through
from gbrain.services.context import SyncContext
from gbrain.services.slots import FetchSlot, Slots
from gbrain.services.troubles import problem_trouble, put_away, trouble_of
from gbrain.store import faults, runs, sources
from gbrain.store.connection import answering

_LAST_WORD_SECONDS = 5
"""How long a run that was ended may take to say so; the next one says it otherwise."""


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
        source_id: str,
        all_sources: bool,
    ) -> None:
        self._context, self._options, self._slots, self._fetch_slot = context, options, slots, fetch_slot
        self._lease, self._source_id, self._all_sources = lease, source_id, all_sources
        self._progress = context.board.run_of(source_id)
        self._state: SourceState | None = None
        self._attempt: Attempt | None = None

    async def bring_in(self) -> Result:
        """Start from where the source stands now that nobody else moves it; its row, which is recorded too."""
        async with answering(self._context.pool) as conn:
            state = await sources.one(conn, self._source_id)
            if state is None:
                raise LeaseLost(
                    f"{self._source_id} was removed meanwhile", hint="gbrain sources list shows what there is"
                )
            before = state.bookmark.commit if state.bookmark else None
            me = self._context.keeper.me
            self._record = await runs.begin(conn, self._source_id, self._lease, me, from_revision=before)
        self._progress.recorded_as(self._record.id)
        self._state = state
        self._attempt = Attempt(
            self._context, self._options, self._slots, self._fetch_slot, self._progress, self._record
        )
        outcome = put_away(state.source) or await self._guarded(self._attempt, state)
        return await self._recorded(self._row(state, outcome), fresh=isinstance(outcome, Brought) and outcome.fresh)

    async def broke_off(self, trouble: Trouble) -> Result | None:
        """The row of a run that was ended from without, recorded where there is time; None where it had not begun."""
        self._progress.abort()
        if self._state is None:
            return None
        row = self._row(self._state, trouble)
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                return await self._recorded(row, fresh=False)
        except TimeoutError:
            self._progress.abort()
            return row

    async def interrupted(self) -> None:
        """Record that the run was told to end, where it had begun and there is time."""
        self._progress.abort()
        if self._state is None:
            return
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS), self._context.pool.connection() as conn:
                await runs.interrupt(conn, self._record)
        except (*faults.ANY, DatabaseUnusable, TimeoutError) as error:
            logs.warning("the end of a run could not be recorded", source=self._source_id, because=str(error))

    async def _guarded(self, attempt: Attempt, state: SourceState) -> Brought | Trouble:
        try:
            outcome = await attempt.bring_in(state)
        except (Exception, BaseExceptionGroup) as error:
            let_through(error)
            logs.debug("a run failed", source=self._source_id, exc_info=True)
            outcome = trouble_of(error, self._source_id, self._context.ran_out_of_room)
        if isinstance(outcome, Trouble):
            self._progress.abort()
        return outcome

    async def _recorded(self, result: Result, *, fresh: bool) -> Result:
        """The row, put on record; where that fails it still counts what was committed."""
        self._progress.enter(Phase.FINISH, total=1)
        wrote = self._attempt.wrote if self._attempt else None
        try:
            async with answering(self._context.pool) as conn:
                failures_open = await runs.finish(conn, self._record, result, fresh=fresh, wrote=wrote)
        except (*faults.ANY, DatabaseUnusable) as error:
            self._progress.abort()
            logs.warning("the end of a run could not be recorded", source=self._source_id, because=str(error))
            trouble = result.trouble or trouble_of(error, self._source_id, self._context.ran_out_of_room)
            return replace(result, status=self._status(trouble.code, result), trouble=trouble)
        self._progress.advance(1)
        self._progress.finish()
        return replace(result, failures_open=failures_open)

    def _status(self, code: Code, result: Result) -> Status:
        return status_of(code, has_bookmark=result.to_revision is not None, all_sources=self._all_sources)

    def _row(self, state: SourceState, outcome: Brought | Trouble) -> Result:
        before = state.bookmark.commit if state.bookmark else None
        trouble: Trouble | None
        sync_status: SyncStatus | None = None
        after = before
        match outcome:
            case Brought():
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
            counts=self._attempt.counts if self._attempt else Counts(),
            acknowledged=self._attempt.acknowledged if self._attempt else 0,
        )
