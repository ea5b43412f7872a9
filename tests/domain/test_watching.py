"""When a source under watch is synced and asked: within its interval, and ever more rarely where it fails."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.outcome import Code, Result, Status, Trouble
from gbrain.domain.watching import (
    POLLS_APART,
    Paces,
    Watched,
    is_due,
    is_to_poll,
    pause_until_next,
    polled,
    polls_of,
    synced,
)

Times = st.floats(0, 1e6)
Jitters = st.floats(0, 1)
AnyPaces = st.builds(
    Paces,
    interval=st.timedeltas(timedelta(seconds=1), timedelta(days=7)),
    poll=st.timedeltas(timedelta(seconds=1), timedelta(hours=1)),
)


@given(Times, AnyPaces, Jitters)
def test_after_a_sync_that_went_well_it_is_asked_soon_and_synced_within_its_interval(
    now: float, paces: Paces, jitter: float
) -> None:
    after = synced(Watched(sync_at_s=now, is_busy=True), _result(Status.OK), now, paces, jitter)
    assert 0.9 * paces.interval.total_seconds() <= after.sync_at_s - now + 1e-6
    assert after.sync_at_s - now <= paces.interval.total_seconds() + 1e-6
    assert after.poll_at_s is not None
    assert after.poll_at_s - now <= paces.poll.total_seconds() + 1e-6
    assert (after.is_busy, after.at, after.bad_ends) == (False, "revision", 0)


@given(Times, AnyPaces, Jitters, st.integers(1, 60), st.sampled_from([Status.PARTIAL, Status.ERROR, Status.REFUSED]))
def test_what_goes_wrong_again_and_again_is_tried_ever_more_rarely_and_still_within_its_interval(
    now: float, paces: Paces, jitter: float, times: int, status: Status
) -> None:
    watched, pauses = Watched(sync_at_s=now), list[float]()
    for _ in range(times):
        watched = synced(watched, _result(status), now, paces, jitter)
        pauses.append(watched.sync_at_s - now)
        assert (watched.poll_at_s is None) == (status is not Status.PARTIAL)
        assert watched.bad_ends
    assert pauses == sorted(pauses)
    assert max(pauses) <= paces.interval.total_seconds() + 1e-6
    well = synced(watched, _result(Status.OK), now, paces, jitter)
    assert (well.bad_ends, well.poll_at_s is None) == (0, False)


@given(Times, AnyPaces, Jitters)
def test_one_that_somebody_else_syncs_is_tried_again_at_the_pace_of_polls(
    now: float, paces: Paces, jitter: float
) -> None:
    after = synced(Watched(sync_at_s=now, bad_ends=3), _result(Status.BUSY), now, paces, jitter)
    assert after.sync_at_s - now <= min(paces.poll, paces.interval).total_seconds() + 1e-6


@given(Times, AnyPaces, Jitters)
def test_a_remote_that_moved_makes_its_source_due_at_once(now: float, paces: Paces, jitter: float) -> None:
    asked = Watched(sync_at_s=now + 100, poll_at_s=now, is_busy=True)
    assert is_due(polled(asked, has_moved=True, now_s=now, paces=paces, jitter=jitter), now)
    same = polled(asked, has_moved=False, now_s=now, paces=paces, jitter=jitter)
    assert not is_due(same, now)
    assert not is_to_poll(same, now)
    assert same.sync_at_s == now + 100


@given(Times)
def test_what_is_at_work_is_neither_due_nor_asked_and_waits_for_nothing(now: float) -> None:
    busy = Watched(sync_at_s=now - 1, poll_at_s=now - 1, is_busy=True)
    assert (is_due(busy, now), is_to_poll(busy, now), busy.next_s) == (False, False, None)


@given(st.lists(st.tuples(Times, st.one_of(st.none(), Times), st.booleans())), Times)
def test_nothing_is_overslept(rows: list[tuple[float, float | None, bool]], now: float) -> None:
    watched = [Watched(sync_at_s=sync, poll_at_s=poll, is_busy=busy) for sync, poll, busy in rows]
    pause = pause_until_next(watched, now, timedelta(seconds=10))
    assert 0 <= pause <= 10
    later = now + pause + 1e-6
    something = [one for one in watched if is_due(one, later) or is_to_poll(one, later)]
    assert something or pause == 10


@given(st.integers(0, 5000), st.timedeltas(timedelta(seconds=1), timedelta(hours=1)))
def test_many_sources_are_not_asked_more_often_than_four_in_a_second(sources: int, base: timedelta) -> None:
    period = polls_of(base, sources)
    assert period >= base
    assert sources * POLLS_APART <= period


def _result(status: Status) -> Result:
    trouble = None if status is Status.OK else Trouble(code=Code.INTERNAL, message="it did not work", hint="wait")
    return Result(source_id="wiki", name="Wiki", status=status, trouble=trouble, to_revision="revision")
