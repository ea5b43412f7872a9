"""The played endpoint itself: what other tests and the benchmarks rely on."""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import Iterator

import pytest

from gbrain.domain.endpoint import read_endpoint
from gbrain.embedding.answers import Answer, Deferred, PushedBack, Refused, Vectors
from gbrain.embedding.remote import RemoteEmbedder
from support.endpoint import EndpointServer, endpoint, in_flight, tokens_of


@pytest.fixture(scope="module")
def running() -> Iterator[EndpointServer]:
    with endpoint() as server:
        yield server


@pytest.fixture
def server(running: EndpointServer) -> EndpointServer:
    running.play()
    return running


async def answers(server: EndpointServer, batches: list[list[str]], concurrency: int = 16) -> list[Answer]:
    made = RemoteEmbedder(read_endpoint("test", server.table(concurrency=concurrency)), None)
    try:
        return await asyncio.gather(*(made.embed(batch) for batch in batches))
    finally:
        await made.close()


async def test_above_its_capacity_it_pushes_back_and_the_capacity_may_change(server: EndpointServer) -> None:
    server.tell(latency=0.2, capacity=4)
    batches = [[str(number)] for number in range(16)]
    assert sum(isinstance(answer, Vectors) for answer in await answers(server, batches)) == 4
    journal = server.journal()
    during = max(sent.at for sent in journal)
    assert in_flight(journal, during) == 4
    server.tell(capacity=10)
    assert sum(isinstance(answer, Vectors) for answer in await answers(server, batches)) == 10


async def test_every_so_many_th_request_is_pushed_back_as_it_was_told(server: EndpointServer) -> None:
    server.tell(refuse_every=3, refusal_status=503, refusal_headers={"retry-after-ms": "200"})
    found = await answers(server, [[str(number)] for number in range(9)], concurrency=1)
    busy = [answer for answer in found if isinstance(answer, PushedBack)]
    assert len(busy) == 3
    assert {answer.wait.total_seconds() for answer in busy if answer.wait} == {0.2}


@pytest.mark.parametrize(
    ("script", "batch"),
    [
        ({"max_items": 2}, ["a", "b", "c"]),
        ({"max_tokens": 10}, ["a" * 30, "b" * 30]),
        ({"max_text_tokens": 10}, ["a" * 41]),
        ({"marker": "poison"}, ["good", "a poisoned text"]),
    ],
)
async def test_a_batch_it_does_not_take_is_refused_and_its_parts_are_not(
    server: EndpointServer, script: dict[str, object], batch: list[str]
) -> None:
    server.tell(**script)
    [refused] = await answers(server, [batch])
    assert isinstance(refused, Refused)
    [taken] = await answers(server, [[batch[0][:40]]])
    assert isinstance(taken, Vectors)
    assert server.texts() == [batch[0][:40]]


async def test_its_journal_tells_what_was_sent_when(server: EndpointServer) -> None:
    server.tell(latency=0.05)
    before = time.monotonic()
    await answers(server, [["one", "two"]])
    [sent] = server.journal()
    assert sent.texts == ["one", "two"]
    assert sent.items == 2
    assert sent.tokens == tokens_of("one") + tokens_of("two")
    assert sent.ended is not None
    assert before <= sent.at <= sent.ended - 0.05 <= time.monotonic()
    assert sent.delivered
    server.clear()
    assert server.journal() == []


async def test_an_answer_nobody_waits_for_is_not_delivered(server: EndpointServer) -> None:
    server.tell(latency=0.5)
    made = RemoteEmbedder(read_endpoint("test", server.table()), None)
    task = asyncio.create_task(made.embed(["one"]))
    await asyncio.to_thread(server.until, 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.close()
    deadline = time.monotonic() + 10
    while (sent := server.journal()[0]).ended is None and time.monotonic() < deadline:
        await asyncio.to_thread(time.sleep, 0.02)
    assert sent.ended is not None
    assert not sent.delivered


async def test_prepared_answers_are_right_in_number_and_length(server: EndpointServer) -> None:
    server.tell(fast=True, dimensions=32, keeps_texts=False)
    for encoding in ("asked", "floats"):
        server.tell(encoding=encoding)
        found = await answers(server, [["a"] * 5, ["b"]])
        assert [answer.rows.shape for answer in found if isinstance(answer, Vectors)] == [(5, 32), (1, 32)]
    assert {(sent.items, len(sent.texts)) for sent in server.journal()} == {(5, 0), (1, 0)}


async def test_it_is_gone_when_it_was_stopped() -> None:
    with endpoint() as server:
        pass
    [answer] = await answers(server, [["one"]])
    assert isinstance(answer, Deferred)
    assert answer.message.endswith("refuses connections")


def test_its_settings_can_be_written_into_a_file(server: EndpointServer) -> None:
    found = tomllib.loads(server.toml("played", dimensions=8, max_items=16))
    assert read_endpoint("played", found["embedders"]["played"]).dimensions == 8
