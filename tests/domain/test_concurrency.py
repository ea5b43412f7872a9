"""The limit of requests under way, against endpoints simulated in virtual time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.concurrency import Concurrency

_LATENCY_S = 0.3
_COOL_DOWN_S = 0.2


@dataclass
class Simulation:
    """An endpoint that takes so many requests at once, and a client that always has another one to send."""

    capacity: Callable[[float], int]
    cap: int = 16
    refusal_s: float = _LATENCY_S
    refused_share: float = 0.0
    seed: int = 1
    spans: list[tuple[float, float, int, int]] = field(default_factory=list)
    """From when, to when, requests worked on, limit."""
    accepted: int = 0
    refused: int = 0
    falls: int = 0

    def run(self, seconds: float) -> Simulation:
        chance, numbers = random.Random(self.seed), count()
        concurrency = Concurrency(self.cap)
        events: list[tuple[float, int, str]] = []
        now = cooled = 0.0
        in_flight = working = 0
        while now < seconds:
            while in_flight < concurrency.limit and now >= cooled:
                in_flight += 1
                if working >= self.capacity(now) or chance.random() < self.refused_share:
                    heapq.heappush(events, (now + self.refusal_s, next(numbers), "refused"))
                else:
                    working += 1
                    heapq.heappush(events, (now + _LATENCY_S * chance.uniform(0.9, 1.1), next(numbers), "accepted"))
            if in_flight < concurrency.limit:
                heapq.heappush(events, (cooled, next(numbers), "cooled"))
            at, _, event = heapq.heappop(events)
            self.spans.append((now, at, working, concurrency.limit))
            now = at
            match event:
                case "accepted":
                    in_flight, working, self.accepted = in_flight - 1, working - 1, self.accepted + 1
                    concurrency.accepted(now)
                case "refused":
                    in_flight, self.refused = in_flight - 1, self.refused + 1
                    if concurrency.pushed_back(now):
                        self.falls += 1
                        cooled = now + _COOL_DOWN_S
            assert 1 <= concurrency.limit <= self.cap
        return self

    def mean_worked_on(self, start: float, end: float) -> float:
        return self._mean(start, end, 2)

    def mean_limit(self, start: float, end: float) -> float:
        return self._mean(start, end, 3)

    def _mean(self, start: float, end: float, column: int) -> float:
        return sum(length * value for length, value in self._within(start, end, column)) / (end - start)

    def _within(self, start: float, end: float, column: int) -> Iterator[tuple[float, int]]:
        for span in self.spans:
            length = min(end, span[1]) - max(start, span[0])
            if length > 0:
                yield length, int(span[column])


refusals_come_back = pytest.mark.parametrize("refusal_s", [_LATENCY_S, 0.001], ids=["as answers do", "at once"])


@refusals_come_back
def test_a_capacity_that_steps_from_4_to_16_to_2_is_followed_within_10_seconds(refusal_s: float) -> None:
    steps = [4, 16, 2]
    run = Simulation(capacity=lambda now: steps[min(2, int(now // 15))], refusal_s=refusal_s).run(45)
    for number, capacity in enumerate(steps):
        start, end = 15 * number + 10, 15 * number + 15
        assert run.mean_worked_on(start, end) > 0.85 * capacity
        assert run.mean_limit(start, end) < 1.5 * capacity + 1


@refusals_come_back
def test_a_step_down_is_followed_within_3_seconds(refusal_s: float) -> None:
    run = Simulation(capacity=lambda now: 16 if now < 10 else 2, refusal_s=refusal_s).run(20)
    assert run.mean_limit(5, 10) == 16
    assert run.mean_limit(13, 20) < 4


@refusals_come_back
def test_more_is_found_within_10_seconds_however_long_there_was_less(refusal_s: float) -> None:
    run = Simulation(capacity=lambda now: 4 if now < 120 else 16, refusal_s=refusal_s).run(140)
    assert run.mean_worked_on(60, 120) > 0.85 * 4
    assert run.mean_worked_on(130, 140) > 0.85 * 16


@refusals_come_back
@pytest.mark.parametrize("capacity", [1, 2, 3, 6, 10, 12, 15, 16])
def test_a_steady_capacity_is_used_and_not_beaten_upon(capacity: int, refusal_s: float) -> None:
    run = Simulation(capacity=lambda _: capacity, refusal_s=refusal_s).run(60)
    assert run.mean_worked_on(5, 60) > 0.8 * capacity
    assert run.refused < 0.4 * (run.accepted + run.refused)


@refusals_come_back
@pytest.mark.parametrize("seed", range(10))
def test_one_refusal_in_ten_does_not_slow_down(seed: int, refusal_s: float) -> None:
    run = Simulation(capacity=lambda _: 99, refused_share=0.1, seed=seed, refusal_s=refusal_s).run(60)
    assert run.mean_limit(0, 60) > 14
    assert run.falls <= 3


@refusals_come_back
def test_exactly_every_tenth_refusal_never_makes_it_fall(refusal_s: float) -> None:
    concurrency = Concurrency(16)
    for number in range(1, 10_000):
        if number % 10:
            concurrency.accepted(number * refusal_s)
        else:
            assert not concurrency.pushed_back(number * refusal_s)
    assert concurrency.limit == 16


@refusals_come_back
def test_two_refusals_in_five_make_it_fall(refusal_s: float) -> None:
    run = Simulation(capacity=lambda _: 99, refused_share=0.4, refusal_s=refusal_s).run(30)
    assert run.falls > 5
    assert run.mean_limit(5, 30) < 8


def test_the_full_cap_is_reached_within_a_second_where_all_is_accepted() -> None:
    assert Simulation(capacity=lambda _: 99).run(10).mean_limit(1, 10) == 16


@pytest.mark.parametrize("cap", [1, 2, 4, 100])
def test_it_begins_in_the_middle_and_never_above_the_cap(cap: int) -> None:
    assert Concurrency(cap).limit == min(cap, 8)


def test_refusals_alone_bring_it_down_to_one_and_are_all_told_to_others() -> None:
    concurrency = Concurrency(16)
    told = [concurrency.pushed_back(float(number)) for number in range(50)]
    assert concurrency.limit == 1
    assert told.count(True) == 10


@given(st.integers(1, 64), st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=400))
def test_whatever_is_answered_it_stays_between_one_and_the_cap(cap: int, answers: list[tuple[bool, float]]) -> None:
    concurrency, now = Concurrency(cap), 0.0
    for is_accepted, later in answers:
        now, before = now + later, concurrency.limit
        if is_accepted:
            concurrency.accepted(now)
            assert concurrency.limit >= before
        elif concurrency.pushed_back(now):
            assert concurrency.limit < before or before == 1
        else:
            assert concurrency.limit == before
        assert 1 <= concurrency.limit <= cap
