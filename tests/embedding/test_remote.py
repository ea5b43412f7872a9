"""A remote embedder against an endpoint played over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gbrain.domain.endpoint import read_endpoint
from gbrain.embedding.answers import Answer, Deferred, Denied, Headroom, Malformed, PushedBack, Refused, Vectors
from gbrain.embedding.remote import RemoteEmbedder, probe
from gbrain.errors import CouldNotRun
from support.endpoint import EndpointServer, endpoint, vectors_of
from support.lying import certificate

_TEXTS = ["one", "two", "three", "zażółć gęślą jaźń", "漢字", "🦊"]
_KEY = "key-that-nobody-may-see-0123456789"


@pytest.fixture(scope="module")
def running() -> Iterator[EndpointServer]:
    with endpoint() as server:
        yield server


@pytest.fixture
def server(running: EndpointServer) -> EndpointServer:
    running.play()
    return running


@asynccontextmanager
async def embedder(
    server: EndpointServer, *, key: str | None = None, wanted: int | None = None, **table: object
) -> AsyncIterator[RemoteEmbedder]:
    made = RemoteEmbedder(read_endpoint("test", server.table(**table)), key, dimensions=wanted)
    try:
        yield made
    finally:
        await made.close()


async def asked(server: EndpointServer, texts: list[str] = _TEXTS, **how: Any) -> Answer:
    async with embedder(server, **how) as made:
        return await made.embed(texts)


def rows_of(answer: Answer) -> NDArray[np.float32]:
    assert isinstance(answer, Vectors), answer
    return answer.rows


def check(answer: Answer, texts: list[str], dimensions: int) -> None:
    """Each text has its own vector, of length one."""
    rows = rows_of(answer)
    assert rows.dtype == np.float32
    assert rows.shape == (len(texts), dimensions)
    assert np.allclose(rows, vectors_of(texts, dimensions), atol=1e-6)


@pytest.mark.parametrize("encoding", ["asked", "floats", "base64"])
@pytest.mark.parametrize("defect", ["", "backwards", "no_index"])
async def test_each_text_gets_its_own_vector(server: EndpointServer, encoding: str, defect: str) -> None:
    server.tell(encoding=encoding, defect=defect, dimensions=64)
    check(await asked(server), _TEXTS, 64)


async def test_it_asks_for_base64_and_for_nothing_that_was_not_configured(server: EndpointServer) -> None:
    await asked(server)
    [sent] = server.journal()
    assert sent.fields == ["encoding_format", "input", "model"]
    assert sent.texts == _TEXTS
    assert sent.key is None


async def test_configured_dimensions_are_asked_for(server: EndpointServer) -> None:
    check(await asked(server, dimensions=16), _TEXTS, 16)
    assert "dimensions" in server.journal()[0].fields


async def test_dimensions_that_are_only_expected_are_not_asked_for(server: EndpointServer) -> None:
    rows_of(await asked(server, wanted=8))
    assert isinstance(await asked(server, wanted=16), Malformed)
    assert all("dimensions" not in sent.fields for sent in server.journal())


@pytest.mark.parametrize("silent", [False, True], ids=["named", "unnamed"])
@pytest.mark.parametrize(
    "unknown",
    [["encoding_format"], ["dimensions"], ["dimensions", "encoding_format"]],
    ids=lambda names: "+".join(names),
)
async def test_a_field_that_is_refused_is_left_out_from_then_on(
    server: EndpointServer, unknown: list[str], silent: bool
) -> None:
    server.tell(unknown_fields=unknown, silent_about_fields=silent)
    async with embedder(server, dimensions=8) as made:
        for _ in range(3):
            check(await made.embed(_TEXTS), _TEXTS, 8)
    journal = server.journal()
    assert len([sent for sent in journal if sent.status == 200]) == 3
    assert len(journal) == 3 + (1 if silent else len(unknown))
    assert not set(unknown) & set(journal[-1].fields)


async def test_a_text_that_is_refused_does_not_change_what_is_asked_for(server: EndpointServer) -> None:
    server.tell(marker="poison")
    async with embedder(server) as made:
        assert isinstance(await made.embed(["poison"]), Refused)
        rows_of(await made.embed(["good"]))
        server.clear()
        assert isinstance(await made.embed(["good", "poison"]), Refused)
        assert len(server.journal()) == 1
        rows_of(await made.embed(["good"]))
    assert server.journal()[-1].fields == ["encoding_format", "input", "model"]


async def test_dimensions_the_endpoint_cannot_make_are_told_in_its_own_words(server: EndpointServer) -> None:
    server.tell(unknown_fields=["dimensions"])
    answer = await asked(server, dimensions=16)
    assert answer == Refused(message=f"{host(server)} answered 400: Argument 'dimensions' is not supported.")


async def test_dimensions_that_are_ignored_are_noticed(server: EndpointServer) -> None:
    server.tell(obeys_dimensions=False)
    answer = await asked(server, dimensions=1024)
    assert answer == Malformed(message=f"{host(server)} answered a vector of 8 numbers instead of 1,024")


@pytest.mark.parametrize(
    ("defect", "words"),
    [
        ("fewer", "5 vectors for 6 texts"),
        ("more", "7 vectors for 6 texts"),
        ("long", "a vector of 9 numbers instead of 8"),
        ("ragged", "a vector of 9 numbers instead of 8"),
        ("nan", "a vector with numbers that are not finite"),
        ("infinite", "a vector with numbers that are not finite"),
        ("null", "a vector with something in it that is no number"),
        ("words", "a vector with something in it that is no number"),
        ("not_base64", "a vector that is not base64"),
        ("half", "a vector of 1.5 numbers instead of 8"),
        ("number", "a vector that is neither numbers nor base64"),
        ("twice", "vectors without saying of which text each is"),
        ("html", "something that is not JSON: 502 Bad Gateway"),
        ("garbage", "something that is not JSON"),
        ("no_data", "no vectors"),
        ("endless", "more than 1,050,112 bytes"),
    ],
)
async def test_an_answer_with_a_defect_is_taken_for_none(server: EndpointServer, defect: str, words: str) -> None:
    server.tell(defect=defect)
    answer = await asked(server, wanted=8)
    assert isinstance(answer, Malformed)
    assert answer.message.startswith(f"{host(server)} answered {words}")


async def test_an_error_in_an_answer_of_status_200_is_a_passing_one(server: EndpointServer) -> None:
    server.tell(defect="error")
    answer = await asked(server, wanted=8)
    assert isinstance(answer, Deferred)
    assert "the upstream provider is unwell" in answer.message


async def test_a_text_in_which_the_model_finds_nothing_has_a_row_of_zeros(server: EndpointServer) -> None:
    server.tell(nothing="void")
    rows = rows_of(await asked(server, ["void", "something"]))
    assert not rows[0].any()
    assert np.linalg.norm(rows[1]) == pytest.approx(1)


@pytest.mark.parametrize("status", [429, 503, 529])
async def test_a_busy_provider_is_a_pushback_with_the_wait_it_asked_for(server: EndpointServer, status: int) -> None:
    server.tell(statuses=[(status, {"Retry-After": "1.5"}, '{"error":{"message":"slow down"}}'), (status, {}, "")])
    async with embedder(server) as made:
        assert await made.embed(_TEXTS) == PushedBack(
            wait=timedelta(seconds=1.5), message=f"{host(server)} answered {status}: slow down"
        )
        assert await made.embed(_TEXTS) == PushedBack(wait=None, message=f"{host(server)} answered {status}")
        rows_of(await made.embed(_TEXTS))


async def test_a_pushback_without_a_wait_takes_it_from_the_limits(server: EndpointServer) -> None:
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "350ms"}
    server.tell(capacity=0, refusal_headers=headers)
    answer = await asked(server)
    assert isinstance(answer, PushedBack)
    assert answer.wait == timedelta(seconds=0.35)


@pytest.mark.parametrize("status", [408, 409, 424, 425, 500, 502, 504, 599])
async def test_a_passing_trouble_is_deferred(server: EndpointServer, status: int) -> None:
    server.tell(statuses=[(status, {"Retry-After": "7"}, '{"detail":"later"}')])
    assert await asked(server) == Deferred(
        wait=timedelta(seconds=7), message=f"{host(server)} answered {status}: later"
    )


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_a_batch_that_is_wrong_is_refused(server: EndpointServer, status: int) -> None:
    async with embedder(server) as made:
        rows_of(await made.embed(_TEXTS))
        server.tell(statuses=[(status, {}, '{"error":"too long","error_type":"Validation"}')])
        assert await made.embed(_TEXTS) == Refused(message=f"{host(server)} answered {status}: too long")


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (401, "{}", "check the key in TEST_KEY"),
        (402, "{}", "check the plan and the bill at the provider"),
        (403, "{}", "check the key in TEST_KEY, and that it may use test-model"),
        (404, "{}", "check base_url and model in [embedders.test]"),
        (405, "{}", "check base_url and model in [embedders.test]"),
        (400, '{"error":{"code":"model_not_found"}}', "check base_url and model in [embedders.test]"),
        (400, '{"error":{"code":"invalid_api_key"}}', "check the key in TEST_KEY"),
        (429, '{"error":{"type":"insufficient_quota"}}', "check the plan and the bill at the provider"),
        (204, "", "check base_url and model in [embedders.test]"),
    ],
)
async def test_what_somebody_must_put_right_is_denied_with_what_to_do(
    server: EndpointServer, status: int, body: str, hint: str
) -> None:
    server.tell(statuses=[(status, {}, body)])
    answer = await asked(server, key=_KEY, api_key_env="TEST_KEY")
    assert isinstance(answer, Denied)
    assert answer.hint == hint
    assert len(server.journal()) == 1


async def test_an_endpoint_that_wants_a_key_is_told_apart_from_a_wrong_one(server: EndpointServer) -> None:
    server.tell(key="another")
    answer = await asked(server)
    assert isinstance(answer, Denied)
    assert answer.hint == "it wants a key: name the variable that holds it with api_key_env in [embedders.test]"


async def test_a_redirect_is_not_followed(server: EndpointServer) -> None:
    server.tell(statuses=[(308, {"Location": f"{server.base_url}/embeddings"}, "")])
    answer = await asked(server)
    assert isinstance(answer, Denied)
    assert answer.hint.startswith(f"it leads to {server.base_url}/embeddings, which is not followed")
    assert len(server.journal()) == 1


async def test_the_key_is_sent_and_shown_to_nobody(server: EndpointServer) -> None:
    server.tell(key=_KEY)
    async with embedder(server, key=f" {_KEY}\n", api_key_env="TEST_KEY") as made:
        rows_of(await made.embed(_TEXTS))
        assert server.journal()[0].key == _KEY
        server.tell(key="another")
        told = [await made.embed(_TEXTS)]
        echo = f'{{"error":{{"message":"{"x" * 280} {_KEY}"}}}}'
        server.tell(statuses=[(status, {"Location": f"/{_KEY}"}, echo) for status in (200, 307, 400, 429, 500)])
        told += [await made.embed(_TEXTS) for _ in range(5)]
        shown = repr([made, *told])
    assert "Incorrect API key provided: ***." in shown
    assert _KEY[:12] not in shown


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "a\x00b"])
async def test_a_key_that_cannot_be_sent_is_not(server: EndpointServer, key: str) -> None:
    answer = await asked(server, key=key, api_key_env="TEST_KEY")
    assert answer == Denied(
        message=f"{host(server)} was not asked: its key holds characters that cannot be sent",
        hint="check the key in TEST_KEY",
    )
    assert server.journal() == []


@pytest.mark.parametrize("key", [None, "", " \n"])
async def test_a_key_that_is_wanted_and_not_there_is_missed_before_anything_is_sent(
    server: EndpointServer, key: str | None
) -> None:
    answer = await asked(server, key=key, api_key_env="TEST_KEY")
    assert isinstance(answer, Denied)
    assert "TEST_KEY holds no key for [embedders.test]" in answer.message
    assert server.journal() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error":{"message":"as OpenAI says it","code":null}}', "as OpenAI says it"),
        ('{"detail":"as others do"}', "as others do"),
        ('{"detail":[{"loc":["body","input"],"msg":"bad"},{"msg":"worse"}]}', "body.input: bad; worse"),
        ('{"object":"error","message":{"detail":[{"loc":["x"],"msg":"nested"}]}}', "x: nested"),
        ('{"error":"Input validation error","error_type":"Validation"}', "Input validation error"),
        ("<html><title>Bad</title> <p>gateway</p></html>", "Bad gateway"),
        ("two\nlines \x1b[31mred", "two lines \\x1b[31mred"),
        ('{"error":{"message":"see https://user:secret@host/"}}', "see https://***@host/"),
        ('{"unknown":"shape"}', ""),
        ("[" * 5000, ""),
        ('{"error":' * 900 + '"deep"' + "}" * 900, ""),
        ("", ""),
    ],
)
async def test_what_a_provider_says_is_told_on_one_safe_line(server: EndpointServer, body: str, words: str) -> None:
    server.tell(statuses=[(500, {}, body)])
    assert await asked(server) == Deferred(
        wait=None, message=f"{host(server)} answered 500" + (f": {words}" if words else "")
    )


async def test_what_a_provider_says_at_length_is_cut(server: EndpointServer) -> None:
    server.tell(statuses=[(500, {}, "a" * 5000)])
    answer = await asked(server)
    assert isinstance(answer, Deferred)
    assert answer.message == f"{host(server)} answered 500: {'a' * 299}…"


async def test_a_server_that_is_not_there_defers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert await told_by(f"http://127.0.0.1:{port}/v1") == f"127.0.0.1:{port} refuses connections"


async def test_a_name_that_is_not_known_defers() -> None:
    assert await told_by("http://nobody.invalid/v1") == "the name of nobody.invalid cannot be resolved"


async def test_a_server_that_does_not_answer_in_time_defers(server: EndpointServer) -> None:
    server.tell(latency=30)
    assert await told_by(server.base_url, timeout=1) == f"{host(server)} did not answer in time"


async def test_a_server_that_answers_a_byte_at_a_time_is_not_waited_for_longer() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not ended.wait(0.05):
            connection.sendall(b" ")

    ended = threading.Event()
    with listening(drip) as port:
        assert await told_by(f"http://127.0.0.1:{port}/v1", timeout=1) == f"127.0.0.1:{port} did not answer in time"
        ended.set()


async def test_a_connection_that_breaks_off_defers(server: EndpointServer) -> None:
    server.tell(defect="cut")
    words = f"{host(server)} broke the connection off before it had answered"
    assert await told_by(server.base_url) == words
    server.tell(down=True)
    assert await told_by(server.base_url) == words


async def test_an_answer_that_is_not_http_defers() -> None:
    with listening(lambda connection: connection.sendall(b"220 smtp ready\r\n\r\n")) as port:
        words = f"127.0.0.1:{port} broke the connection off before it had answered"
        assert await told_by(f"http://127.0.0.1:{port}/v1") == words


async def test_a_certificate_that_nobody_vouches_for_defers(tmp_path: Path) -> None:
    made, key = certificate(tmp_path / "tls", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    served = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with served:
        port = served.sockets[0].getsockname()[1]
        told = await told_by(f"https://127.0.0.1:{port}/v1")
    assert told.startswith(f"the certificate of 127.0.0.1:{port} is not trusted: ")


async def test_a_certificate_that_the_environment_vouches_for_is_trusted(
    server: EndpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, key = certificate(tmp_path / "zertifikat für tls", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.wait([asyncio.create_task(piped(reader, back)), asyncio.create_task(piped(there, writer))])

    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    served = await asyncio.start_server(passed_on, "127.0.0.1", 0, ssl=context)
    async with served:
        port = served.sockets[0].getsockname()[1]
        embedder = RemoteEmbedder(
            read_endpoint("test", {"base_url": f"https://127.0.0.1:{port}/v1", "model": "m"}), None
        )
        rows_of(await embedder.embed(_TEXTS))
        await embedder.close()
    assert server.journal()[0].texts == _TEXTS


async def test_a_server_without_encryption_behind_https_defers() -> None:
    with listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        told = await told_by(f"https://127.0.0.1:{port}/v1")
    assert told.startswith(f"there is no encrypted connection to 127.0.0.1:{port}: ")


async def test_a_request_that_a_server_has_read_is_not_sent_again_behind_our_back() -> None:
    """A kept connection that is closed when the next request has been read: that one may be charged."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                heads.append(head)
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                await reader.readexactly(length)
                if len(heads) > 1:
                    break
                body = b'{"data":[{"index":0,"embedding":[1.0,0.0]}]}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    served = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with served:
        port = served.sockets[0].getsockname()[1]
        made_for = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "m"}
        asking = RemoteEmbedder(read_endpoint("test", made_for), None)
        rows_of(await asking.embed(["one"]))
        answered = await asking.embed(["two"])
        await asking.close()
    assert isinstance(answered, Deferred)
    assert answered.may_be_charged
    assert len(heads) == 2


@pytest.mark.parametrize(
    ("head", "meant"),
    [(b"401 Unauthorized", Denied), (b"429 Too Many Requests\r\nRetry-After: 7", PushedBack)],
)
async def test_a_refusal_counts_though_its_body_is_cut_off(head: bytes, meant: type[Answer]) -> None:
    def cut(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 " + head + b"\r\nContent-Length: 1000\r\n\r\n{")

    with listening(cut) as port:
        made_for = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "m"}
        asking = RemoteEmbedder(read_endpoint("test", made_for), None)
        answered = await asking.embed(["one"])
        await asking.close()
    assert isinstance(answered, meant)
    if isinstance(answered, PushedBack):
        assert answered.wait == timedelta(seconds=7)


async def test_what_is_under_way_when_the_embedder_is_closed_is_cancelled(server: EndpointServer) -> None:
    server.tell(latency=30)
    made = RemoteEmbedder(read_endpoint("test", server.table()), None)
    task = asyncio.create_task(made.embed(_TEXTS))
    await asyncio.to_thread(server.until, 1)
    await asyncio.wait_for(made.close(), 5)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_an_endpoint_that_was_down_is_used_again(server: EndpointServer) -> None:
    async with embedder(server) as made:
        rows_of(await made.embed(_TEXTS))
        server.tell(down=True)
        assert isinstance(await made.embed(_TEXTS), Deferred)
        server.tell(down=False)
        rows_of(await made.embed(_TEXTS))


async def test_connections_are_kept_and_no_more_than_the_cap(server: EndpointServer) -> None:
    server.tell(latency=0.02)
    async with embedder(server, concurrency=4) as made:
        for answer in await asyncio.gather(*(made.embed([str(number)]) for number in range(20))):
            rows_of(answer)
    journal = server.journal()
    assert len({sent.connection for sent in journal}) == 4
    assert max(sent.in_flight for sent in journal) == 4


async def test_a_cancelled_request_ends_at_once_and_leaves_the_rest_alone(server: EndpointServer) -> None:
    async with embedder(server, concurrency=1) as made:
        rows_of(await made.embed(_TEXTS))
        server.tell(latency=30)
        task = asyncio.create_task(made.embed(_TEXTS))
        await asyncio.to_thread(server.until, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        server.tell(latency=0)
        rows_of(await asyncio.wait_for(made.embed(_TEXTS), 5))


async def test_what_the_endpoint_counts_is_told_and_learnt_from(server: EndpointServer) -> None:
    server.tell(characters_a_token=2)
    texts = ["a" * 400] * 3
    async with embedder(server) as made:
        assert made.tokens_of(texts[0]) == 105
        for _ in range(6):
            answer = await made.embed(texts)
            assert isinstance(answer, Vectors)
            assert answer.tokens == 600
        assert 200 <= made.tokens_of(texts[0]) <= 220


async def test_an_endpoint_that_counts_nothing_teaches_nothing(server: EndpointServer) -> None:
    server.tell(counts_tokens=False)
    async with embedder(server) as made:
        answer = await made.embed(_TEXTS)
        assert isinstance(answer, Vectors)
        assert answer.tokens is None
        assert made.tokens_of("a" * 400) == 105


async def test_the_headroom_is_what_the_headers_say(server: EndpointServer) -> None:
    headers = {"x-ratelimit-remaining-requests": "99", "x-ratelimit-remaining-tokens": "0"}
    server.tell(headers={**headers, "x-ratelimit-reset-tokens": "6m0s"})
    answer = await asked(server)
    assert isinstance(answer, Vectors)
    assert answer.headroom == Headroom(requests=99, tokens=0, resets_in=timedelta(minutes=6))
    server.play()
    answer = await asked(server)
    assert isinstance(answer, Vectors)
    assert answer.headroom == Headroom()


async def test_a_probe_tells_how_long_the_vectors_really_are(server: EndpointServer) -> None:
    server.tell(dimensions=384)
    async with embedder(server) as made:
        assert await probe(made) == 384
    async with embedder(server, dimensions=100) as made:
        assert await probe(made) == 100
        server.tell(obeys_dimensions=False)
        assert isinstance(await probe(made), Malformed)
        server.tell(capacity=0)
        assert isinstance(await probe(made), PushedBack)
    assert [sent.items for sent in server.journal()] == [1] * 4


@pytest.mark.parametrize("encoding", ["base64", "floats"])
async def test_a_large_answer_is_decoded_as_a_small_one(server: EndpointServer, encoding: str) -> None:
    server.tell(dimensions=3072, encoding=encoding)
    texts = [f"text {number}" for number in range(200)]
    check(await asked(server, texts), texts, 3072)


async def test_the_proxy_of_the_environment_is_used(server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.base_url.removesuffix("/v1"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    made = RemoteEmbedder(read_endpoint("test", {"base_url": "http://nobody.invalid/v1", "model": "m"}), None)
    answer = await made.embed(["one"])
    await made.close()
    assert isinstance(answer, Denied)
    assert "http://nobody.invalid/v1/embeddings" in answer.message
    assert server.journal()[0].texts == ["one"]


async def test_a_proxy_that_is_not_there_is_told_apart_from_the_endpoint(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for proxy in (f"http://127.0.0.1:{port}", f"socks5://127.0.0.1:{port}"):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "nobody.invalid")
        told = await told_by(server.base_url)
        assert told.startswith(f"the proxy on the way to {host(server)} does not let it through: ")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        rows_of(await asked(server))


@pytest.mark.parametrize(
    "proxy",
    [
        "nonsense://x",
        "user:hunter2@host:99999",
        "http://user:hunter2 secret@host:1",
        "user:hunter2@[::1",
        "http://user:hünter2@host:1",
    ],
)
def test_a_proxy_that_cannot_be_one_is_an_error_that_says_so_and_shows_no_password(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(CouldNotRun, match="the proxy that the environment names cannot be used") as caught:
        RemoteEmbedder(read_endpoint("test", server.table()), None)
    assert "nter2" not in caught.value.message


async def piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


def host(server: EndpointServer) -> str:
    return f"127.0.0.1:{server.port}"


async def told_by(base_url: str, **table: object) -> str:
    """What an embedder says that asks there and has to try again later."""
    made = RemoteEmbedder(read_endpoint("test", {"base_url": base_url, "model": "m", **table}), None)
    answer = await made.embed(["one"])
    await made.close()
    assert isinstance(answer, Deferred), answer
    assert answer.wait is None
    assert answer.may_be_charged == any(words in answer.message for words in ("did not answer", "broke the connection"))
    return answer.message


class listening:  # noqa: N801 - read as a word in a with statement
    """A server that treats each connection in its own way, on a port of this machine."""

    def __init__(self, treat: Callable[[socket.socket], None]) -> None:
        self._treat = treat

    def __enter__(self) -> int:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
            with connection:
                self._treat(connection)
        except OSError:
            return
