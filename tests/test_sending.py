"""What answers of a provider mean for its texts: a bad one is found out, and none is blamed for the provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gbrain.domain.embedding import Cause, Filled, Standing, Stored
from gbrain.domain.endpoint import Endpoint
from gbrain.domain.models import Model, Spec
from gbrain.embedding.answers import Answer, Malformed, PushedBack, Refused, Vectors
from gbrain.machine.process import this_process
from gbrain.postgres.pool import Pool, open_pool
from gbrain.services import indexing, models, sending
from gbrain.services.claims import Claims
from gbrain.services.filling import Filler
from gbrain.services.indexing import ensure_index
from gbrain.services.progress import Board
from gbrain.services.requests import Packing
from gbrain.services.throttling import Permit, ProviderThrottle, Unthrottled
from gbrain.store import backlog, vectors
from gbrain.store import models as registry
from gbrain.store.connection import Connection
from support.databases import ask
from support.minutes import lay_out
from support.servers import Server

_DIMENSIONS = 4
_ENDS_WITHIN_S = 30
_END_SESSIONS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = %s AND application_name = 'gbrain' AND pid <> pg_backend_pid()"
)


@dataclass
class _Provider:
    """Answers as it is told to for the texts of a request."""

    answers: Callable[[Sequence[str]], Answer]
    sent: list[list[str]] = field(default_factory=list)

    async def embed(self, texts: Sequence[str]) -> Answer:
        self.sent.append([*texts])
        await asyncio.sleep(0)
        return self.answers(texts)

    async def close(self) -> None:
        pass

    def tokens_of(self, text: str) -> int:
        return 1


def _vectors(texts: Sequence[str]) -> Answer:
    return Vectors(rows=np.tile(np.eye(1, _DIMENSIONS, dtype=np.float32), (len(texts), 1)))


class _AsAsked(Unthrottled):
    """Waits as long as it is asked to."""

    async def pushed_back(self, permit: Permit, wait: timedelta | None, attempt: int) -> timedelta:
        return wait or timedelta()


@asynccontextmanager
async def _waiting(server: Server, database: str, texts: int) -> AsyncIterator[tuple[Pool, Model]]:
    """A brain in which so many texts lack their vector."""
    url = server.url(database)
    lay_out(url, texts)
    async with open_pool(url, size=8, gone_after_s=20) as pool:
        yield pool, await models.register(pool, Spec(embedder="played", model="m", dimensions=_DIMENSIONS))


async def _filled(pool: Pool, model: Model, provider: _Provider, *, patience_s: float = 60) -> tuple[Filled, Standing]:
    claims = Claims(pool, model.id, this_process(), term=timedelta(seconds=20), source=None)
    progress = Board(lambda event: None).run_of(None)
    filler = Filler(pool, claims, provider, _AsAsked(4), Packing(max_items=16), progress, patience_s=patience_s)
    async with asyncio.timeout(_ENDS_WITHIN_S):
        filled = await filler.fill()
    async with pool.connection() as conn:
        return filled, await backlog.standing(conn, model.id)


@pytest.mark.parametrize("bad", [Malformed(message="null in it"), Refused(message="not this one")])
async def test_a_text_that_spoils_its_request_is_put_aside_and_the_others_of_it_come_in(
    server: Server, new_database: Callable[[], str], bad: Answer
) -> None:
    async with _waiting(server, new_database(), 100) as (pool, model):
        provider = _Provider(lambda texts: bad if any("text 37" in text for text in texts) else _vectors(texts))
        filled, left = await _filled(pool, model, provider)
        assert (filled.passages, filled.refused, filled.shortfall) == (99, 1, None)
        assert left == Standing(free=0, claimed=0, refused=1)


async def test_a_provider_that_refuses_everything_ends_the_fill_and_no_text_is_blamed(
    server: Server, new_database: Callable[[], str]
) -> None:
    async with _waiting(server, new_database(), 100) as (pool, model):
        provider = _Provider(lambda texts: Refused(message="blocked by policy"))
        filled, left = await _filled(pool, model, provider)
        assert filled.shortfall is not None
        assert filled.shortfall.cause is Cause.REFUSED
        assert len(provider.sent) < 40
        assert left == Standing(free=100, claimed=0, refused=0)
        filled, left = await _filled(pool, model, _Provider(_vectors))
        assert (filled.passages, left.left) == (100, 0)


async def test_a_provider_that_is_busy_for_ever_and_asks_for_no_wait_is_down_after_a_while(
    server: Server, new_database: Callable[[], str]
) -> None:
    async with _waiting(server, new_database(), 20) as (pool, model):
        provider = _Provider(lambda texts: PushedBack(wait=None, message="503"))
        filled, left = await _filled(pool, model, provider, patience_s=0.2)
        assert filled.shortfall is not None
        assert filled.shortfall.cause is Cause.UNREACHABLE
        assert left.free == 20


async def test_what_is_under_way_when_a_fill_ends_is_stored(server: Server, new_database: Callable[[], str]) -> None:
    async with _waiting(server, new_database(), 64) as (pool, model):
        slow = asyncio.Event()

        class _Uneven(_Provider):
            async def embed(self, texts: Sequence[str]) -> Answer:
                self.sent.append([*texts])
                if len(self.sent) == 4:
                    asyncio.get_running_loop().call_later(0.2, slow.set)
                    return PushedBack(wait=timedelta(hours=1), message="busy")
                await slow.wait()
                return _vectors(texts)

        filled, left = await _filled(pool, model, _Uneven(_vectors))
        assert filled.shortfall is not None
        assert filled.shortfall.cause is Cause.BUSY
        assert (filled.passages, left.free) == (48, 16)


async def test_a_database_that_breaks_every_connection_off_while_answers_come_loses_none_of_them(
    server: Server, new_database: Callable[[], str]
) -> None:
    database = new_database()
    async with _waiting(server, database, 64) as (pool, model):

        class _Breaking(_Provider):
            async def embed(self, texts: Sequence[str]) -> Answer:
                self.sent.append([*texts])
                if len(self.sent) == 4:
                    ask(server.url("postgres"), _END_SESSIONS, database)
                return _vectors(texts)

        provider = _Breaking(_vectors)
        filled, left = await _filled(pool, model, provider)
        assert (filled.passages, filled.shortfall, left.left) == (64, None, 0)
        assert len(provider.sent) == 4


async def test_a_process_that_is_stopped_while_it_stores_stores_when_it_goes_on(
    server: Server, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_database()
    stopped: list[str] = []

    async def store(conn: Connection, *values: Any) -> Stored:
        """The first time, what the server tells a client that it has not heard of in a transaction for too long."""
        if not stopped:
            stopped.append(database)
            async with conn.transaction():
                await conn.execute("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
                await asyncio.sleep(0.2)
                await conn.execute("SELECT 1")
        return await vectors.store(conn, *values)

    monkeypatch.setattr(sending, "vectors", SimpleNamespace(store=store))
    async with _waiting(server, database, 32) as (pool, model):
        provider = _Provider(_vectors)
        filled, left = await _filled(pool, model, provider)
        assert (filled.passages, filled.shortfall, left.left) == (32, None, 0)
        assert len(provider.sent) == 2
    assert stopped


@pytest.mark.parametrize(("is_charged", "left"), [(False, 0), (True, 1)])
async def test_a_request_that_may_have_been_charged_stays_in_the_budget_and_another_does_not(
    server: Server, new_database: Callable[[], str], is_charged: bool, left: int
) -> None:
    async with open_pool(server.url(new_database()), size=2, gone_after_s=20) as pool:
        played = Endpoint(name="p", base_url="http://127.0.0.1/v1", model="m", requests_per_day=9)
        throttle = ProviderThrottle(pool, played, b"provider")
        permit = await throttle.ask(100)
        assert isinstance(permit, Permit)
        await throttle.failed(permit, None, 0, is_charged=is_charged)
        async with pool.connection() as conn:
            rows = await (await conn.execute("SELECT requests, tokens FROM gbrain.spending")).fetchall()
        assert rows == [(left, 100 * left)]


async def test_an_index_that_several_build_at_once_is_built_by_one_and_found_by_all(
    server: Server, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "SCANNED_BYTES", 0)
    async with _waiting(server, new_database(), 200) as (pool, model):
        await _filled(pool, model, _Provider(_vectors))
        assert await asyncio.gather(*(ensure_index(pool, model) for _ in range(6))) == [True] * 6
        assert await _is_indexed(pool, model)


async def test_few_vectors_get_no_index_for_all_of_them_are_read_as_quickly(
    server: Server, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _waiting(server, new_database(), 200) as (pool, model):
        await _filled(pool, model, _Provider(_vectors))
        assert await ensure_index(pool, model)
        assert not await _is_indexed(pool, model)
        async with pool.connection() as conn:
            size_bytes = (await registry.weigh(conn, model.id)).vectors_bytes
        monkeypatch.setattr(indexing, "SCANNED_BYTES", size_bytes + 1)
        assert await ensure_index(pool, model)
        assert not await _is_indexed(pool, model)
        monkeypatch.setattr(indexing, "SCANNED_BYTES", size_bytes)
        assert await ensure_index(pool, model)
        assert await _is_indexed(pool, model)


async def _is_indexed(pool: Pool, model: Model) -> bool:
    async with pool.connection() as conn:
        return (await registry.weigh(conn, model.id)).is_indexed


async def test_a_model_that_is_active_by_now_is_not_dropped(server: Server, new_database: Callable[[], str]) -> None:
    async with _waiting(server, new_database(), 5) as (pool, model), pool.connection() as conn:
        assert await registry.drop(conn, model.id) is False
        assert [one.id for one in await registry.all_models(conn)] == [model.id]
