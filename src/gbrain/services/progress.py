"""How far each run of this process is: told as events, and kept in the rows that other processes read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gbrain import logs
from gbrain.domain.events import Event, Filling, Kind, Progress
from gbrain.domain.pace import Pace
from gbrain.domain.steps import Phase
from gbrain.errors import DatabaseUnusable
from gbrain.store import faults, runs
from gbrain.store.connection import Pool

LOOKS_APART_S = 0.25
_TICKS_APART_S = 0.2
"""What moves faster is told of less often than it moves."""
_QUIET_S = 1.2
"""After so long without an event a heartbeat says that the work goes on."""
_ROWS_APART_S = 1.0
_ROWS_WITHIN_S = 10.0


class Board:
    """What all runs of this process are busy with."""

    def __init__(self, emit: Callable[[Event], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit, self._clock = emit, clock
        self._runs: dict[str | None, RunProgress] = {}

    def run_of(self, source_id: str | None) -> RunProgress:
        """The progress of a source's run that begins, or of what is done for the whole brain."""
        return RunProgress(source_id, self._emit, self._runs, self._clock)

    def look(self) -> None:
        """Tell of what has moved and was not told, and of what goes on without moving."""
        for run in list(self._runs.values()):
            run.look()

    async def keep_telling(self) -> None:
        """Tell of what moved, and of what goes on without moving, until cancelled."""
        while True:
            await asyncio.sleep(LOOKS_APART_S)
            self.look()

    async def keep_rows(self, pool: Pool) -> None:
        """Keep the runs' rows, until cancelled. Nobody waits for them: what cannot be written now is later."""
        while True:
            await asyncio.sleep(_ROWS_APART_S)
            news = {news.run_id: (run, news) for run in self._runs.values() if (news := run.news()) is not None}
            if not news:
                continue
            try:
                async with asyncio.timeout(_ROWS_WITHIN_S), pool.connection() as conn:
                    kept = await runs.keep_progress(conn, [row for _, row in news.values()])
            except (*faults.ANY, DatabaseUnusable, TimeoutError) as error:
                logs.debug("the progress of runs could not be kept", because=str(error))
                continue
            for run, row in (news[run_id] for run_id in kept):
                run.kept(row)


class RunProgress:
    """The progress of one run: one phase after the other, each from 0 to its total."""

    def __init__(
        self,
        source_id: str | None,
        emit: Callable[[Event], None],
        board: dict[str | None, RunProgress],
        clock: Callable[[], float],
    ) -> None:
        self._source_id, self._emit, self._board, self._clock = source_id, emit, board, clock
        self._row: int | None = None
        self._phase: Phase | None = None
        self._done = 0
        self._total: int | None = None
        self._pace = Pace(self._clock())
        self._told_at = self._clock()
        self._is_told = True
        self._kept: runs.RowProgress | None = None
        self._filling: Filling | None = None

    @property
    def total(self) -> int | None:
        """How much there is to do in the phase, as far as it is counted."""
        return self._total

    @property
    def rate_per_s(self) -> float | None:
        """How fast it goes, in the last half minute; None where that cannot be told yet."""
        return self._pace.rate_per_s(self._clock()) if self._phase is not None else None

    def recorded_as(self, run_id: int) -> None:
        """The run's row, from now on."""
        self._row = run_id

    def enter(self, phase: Phase, total: int | None = None, *, filling: Filling | None = None) -> None:
        """A phase begins, and the one before is done."""
        self.finish()
        self._phase, self._done, self._total = phase, 0, total
        self._pace = Pace(self._clock())
        self._filling = filling
        self._board[self._source_id] = self
        self._kept = None
        self._tell(Kind.START)

    def advance(self, done: int, total: int | None = None) -> None:
        """So many items of the phase are done; what is less than before is not believed."""
        if self._phase is None or (done <= self._done and total in (None, self._total)):
            return
        self._done = max(self._done, done)
        self._total = self._total if total is None else max(total, self._done)
        self._pace.note(self._clock(), self._done)
        self._is_told = False
        if self._clock() - self._told_at >= _TICKS_APART_S:
            self._tell(Kind.TICK)

    def fills(self, filling: Filling) -> None:
        """How the fill stands that the phase is."""
        if filling != self._filling:
            self._filling, self._is_told = filling, False

    def finish(self) -> None:
        """The phase is done: what it had not counted was as much as it did."""
        if self._phase is not None:
            self._total = self._done if self._total is None else self._total
            self._end(Kind.FINISH)

    def abort(self) -> None:
        """The phase ended before its work was done."""
        if self._phase is not None:
            self._end(Kind.ABORT)

    def look(self) -> None:
        """Tell what has not been told, or that the work goes on."""
        quiet_s = self._clock() - self._told_at
        if self._phase is not None and not self._is_told and quiet_s >= _TICKS_APART_S:
            self._tell(Kind.TICK)
        elif self._phase is not None and quiet_s >= _QUIET_S:
            self._tell(Kind.HEARTBEAT)

    def news(self) -> runs.RowProgress | None:
        """What the run's row does not say yet."""
        rate = self._pace.rate_per_s(self._clock())
        if self._phase is None or self._row is None or rate is None:
            return None
        row = runs.RowProgress(run_id=self._row, phase=self._phase, done=self._done, total=self._total, rate_per_s=rate)
        return None if row == self._kept else row

    def kept(self, row: runs.RowProgress) -> None:
        """The run's row says so now."""
        self._kept = row

    def _end(self, kind: Kind) -> None:
        self._tell(kind)
        self._phase = None
        self._board.pop(self._source_id, None)

    def _tell(self, kind: Kind) -> None:
        if self._phase is None:
            return
        now = self._clock()
        self._told_at, self._is_told = now, True
        self._emit(
            Progress(
                kind=kind,
                source_id=self._source_id,
                phase=self._phase,
                done=self._done,
                total=self._total,
                rate_per_s=self._pace.rate_per_s(now),
                eta=self._pace.eta(now, self._total),
                elapsed=self._pace.elapsed(now),
                filling=self._filling,
            )
        )
