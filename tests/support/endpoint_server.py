"""The process behind `support.endpoint`: an embeddings endpoint on one loopback port, its controls on another.

HTTP is spoken by hand, to be able to break off, to say nonsense, and to be fast: nothing but asyncio stands between the
prepared bytes and the socket.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson

from support.endpoint import Script, Sent, tokens_of
from support.endpoint_answers import answered, error, prepared


@dataclass
class State:
    """What the endpoint was told, and what it saw."""

    script: Script
    journal: list[Sent] = field(default_factory=list)
    conversations: set[Conversation] = field(default_factory=set)
    connections: int = 0
    in_flight: int = 0
    working: int = 0
    takeable: int = 0
    play: int = 0
    """Which of the scripts is played: what began under an earlier one is not counted any more."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, its head and body read."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Handler = Callable[["Conversation", Asked], None]


class Conversation(asyncio.Protocol):
    """One connection, kept from request to request."""

    def __init__(self, state: State, handler: Handler, *, is_control: bool = False) -> None:
        self.state = state
        self.handler = handler
        self.is_control = is_control
        self.buffer = bytearray()
        self.number = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.is_control:
            return
        if self.state.script.down:
            transport.abort()
            return
        self.state.connections += 1
        self.number = self.state.connections
        self.state.conversations.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.state.conversations.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (asked := self._next()) is not None:
            self.handler(self, asked)

    def say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.write(head(status, headers, len(body)) + body)

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _next(self) -> Asked | None:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        whole = end + 4 + int(headers.get("content-length", 0))
        if len(self.buffer) < whole:
            return None
        body = bytes(self.buffer[end + 4 : whole])
        del self.buffer[:whole]
        method, path, _ = first.split(" ", 2)
        return Asked(method=method, path=path, headers=headers, body=body)


def head(status: int, headers: Mapping[str, str], length: int) -> bytes:
    """The status line and headers of an answer."""
    fields = {"Content-Type": "application/json", **headers, "Content-Length": str(length)}
    lines = [f"HTTP/1.1 {status} {'OK' if status == 200 else 'Said'}", *(f"{name}: {fields[name]}" for name in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def control(conversation: Conversation, asked: Asked) -> None:
    """What a test tells the endpoint, and asks it."""
    state = conversation.state
    answer: object = None
    if asked.path == "/journal":
        answer = [asdict(sent) for sent in state.journal]
    elif asked.path == "/clear":
        state.journal = []
    elif asked.path in ("/script", "/play"):
        state.script = replace(state.script, **orjson.loads(asked.body))
        if asked.path == "/play":
            state.play += 1
            state.journal = []
            state.in_flight = state.working = state.takeable = 0
        if state.script.down:
            for other in list(state.conversations):
                other.transport.abort()
    conversation.say(200, {}, orjson.dumps(answer))


def embeddings(conversation: Conversation, asked: Asked) -> None:
    """Answer a request for vectors when its time has come."""
    state, script = conversation.state, conversation.state.script
    request = _loaded(asked.body)
    texts = request.get("input", [])
    texts = [texts] if isinstance(texts, str) else texts
    tokens = 0 if script.fast else sum(tokens_of(text, script.characters_a_token) for text in texts)
    state.in_flight += 1
    refused = _refusal(state, asked, request, texts, tokens)
    works = refused is None
    state.working += works
    entry, play = len(state.journal), state.play
    state.journal.append(_seen(conversation, asked, request, texts, tokens, 200 if refused is None else refused[0]))
    answers = state.journal

    def finish() -> None:
        if play == state.play:
            state.in_flight -= 1
            state.working -= works
        delivered = not conversation.transport.is_closing()
        answers[entry] = replace(answers[entry], ended=time.monotonic(), delivered=delivered)
        if refused is not None:
            conversation.say(*refused)
        elif script.fast:
            conversation.write(prepared(script, request, len(texts), head))
        else:
            _say(conversation, script, request, texts, tokens)

    delay = script.latency if works else script.refusal_latency
    if delay:
        asyncio.get_running_loop().call_later(delay, finish)
    else:
        finish()


def _say(conversation: Conversation, script: Script, request: Mapping[str, Any], texts: list[str], tokens: int) -> None:
    body = answered(script, request, texts, tokens)
    if script.defect == "endless":
        conversation.write(head(200, script.headers, 1 << 40))
        _pour(conversation)
    elif script.defect == "cut":
        conversation.write(head(200, script.headers, len(body)) + body[: len(body) // 2])
        conversation.transport.close()
    else:
        conversation.say(200, script.headers, body)


def _pour(conversation: Conversation) -> None:
    """Send on and on, as fast as it is taken, until the other side ends it."""
    if not conversation.transport.is_closing():
        if conversation.transport.get_write_buffer_size() < 1 << 20:
            conversation.write(b" " * (1 << 18))
        asyncio.get_running_loop().call_later(0.001, _pour, conversation)


def _seen(
    conversation: Conversation, asked: Asked, request: Mapping[str, Any], texts: list[str], tokens: int, status: int
) -> Sent:
    state = conversation.state
    return Sent(
        at=time.monotonic(),
        ended=None,
        in_flight=state.in_flight,
        status=status,
        delivered=False,
        items=len(texts),
        tokens=tokens,
        texts=list(texts) if state.script.keeps_texts else [],
        fields=sorted(request),
        key=asked.headers.get("authorization", "").removeprefix("Bearer ") or None,
        connection=conversation.number,
    )


Refusal = tuple[int, Mapping[str, str], bytes]


def _refusal(state: State, asked: Asked, request: Mapping[str, Any], texts: list[str], tokens: int) -> Refusal | None:
    """Why the request is not answered with vectors, or None where it is."""
    script = state.script
    if script.statuses:
        status, headers, body = script.statuses.pop(0)
        return status, headers, body.encode()
    wrong = _wrong(script, asked, request, texts, tokens)
    if wrong is not None:
        return wrong
    busy = (script.refusal_status, script.refusal_headers, error("Rate limit reached. Please try again later."))
    if script.capacity is not None and state.working >= script.capacity:
        return busy
    state.takeable += 1
    return busy if script.refuse_every and state.takeable % script.refuse_every == 0 else None


def _wrong(script: Script, asked: Asked, request: Mapping[str, Any], texts: list[str], tokens: int) -> Refusal | None:
    given = asked.headers.get("authorization", "")
    if script.key is not None and given != f"Bearer {script.key}":
        return 401, {}, error(f"Incorrect API key provided: {given.removeprefix('Bearer ')}.", code="invalid_api_key")
    if asked.method != "POST" or asked.path != "/v1/embeddings":
        return 404, {}, error(f"Unknown request URL: {asked.method} {asked.path}.")
    unknown = [name for name in script.unknown_fields if name in request]
    if unknown:
        named = "Invalid request." if script.silent_about_fields else f"Argument '{unknown[0]}' is not supported."
        return 400, {}, orjson.dumps({"detail": named})
    if script.max_items is not None and len(texts) > script.max_items:
        return 400, {}, error(f"'$.input' is invalid: at most {script.max_items} items are allowed.")
    longest = 0 if script.fast else max((tokens_of(text, script.characters_a_token) for text in texts), default=0)
    if (script.max_tokens or tokens) < tokens or (script.max_text_tokens or longest) < longest:
        return 400, {}, error("This model's maximum context length is exceeded; reduce the length of the input.")
    if script.marker is not None and any(script.marker in text for text in texts):
        return 400, {}, error("'$.input' is invalid. Please check the API reference.")
    return None


def _loaded(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def main() -> None:
    """Serve as the one argument says."""
    asyncio.run(serve(Script(**json.loads(sys.argv[1]))))


async def serve(script: Script) -> None:
    """Serve until standard input ends, which it does with the process that holds the other end."""
    loop, state = asyncio.get_running_loop(), State(script=script)
    service = await loop.create_server(lambda: Conversation(state, embeddings), "127.0.0.1", 0, backlog=1024)
    controls = await loop.create_server(lambda: Conversation(state, control, is_control=True), "127.0.0.1", 0)
    ports = {"port": _port(service), "control": _port(controls)}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), _read_end, ended)
    await ended.wait()


def _read_end(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        ended.set()


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    main()
