"""An embedder behind an OpenAI-shaped endpoint: one request a call, over connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from gbrain import __version__
from gbrain.domain.endpoint import Endpoint
from gbrain.domain.token_estimate import TokenEstimate, guess
from gbrain.embedding.answers import Answer, Deferred, Denied, Headroom, Malformed, Refused, Vectors
from gbrain.embedding.refusals import headroom, host_of, is_no_url, key_hint, of_body, of_failure, of_status
from gbrain.embedding.transfers import NotReceivedError, Transfers
from gbrain.embedding.wire import Form, decoded, most_bytes, request
from gbrain.embedding.words import safe, said
from gbrain.errors import CouldNotRun

_LARGE_BYTES = 2 << 20
"""From this size on an answer is decoded in a thread: in the loop it would take more than 20 ms."""

_PROBE = "How long are your vectors?"


class RemoteEmbedder:
    """Sends texts to one endpoint. The key is never shown: not in a message, a log or the object's own name.

    `dimensions` is how long the vectors must be; where it is not given, it is what the endpoint is configured to. They
    are *asked* for only where they are configured: many endpoints refuse a field they do not know, or one that a model
    does not take. Where that or base64 is refused, it is left out from then on, and the length still checked.
    """

    def __init__(self, endpoint: Endpoint, key: str | None, *, dimensions: int | None = None) -> None:
        self._endpoint = endpoint
        self._host = host_of(endpoint)
        self._key = (key or "").strip() or None
        self._dimensions = dimensions or endpoint.dimensions
        self._form = Form(base64=True, dimensions=endpoint.dimensions)
        self._is_untried = True
        self._estimate = TokenEstimate()
        self._transfers = _transfers(endpoint)

    def __repr__(self) -> str:
        return f"RemoteEmbedder({self._endpoint.model_name})"

    async def embed(self, texts: Sequence[str]) -> Answer:
        """The vectors of the texts, or why there are none; asked again only in a plainer form that may be taken."""
        if (denied := self._unusable_key()) is not None:
            return denied
        form = self._form
        first = answer = await self._ask(texts, form)
        while isinstance(answer, Refused):
            plainer = form.without(answer.message, untried=self._is_untried)
            if plainer == form:
                break
            form, answer = plainer, await self._ask(texts, plainer)
        if isinstance(answer, Vectors):
            self._form, self._is_untried = form, False
            self._learn(texts, answer.tokens)
        return first if isinstance(answer, Refused | Malformed) else answer

    async def close(self) -> None:
        """Close the connections."""
        await self._transfers.close()

    def tokens_of(self, text: str) -> int:
        """How many tokens the endpoint will count for the text, by what it counted so far."""
        return self._estimate.of(text)

    async def _ask(self, texts: Sequence[str], form: Form) -> Answer:
        try:
            return await self._exchange(texts, form)
        except NotReceivedError as failure:
            if is_no_url(failure):
                message = f"{self._host} was not asked: {safe(failure.words, self._key)}"
                return Denied(message=message, hint=f"check base_url in [embedders.{self._endpoint.name}]")
            return of_failure(failure, endpoint=self._endpoint, key=self._key)

    async def _exchange(self, texts: Sequence[str], form: Form) -> Answer:
        body = request(self._endpoint.model, texts, form)
        most = most_bytes(len(texts), self._dimensions)
        answer = await self._transfers.post(body, self._headers(), most_bytes=most)
        if answer.body is None:
            return Malformed(message=f"{self._host} answered more than {most:,} bytes")
        now = datetime.now(UTC)
        if answer.status == 200:
            return await self._decoded(answer.body, len(texts), headroom(answer.headers, now))
        return of_status(answer.status, answer.headers, answer.body, endpoint=self._endpoint, key=self._key, now=now)

    async def _decoded(self, body: bytes, count: int, room: Headroom) -> Vectors | Malformed | Deferred:
        decode = partial(decoded, body, count=count, dimensions=self._dimensions, who=self._host)
        found = await asyncio.to_thread(decode) if len(body) >= _LARGE_BYTES else decode()
        if isinstance(found, Vectors):
            return replace(found, headroom=room)
        words = said(body, self._key)
        message = f"{found.message}: {words}" if words else found.message
        return of_body(body, message) or replace(found, message=message)

    def _unusable_key(self) -> Denied | None:
        variable, key = self._endpoint.api_key_env, self._key
        if variable is not None and key is None:
            message = f"{self._host} was not asked: {variable} holds no key for [embedders.{self._endpoint.name}]"
            return Denied(message=message, hint=f"put the key into {variable}")
        if key is not None and not (key.isascii() and key.isprintable()):
            message = f"{self._host} was not asked: its key holds characters that cannot be sent"
            return Denied(message=message, hint=key_hint(self._endpoint))
        return None

    def _learn(self, texts: Sequence[str], tokens: int | None) -> None:
        if tokens is not None:
            self._estimate = self._estimate.learnt(sum(map(guess, texts)), tokens)

    def _headers(self) -> list[str]:
        headers = ["Content-Type: application/json", f"User-Agent: gbrain/{__version__}"]
        return headers if self._key is None else [*headers, f"Authorization: Bearer {self._key}"]


async def probe(embedder: RemoteEmbedder) -> int | Answer:
    """How long the vectors are that the endpoint really answers, or what it answered instead. Costs a few tokens."""
    answer = await embedder.embed([_PROBE])
    return int(answer.rows.shape[1]) if isinstance(answer, Vectors) else answer


def _transfers(endpoint: Endpoint) -> Transfers:
    url, seconds = f"{endpoint.base_url}/embeddings", endpoint.timeout.total_seconds()
    try:
        return Transfers(url, most=endpoint.concurrency, timeout_s=seconds)
    except ValueError as error:
        raise CouldNotRun(
            f"the proxy that the environment names cannot be used: {safe(str(error))}",
            hint="mend HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or unset it",
        ) from None
