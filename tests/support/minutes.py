"""A fill under budgets of a sliding minute, on a clock that jumps: a real backlog and throttle, a played embedder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg

from gbrain.domain.endpoint import Endpoint
from gbrain.domain.models import Spec
from gbrain.embedding.answers import Answer, Vectors
from gbrain.machine.process import this_process
from gbrain.postgres.pool import open_pool
from gbrain.services import models
from gbrain.services.claims import Claims
from gbrain.services.filling import Filler
from gbrain.services.progress import Board
from gbrain.services.requests import Packing
from gbrain.services.throttling import ProviderThrottle
from support import virtual

LATENCY_S = 1.0
_EPOCH = datetime(2026, 11, 5, 12, tzinfo=UTC)


@dataclass
class Sending:
    """An embedder that notes when it was sent how many tokens; its own count differs from the estimate."""

    tokens_a_text: int
    estimated: int
    sent: list[tuple[float, int]] = field(default_factory=list)

    async def embed(self, texts: Sequence[str]) -> Answer:
        self.sent.append((asyncio.get_running_loop().time(), len(texts) * self.tokens_a_text))
        await asyncio.sleep(LATENCY_S)
        return Vectors(rows=np.eye(len(texts), 64, dtype=np.float32), tokens=len(texts) * self.tokens_a_text)

    async def close(self) -> None:
        pass

    def tokens_of(self, text: str) -> int:
        return self.estimated


def fill(
    url: str, *, texts: int, requests: int, tokens: int, tokens_a_text: int, estimated: int
) -> tuple[float, Sending]:
    """Fill so many texts under so many requests and tokens a minute; the seconds it took, and what was sent when."""
    lay_out(url, texts)
    sending = Sending(tokens_a_text, estimated)
    endpoint = Endpoint(
        name="played",
        base_url="http://127.0.0.1/v1",
        model="m",
        requests_per_minute=requests,
        tokens_per_minute=tokens,
    )
    return virtual.run(_fill(url, sending, endpoint)), sending


async def _fill(url: str, sending: Sending, endpoint: Endpoint) -> float:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with open_pool(url, size=4, gone_after_s=20) as pool:
        model = await models.register(pool, Spec(embedder="played", model="m", dimensions=64))
        throttle = ProviderThrottle(
            pool,
            endpoint,
            b"provider",
            now=lambda: _EPOCH + timedelta(seconds=loop.time() - began_s),
            clock=loop.time,
            luck=lambda: 0.5,
        )
        claims = Claims(pool, model.id, this_process(), term=timedelta(hours=1), source=None)
        packing = Packing(max_items=endpoint.max_items, max_tokens=endpoint.max_tokens)
        progress = Board(lambda event: None).run_of(None)
        started_s = loop.time()
        filled = await Filler(pool, claims, sending, throttle, packing, progress).fill()
        if filled.shortfall is not None:
            raise RuntimeError(filled.shortfall.message)
        return max(at for at, _ in sending.sent) + LATENCY_S - started_s


def lay_out(url: str, texts: int) -> None:
    """A page of so many chunks in an empty brain: their passages are `A`, an empty line, and `text 0` and so on."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("INSERT INTO gbrain.sources (id, name, url) VALUES ('notes', 'Notes', 'https://host/notes.git')")
        conn.execute("INSERT INTO gbrain.states (source_id, pages, chunks) VALUES ('notes', 1, %s)", (texts,))
        conn.execute(
            "INSERT INTO gbrain.pages (id, source_id, path, blob, fingerprint, slug, kind, title, body_line)"
            " VALUES (1, 'notes', 'a.md', '', '', 'a', 'markdown', 'A', 1)"
        )
        for number in range(texts):
            text = f"text {number}"
            row = conn.execute(
                "INSERT INTO gbrain.texts (source_id, hash, text) VALUES ('notes', %s, %s) RETURNING id",
                (hashlib.sha256(text.encode()).digest(), text),
            ).fetchone()
            conn.execute(
                "INSERT INTO gbrain.chunks (page_id, ordinal, text_id, headings, first_line, last_line, passage)"
                " VALUES (1, %s, %s, '{}', 1, 1, %s)",
                (number, row and row[0], hashlib.sha256(f"A\n\n{text}".encode()).digest()),
            )
