"""An embedding endpoint in a process of its own, played over real HTTP: told what to do, and watched.

Its vectors follow from the text alone, so that a test can tell whether the right one was stored. What it was sent,
when, and how much was under way, is in its journal.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from support.commands import process_of

_TESTS = Path(__file__).parents[1]
_DEADLINE_S = 30

Defect = Literal[
    "",
    "fewer",  # a vector too few
    "more",
    "long",  # all vectors a number longer
    "ragged",  # the last vector a number longer
    "nan",
    "infinite",
    "null",  # as plain numbers, one of them null
    "words",  # a text among plain numbers
    "not_base64",
    "half",  # bytes that are no whole numbers
    "number",  # a number in place of a vector
    "twice",  # two vectors with one index
    "no_index",
    "backwards",  # the last text's vector first, indices right
    "html",
    "garbage",
    "no_data",
    "error",  # status 200, an error in the body
    "cut",  # the connection ends in the middle of the body
    "endless",  # a body that never ends
]


@dataclass(kw_only=True)
class Script:
    """How the endpoint behaves; a test changes any of it while it runs."""

    latency: float = 0.0
    refusal_latency: float = 0.0
    dimensions: int = 8
    obeys_dimensions: bool = True
    """Whether the `dimensions` of a request count."""
    encoding: Literal["asked", "floats", "base64"] = "asked"
    unknown_fields: list[str] = field(default_factory=list)
    """Fields that it refuses a request for, naming the first."""
    silent_about_fields: bool = False
    """Whether such a refusal names no field."""
    capacity: int | None = None
    """How many requests it works on at once; above, it pushes back at once."""
    refuse_every: int | None = None
    """Of the requests it could take, every so many-th is pushed back."""
    refusal_status: int = 429
    refusal_headers: dict[str, str] = field(default_factory=dict)
    statuses: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    """Answers (status, headers, body) to the next requests, one each, whatever they ask."""
    headers: dict[str, str] = field(default_factory=dict)
    """In every answer that has vectors."""
    defect: Defect = ""
    max_items: int | None = None
    max_tokens: int | None = None
    """Of all texts of a request together."""
    max_text_tokens: int | None = None
    key: str | None = None
    marker: str | None = None
    """Texts with this in them are refused, and the batch with them."""
    nothing: str | None = None
    """Texts with this in them have a vector of zeros."""
    counts_tokens: bool = True
    """Whether answers have a `usage`."""
    characters_a_token: int = 4
    down: bool = False
    """Every connection is broken off, new ones at once."""
    fast: bool = False
    """Vectors are the same for all texts, and sent from prepared bytes."""
    keeps_texts: bool = True
    """Whether the journal has the texts; otherwise only their number."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request, as the endpoint saw it. Times are of `time.monotonic()`, which all processes of a machine share."""

    at: float
    ended: float | None
    """When the answer went out; None while it has not."""
    in_flight: int
    """How many requests were under way, this one among them."""
    status: int
    delivered: bool
    """False where nobody was there any more to take the answer."""
    items: int
    tokens: int
    texts: list[str]
    fields: list[str]
    key: str | None
    connection: int
    """Which of the connections it came by, counted from 1."""


@dataclass(frozen=True)
class EndpointServer:
    """A running endpoint."""

    port: int
    control: int
    process: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def tell(self, **changes: object) -> None:
        """Change the script from now on."""
        self._ask("/script", changes)

    def play(self, **script: Any) -> None:
        """Begin anew: another script, an empty journal, nothing under way."""
        self._ask("/play", asdict(Script(**script)))

    def journal(self) -> list[Sent]:
        """Every request since the last `clear`, in the order in which they came."""
        return [Sent(**entry) for entry in self._ask("/journal")]

    def clear(self) -> None:
        """Begin the journal anew."""
        self._ask("/clear", {})

    def until(self, requests: int) -> list[Sent]:
        """The journal as soon as it has so many requests."""
        deadline = time.monotonic() + _DEADLINE_S
        while len(journal := self.journal()) < requests:
            assert time.monotonic() < deadline, f"{len(journal)} requests came, not {requests}"
            time.sleep(0.01)
        return journal

    def texts(self) -> list[str]:
        """The texts that were answered with vectors, in the order in which they were sent, each as often as it was."""
        return [text for sent in self.journal() if sent.status == 200 for text in sent.texts]

    def table(self, **more: object) -> dict[str, object]:
        """The settings of an endpoint that is this one."""
        return {"base_url": self.base_url, "model": "test-model", **more}

    def toml(self, name: str = "test", **more: object) -> str:
        """The same as a part of `config.toml`."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.table(**more).items()]
        return "\n".join([f"[embedders.{name}]", *lines, ""])

    def stop(self) -> None:
        """End the process: connections are refused from then on."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_DEADLINE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _ask(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}{path}", data=data)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_DEADLINE_S) as answer:
            return json.loads(answer.read())


@contextmanager
def endpoint(**script: Any) -> Iterator[EndpointServer]:
    """An endpoint that behaves by this script, gone with the block."""
    # A benchmark's endpoint is started anew: it is measured beside what it answers.
    server = start(Script(**script), of=process_of if "PYTEST_CURRENT_TEST" in os.environ else subprocess.Popen)
    try:
        yield server
    finally:
        server.stop()


def start(script: Script, *, of: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen) -> EndpointServer:
    """Start an endpoint, a process `of` this kind; whoever does stops it. It ends by itself when this process ends."""
    words = [sys.executable, "-m", "support.endpoint_server", json.dumps(asdict(script))]
    process = of(words, cwd=_TESTS, env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(_DEADLINE_S)
        raise RuntimeError(f"the endpoint did not start: exit code {process.returncode}")
    ports = json.loads(line)
    return EndpointServer(port=ports["port"], control=ports["control"], process=process)


def vectors_of(texts: Sequence[str], dimensions: int = 8) -> NDArray[np.float32]:
    """What the endpoint answers for these texts, made of length one."""
    rows = np.stack([raw_vector(text, dimensions) for text in texts]).astype(np.float64)
    normed: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return normed


def raw_vector(text: str, dimensions: int) -> NDArray[np.float32]:
    """The vector as it is sent."""
    stream = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    return np.frombuffer(stream, dtype="<i2").astype(np.float32) / np.float32(32768)


def tokens_of(text: str, characters_a_token: int = 4) -> int:
    """How many tokens the endpoint counts for a text."""
    return max(1, -(-len(text) // characters_a_token))


def in_flight(journal: Sequence[Sent], at: float) -> int:
    """How many requests the endpoint worked on at an instant, those it pushed back left out."""
    return sum(1 for sent in journal if sent.status == 200 and sent.at <= at < (sent.ended or float("inf")))
