"""What a sync would do, found out without changing anything: no row, ref, mirror, setting or file, and no lease."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gbrain.domain.events import SourcesChosen
from gbrain.domain.lease import Lease, lease_name
from gbrain.domain.outcome import Counts, Planned, Result, SyncStatus, Trouble, status_of
from gbrain.domain.source import Source, SourceState
from gbrain.domain.steps import Phase
from gbrain.domain.sync_options import SyncOptions
from gbrain.git.acquired import Acquired, FetchProblem
from gbrain.git.problems import Problem
from gbrain.git.process import RepositoryDamaged
from gbrain.services import writing
from gbrain.services.acquiring import acquired_for, received
from gbrain.services.attempt import is_damage, move_to
from gbrain.services.cancelling import let_through
from gbrain.services.context import SyncContext
from gbrain.services.deriving import THREAD_LIMIT_BYTES
from gbrain.services.parts import Pieces, bounded, joined, page_ids
from gbrain.services.reconciling import Reconciliation, plan, stopped
from gbrain.services.selecting import rules_of
from gbrain.services.slots import Slots
from gbrain.services.sync_one import refusal_of
from gbrain.services.troubles import mass_delete, problem_trouble, timed_out, trouble_of
from gbrain.services.writing import BATCH_ITEMS, Carrier, batches, clear, derived
from gbrain.spool.spool import Spool, ToClear
from gbrain.spool.text_places import TextPlaces
from gbrain.store import sources
from gbrain.store.connection import Pool, answering
from gbrain.store.plan import kept, stored_rows
from gbrain.store.rehearsal import Rehearsed, places_of_texts, rehearse
from gbrain.store.rows import Move, Writer


async def dry_run_all(
    context: SyncContext,
    chosen: Sequence[Source],
    options: SyncOptions,
    slots: Slots,
    *,
    aside: Path,
    all_sources: bool,
) -> list[Result]:
    """Each source's row, sorted by id. `aside` is a temporary folder for what is fetched."""

    async def one(source: Source) -> Result:
        started = asyncio.get_running_loop().time()
        result = await _DryRun(context, options, slots, aside, all_sources=all_sources).row(source)
        return replace(result, duration=timedelta(seconds=asyncio.get_running_loop().time() - started))

    context.emit(SourcesChosen(source_ids=[source.id for source in chosen]))
    async with asyncio.TaskGroup() as fleet:
        runs = [fleet.create_task(one(source)) for source in chosen]
    return sorted((run.result() for run in runs), key=lambda result: result.source_id)


class _DryRun:
    def __init__(
        self, context: SyncContext, options: SyncOptions, slots: Slots, aside: Path, *, all_sources: bool
    ) -> None:
        self._context, self._options, self._slots = context, options, slots
        self._aside, self._all_sources = aside, all_sources
        self._counts = Counts()
        self._planned = Planned()
        self._revision: str | None = None
        self._compared = self._done = 0

    async def row(self, source: Source) -> Result:
        """What a sync of the source would say; errors of the source are its row's."""
        self._fetch_slot = self._slots.fetch(source.id)
        self._progress = self._context.board.run_of(source.id)
        state: SourceState | None = None
        trouble = refusal_of(self._context, source)
        try:
            async with answering(self._context.pool) as conn:
                state = await sources.one(conn, source.id)
            if trouble is None and state is not None:
                trouble = await self._in_time(state)
                self._progress.finish() if trouble is None else self._progress.abort()
        except asyncio.CancelledError:
            self._progress.abort()
            raise
        except (Exception, BaseExceptionGroup) as error:
            self._progress.abort()
            let_through(error)
            trouble = trouble_of(error, source.id, self._context.ran_out_of_room)
        bookmark = state.bookmark if state else None
        has_bookmark = bookmark is not None or self._revision is not None
        code = trouble.code if trouble else None
        return Result(
            source_id=source.id,
            name=source.name,
            status=status_of(code, has_bookmark=has_bookmark, all_sources=self._all_sources),
            sync_status=SyncStatus.DRY_RUN if self._revision is not None else None,
            trouble=trouble,
            from_revision=bookmark.commit if bookmark else None,
            to_revision=self._revision,
            counts=self._counts,
            planned=self._planned,
        )

    async def _in_time(self, state: SourceState) -> Trouble | None:
        deadline = asyncio.timeout(self._options.seconds)
        async with self._fetch_slot:
            try:
                async with deadline:
                    return await self._look(state)
            except TimeoutError:
                if not deadline.expired():
                    raise
                return timed_out(state.source, self._options.seconds)

    async def _look(self, state: SourceState, *, anew_since: float | None = None) -> Trouble | None:
        began = time.time()
        acquired = await self._acquire(state.source, anew_since)
        if isinstance(acquired, Problem):
            return problem_trouble(acquired)
        self._counts, self._planned = Counts(), Planned()
        self._revision = acquired.revision.commit
        try:
            refused = await self._hold_against(state, acquired)
        except (RepositoryDamaged, BaseExceptionGroup) as error:
            if anew_since is not None or not acquired.can_be_made_anew or not is_damage(error):
                raise
            self._progress.abort()
            return await self._look(state, anew_since=began)
        fetch = acquired.fetch
        return refused or (problem_trouble(fetch.problem) if isinstance(fetch, FetchProblem) else None)

    async def _acquire(self, source: Source, anew_since: float | None) -> Acquired | Problem:
        async with self._fetch_slot:
            self._progress.enter(Phase.FETCH)
            return await acquired_for(
                self._context,
                source,
                pull=self._options.pull,
                report=received(self._progress),
                aside=self._aside,
                anew_since=anew_since,
            )

    async def _hold_against(self, state: SourceState, acquired: Acquired) -> Trouble | None:
        """Compare what was acquired with the rows, where that is not known to be the same."""
        move = move_to(state, acquired)
        retry = self._options.retry_failed and (await kept(self._context.pool, state.source.id)).failures > 0
        if self._is_in(state, move) and not self._options.full and not retry:
            return None
        async with self._slots.write:
            with self._slots.turns.turn() as turn:
                return await self._compare(
                    Reconciliation(
                        context=self._context,
                        state=state,
                        repository=acquired.repository,
                        move=move,
                        writer=self._writer(state.source),
                        full=self._options.full,
                        retry=retry,
                        allow_mass_delete=self._options.allow_mass_delete,
                        enter=_enter_nothing,
                        looked=self._looked,
                        report=lambda counts, items, total: None,
                        count=lambda counts: None,
                        give_way=turn.give_way,
                    )
                )

    def _is_in(self, state: SourceState, move: Move) -> bool:
        before, after = state.bookmark, move.after
        return (
            state.settled
            and before is not None
            and (before.tree, before.fingerprint) == (after.tree, after.fingerprint)
        )

    async def _compare(self, work: Reconciliation) -> Trouble | None:
        source = work.state.source
        self._progress.enter(Phase.PLAN)
        with Spool() as spool, TextPlaces() as places:
            async with work.repository.blobs() as blobs:
                await plan(spool, work, blobs)
                refused = await stopped(spool, work, blobs)
                planned, size_bytes = spool.totals()
                carrier = Carrier(
                    pool=self._context.pool,
                    blobs=blobs,
                    derivers=self._context.derivers,
                    in_processes=size_bytes > THREAD_LIMIT_BYTES,
                    writer=work.writer,
                    report=lambda counts, some: self._rehearsed(some, planned),
                    give_way=work.give_way,
                    draw=_numbers_that_no_page_has(),
                )
                for cleared in spool.clearing(BATCH_ITEMS):
                    self._note_drops(cleared)
                    await self._note(carrier, [clear(row) for row in cleared], places)
                for items in batches(spool.writing(BATCH_ITEMS)):
                    await work.give_way()
                    read = await blobs.read([item.blob for item in items if item.action == "write"])
                    await self._note(carrier, await derived(carrier, items, read), places)
        if carrier.missing:
            raise writing.incomplete(carrier.missing)
        return mass_delete(source, refused.drops, refused.pages) if refused else None

    def _note_drops(self, cleared: list[ToClear]) -> None:
        gone = [row.path for row in cleared if row.action == "drop" and row.page_id is not None]
        for path in gone:
            self._planned.note(path, "deleted")
        self._counts += Counts(deleted=len(gone))

    async def _note(self, carrier: Carrier, pieces: Pieces, places: TextPlaces) -> None:
        """Count what writing the pieces would do, in the same transactions: a text may go with one and come back."""
        writer = carrier.writer
        for part in bounded(pieces, await stored_rows(carrier.pool, page_ids(pieces))):
            async with answering(carrier.pool) as conn:
                found = await rehearse(conn, writer.source_id, writer.fingerprint, joined(part))
                new = places.unknown([*found.came, *found.went])
                places.told(new, await places_of_texts(conn, writer.source_id, new))
            created, deleted = places.move(found.came, found.went)
            carrier.report(Counts(), sum(piece.items for piece in part))
            self._counts += Counts(chunks_created=created, chunks_deleted=deleted)
            for path, action in _actions(part, found):
                self._planned.note(path, action)
                self._counts += Counts(**{action: 1})

    async def _looked(self, paths: int) -> None:
        self._compared = self._done = paths
        self._progress.advance(paths)

    def _rehearsed(self, some: int, items: int) -> None:
        """What is rehearsed counts on from what was compared."""
        self._done += some
        self._progress.advance(self._done, self._compared + items)

    def _writer(self, source: Source) -> Writer:
        """Who would write; nothing is written by it."""
        return Writer(
            source_id=source.id,
            run_id=0,
            lease=Lease(name=lease_name(source.id), token=-1),
            fingerprint=rules_of(source).fingerprint,
            limit=self._context.keeper.term / 3,
            probe=lambda step: None,
        )


def _actions(pieces: Pieces, found: Rehearsed) -> Iterator[tuple[bytes, str]]:
    for piece in pieces:
        for page in piece.pages:
            if page.is_new:
                yield page.path, "added"
            elif page.renamed:
                yield page.path, "renamed"
            elif page.page_id in found.touched:
                yield page.path, "modified"
        for slug in piece.slugs:
            if slug.page_id is not None and not slug.release:
                yield slug.path, "modified"
        for entry in piece.ledger:
            if (reason := found.entries.get(entry.path)) is not None:
                yield entry.path, "skipped" if reason.skips else "failed"


async def _enter_nothing(phase: object, total: int | None) -> None:
    """A dry run has no record that could say what it is busy with."""


def _numbers_that_no_page_has() -> Callable[[Pool, int], Awaitable[list[int]]]:
    numbers = itertools.count(-1, -1)

    async def draw(pool: Pool, count: int) -> list[int]:
        return list(itertools.islice(numbers, count))

    return draw
