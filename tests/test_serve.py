"""`gbrain serve`: who gets in, by what name and from where, and how it starts and ends."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gbrain.postgres import postmaster
from gbrain.postgres.paths import places_of
from gbrain.web.limiting import MOST_OF_ALL, MOST_OF_ONE, WINDOW_S, Failures
from support.agents import DEADLINE_S, REFERENCE, Serving, bearer, serving, token, wait_until
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked_error
from support.remotes import silent_server
from support.repositories import Repository
from support.servers import Server

PING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
SPEAKS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shared(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> BrainCommand:
    """A brain that tests leave as it is, but for tokens."""
    return BrainCommand(home=tmp_path_factory.mktemp("home"), url=server.url(new_database()))


@pytest.fixture(scope="module")
def up(shared: BrainCommand) -> Iterator[Serving]:
    """Its server."""
    shared.configure('allowed_hosts = ["Brain.Example.org"]\n')
    with serving(shared) as running:
        yield running


@pytest.fixture(scope="module")
def good(shared: BrainCommand) -> str:
    """A token that is good."""
    return token(shared, "good")


def post(up: Serving, secret: str | None, *, path: str = "/mcp", **more: Any) -> httpx.Response:
    headers = SPEAKS | (bearer(secret) if secret is not None else {}) | more.pop("headers", {})
    return up.http.post(f"{up.url}{path}", json=PING, headers=headers, **more)


def error_of(answer: httpx.Response) -> str:
    """The code of the error document that it is."""
    document = answer.json()
    assert document.keys() == {"schema_version", "error"}
    assert document["error"].keys() == {"code", "message", "hint"}
    code: str = document["error"]["code"]
    assert f"\n| {answer.status_code} | `{code}` | " in REFERENCE.read_text()
    return code


def test_it_says_where_it_listens_and_whether_it_is_there(up: Serving) -> None:
    assert up.said == (
        f"listening on {up.url}\nagents speak MCP to {up.url}/mcp, each with a token: gbrain tokens add NAME\n"
    )
    answer = up.http.get(f"{up.url}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "server" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/nothing", "/mcp/", "/healthz/x", "/docs", "//mcp", "/..%2fhealthz"])
def test_nothing_else_is_there(up: Serving, good: str, path: str) -> None:
    answer = up.http.get(f"{up.url}{path}", headers=bearer(good))
    assert answer.status_code in (307, 404, 405)
    assert answer.status_code == 307 or error_of(answer) in ("not_found", "wrong_method")


def test_a_token_lets_in(up: Serving, good: str) -> None:
    answer = post(up, good)
    assert answer.status_code == 200
    assert [tool["name"] for tool in answer.json()["result"]["tools"]][:1] == ["search"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic {good}"},
        {"Authorization": "{good}"},
        {"X-Api-Key": "{good}"},
        {"Cookie": "token={good}"},
    ],
)
def test_nothing_but_the_header_for_it_lets_in(up: Serving, good: str, headers: dict[str, str]) -> None:
    for path in ("/mcp", "/mcp?token={good}", "/mcp?access_token={good}", "/mcp?authorization=Bearer%20{good}"):
        shown = {name: value.format(good=good) for name, value in headers.items()}
        answer = post(up, None, path=path.format(good=good), headers=shown)
        assert (answer.status_code, error_of(answer)) == (401, "no_token")
        assert answer.headers["www-authenticate"] == 'Bearer realm="gbrain"'
        assert good not in answer.text


def test_two_tokens_at_once_let_nobody_in(up: Serving, good: str) -> None:
    with httpx.Client() as client:
        headers = [*SPEAKS.items(), *bearer(good).items(), *bearer(good).items()]
        answer = client.post(f"{up.url}/mcp", json=PING, headers=headers)
    assert answer.status_code == 401


def test_a_revoked_or_expired_token_lets_nobody_in_from_that_moment(shared: BrainCommand, up: Serving) -> None:
    for name in ("revoked", "expired"):
        secret = token(shared, name, "--expires", "1h")
        assert post(up, secret).status_code == 200
        if name == "revoked":
            shared.run("tokens", "revoke", name)
        else:
            ask(shared.url or "", "UPDATE gbrain.tokens SET expires_at = now() WHERE name = %s RETURNING 1", name)
        answer = post(up, secret)
        assert (answer.status_code, error_of(answer)) == (401, "bad_token")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/healthz", "/mcp", "/nothing"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example.org",
        "evil.example.org:{port}",
        "127.0.0.1.evil.org",
        "127.0.0.1@evil.org",
        "",
        "localhost.",
        "[::2]",
    ],
)
def test_a_name_that_is_not_its_own_is_refused(up: Serving, good: str, host: str, path: str) -> None:
    headers = bearer(good) | {"Host": host.format(port=up.url.rpartition(":")[2])}
    answer = up.http.get(f"{up.url}{path}", headers=headers)
    assert answer.status_code in (400, 421)
    assert "ok" not in answer.text.split('"')


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:7433", "brain.example.org"])
def test_names_of_its_own_are_taken(up: Serving, host: str) -> None:
    assert up.http.get(f"{up.url}/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", "http://localhost:1", "file://", "http://[::1", "garbage", ""]
)
def test_a_page_of_another_site_is_refused(up: Serving, good: str, origin: str) -> None:
    answer = post(up, good, headers={"Origin": origin})
    assert (answer.status_code, error_of(answer)) == (403, "wrong_origin")


def test_a_page_of_its_own_is_let_through(up: Serving, good: str) -> None:
    assert post(up, good, headers={"Origin": up.url}).status_code == 200


def test_what_is_no_question_is_refused(up: Serving, good: str) -> None:
    for method in ("GET", "DELETE", "PUT"):
        answer = up.http.request(method, f"{up.url}/mcp", headers=SPEAKS | bearer(good))
        assert (answer.status_code, error_of(answer), answer.headers["allow"]) == (405, "wrong_method", "POST")
    for content, code in ((b"{", -32700), (b"[]", -32600), (b'{"jsonrpc": "2.0", "id": "x"}', -32600)):
        answer = up.http.post(f"{up.url}/mcp", content=content, headers=SPEAKS | bearer(good))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), content
    wrong = [b"", b"{", b"[]", b"7", b'{"jsonrpc": "2.0"}', b"\xff", b"[" * 100_000]
    for content in wrong:
        answer = up.http.post(f"{up.url}/mcp", content=content, headers=SPEAKS | bearer(good))
        assert answer.status_code in (200, 202, 400), content
        assert "Traceback" not in answer.text
    answer = up.http.post(f"{up.url}/mcp", content=b"x" * 1_000_001, headers=SPEAKS | bearer(good))
    assert answer.status_code == 413
    assert post(up, good).status_code == 200


@pytest.mark.parametrize("number", [None, {}, [], 1.5, True])
@pytest.mark.parametrize("more", [{}, {"MCP-Protocol-Version": "2025-06-18"}, {"MCP-Protocol-Version": "2026-07-28"}])
def test_a_request_whose_id_is_none_is_told_so(up: Serving, good: str, number: Any, more: dict[str, str]) -> None:
    answer = up.http.post(f"{up.url}/mcp", json=PING | {"id": number}, headers=SPEAKS | bearer(good) | more)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)
    assert answer.json()["id"] is None


def test_many_at_once_share_few_connections(shared: BrainCommand, up: Serving, good: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(up, good), range(32)))
        open_now = ask(shared.url or "", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    assert {answer.status_code for answer in answers} == {200}
    assert open_now[0][0] <= 8 + 1


def test_who_fails_too_often_is_told_to_wait_and_who_was_good_before_is_not(shared: BrainCommand) -> None:
    before, fresh = token(shared, "before"), token(shared, "fresh")
    with serving(shared) as up:
        assert post(up, before).status_code == 200
        answers = [post(up, f"gbrain_{n:043}") for n in range(MOST_OF_ONE + 1)]
        assert [answer.status_code for answer in answers] == [401] * MOST_OF_ONE + [429]
        assert error_of(answers[-1]) == "too_many_failures"
        assert 0 < int(answers[-1].headers["retry-after"]) <= WINDOW_S
        assert post(up, fresh).status_code == 429
        assert post(up, None).status_code == 401
        assert post(up, before).status_code == 200
        assert up.http.get(f"{up.url}/healthz").status_code == 200
        shared.run("tokens", "revoke", "before")
        assert post(up, before).status_code == 401
        assert post(up, before).status_code == 429


def test_failures_are_counted_by_address_and_together_and_forgotten_after_a_minute() -> None:
    now = [0.0]
    failures = Failures(now=lambda: now[0])
    for _ in range(MOST_OF_ONE):
        assert failures.wait_s("192.0.2.1") is None
        failures.note("192.0.2.1")
    now[0] = 20.5
    assert failures.wait_s("192.0.2.1") == 40
    assert failures.wait_s("192.0.2.2") is None
    for n in range(MOST_OF_ALL * 2):
        failures.note(f"2001:db8:{n:x}::1")
    assert len(failures._kept) == MOST_OF_ALL
    assert failures.wait_s("192.0.2.2") == 40
    now[0] = WINDOW_S
    assert failures.wait_s("192.0.2.1") is None
    assert failures.wait_s("192.0.2.2") is None
    now[0] = 10 * WINDOW_S
    for n in range(MOST_OF_ONE):
        failures.note(f"2001:db8:0:7::{n:x}")
    assert failures.wait_s("2001:db8:0:7:ffff::1") == 60
    assert failures.wait_s("2001:db8:0:8::1") is None


def test_who_tries_in_parallel_gets_no_more_tries(shared: BrainCommand) -> None:
    with serving(shared) as up, ThreadPoolExecutor(60) as pool:
        found = list(pool.map(lambda n: post(up, f"gbrain_{n:043}").status_code, range(60)))
    assert (found.count(401), found.count(429)) == (MOST_OF_ONE, 60 - MOST_OF_ONE)


def test_new_agents_that_come_all_at_once_are_all_let_in(shared: BrainCommand) -> None:
    secrets = [token(shared, f"at-once-{n}") for n in range(3)]
    with serving(shared) as up, ThreadPoolExecutor(60) as pool:
        found = {answer.status_code for answer in pool.map(lambda n: post(up, secrets[n % 3]), range(60))}
    assert found == {200}


def test_attempts_under_way_count_until_they_have_ended_well() -> None:
    failures = Failures(now=lambda: 0.0, of_one=2, of_all=3)
    failures.begin("192.0.2.1")
    assert failures.may_try("192.0.2.1")
    failures.begin("192.0.2.1")
    assert not failures.may_try("192.0.2.1")
    assert failures.wait_s("192.0.2.1") is None
    assert failures.may_try("192.0.2.2")
    failures.begin("192.0.2.2")
    assert not failures.may_try("192.0.2.3")
    failures.end("192.0.2.1", has_failed=False)
    assert failures.may_try("192.0.2.1")
    failures.end("192.0.2.1", has_failed=True)
    failures.end("192.0.2.2", has_failed=True)
    assert failures.may_try("192.0.2.3")
    failures.begin("192.0.2.1")
    failures.end("192.0.2.1", has_failed=True)
    assert failures.wait_s("192.0.2.3") == WINDOW_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(shared: BrainCommand, good: str, number: signal.Signals) -> None:
    with serving(shared) as up, httpx.Client() as kept_open:
        assert kept_open.get(f"{up.url}/healthz").status_code == 200
        assert post(up, good).status_code == 200
        started = time.monotonic()
        assert up.stop(number) == (0, "")
        assert time.monotonic() - started < 5


def test_a_request_under_way_is_given_a_moment_and_a_sync_ends_in_order(brain: BrainCommand) -> None:
    brain.configure('allow_private_hosts = true\nfetch_stall = "60s"\n')
    secret = token(brain, "writer", scope="write")
    call = PING | {"method": "tools/call", "params": {"name": "sync_source", "arguments": {"source_id": "hung"}}}
    with silent_server() as port, serving(brain) as up, ThreadPoolExecutor(1) as pool:
        brain.run("sources", "add", "hung", "--url", f"git://127.0.0.1:{port}/hung.git")
        asked = pool.submit(httpx.post, f"{up.url}/mcp", json=call, headers=SPEAKS | bearer(secret), timeout=DEADLINE_S)
        running = "SELECT 1 FROM gbrain.runs WHERE finished_at IS NULL"
        wait_until(lambda: ask(brain.url or "", running), "the sync has not begun")
        assert up.http.get(f"{up.url}/healthz").status_code == 200
        assert post(up, secret).status_code == 200
        started = time.monotonic()
        code, said = up.stop()
        assert (code, "Traceback" in said) == (0, False), said
        assert time.monotonic() - started < 15
        assert asked.exception(DEADLINE_S) is not None or asked.result().status_code >= 200
    assert ask(brain.url or "", "SELECT error_code FROM gbrain.runs") == [("interrupted",)]


def test_a_port_that_is_taken_is_exit_6_at_once(shared: BrainCommand, up: Serving) -> None:
    port = up.url.rpartition(":")[2]
    done = shared.run("serve", "--port", port, code=6)
    assert done.out == ""
    assert done.err == (
        f"error: cannot listen on 127.0.0.1:{port}: another process listens there; "
        "end it, or give another --port; 0 takes any that is free\n"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--port", "65536"], 2),
        (["--port", "-1"], 2),
        (["--port", "http"], 2),
        (["--port", "0x10"], 2),
        (["--host", "192.0.2.1"], 6),
        (["--host", "not a host"], 6),
    ],
)
def test_an_address_that_cannot_be_had_is_an_error(shared: BrainCommand, words: list[str], code: int) -> None:
    done = shared.run("serve", *words, code=code)
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("value", ['"brain.example.org"', '["http://brain.example.org"]', '["brain:80"]', "[7]"])
def test_names_that_cannot_be_allowed_are_a_usage_error(tmp_path: Path, value: str) -> None:
    brain = BrainCommand(home=tmp_path / "home")
    brain.configure(f"allowed_hosts = {value}\n")
    assert "allowed_hosts" in brain.run("serve", code=2).err


def test_it_listens_on_the_address_that_is_asked_for(shared: BrainCommand) -> None:
    with serving(shared, "--host", "::1") as up:
        assert up.url.startswith("http://[::1]:")
        assert up.http.get(f"{up.url}/healthz").status_code == 200
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", int(up.url.rpartition(":")[2])), timeout=5).close()


def test_quiet_says_nothing(shared: BrainCommand) -> None:
    port = _free()
    process = shared.start("-q", "serve", "--port", str(port))
    wait_until(lambda: _answers(port), "it does not listen")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=DEADLINE_S) == (b"", b"")
    assert process.returncode == 0


def test_a_database_that_goes_away_for_good_ends_it_so_that_its_manager_sees(embedded_brain: BrainCommand) -> None:
    secret = token(embedded_brain, "reader")
    with serving(embedded_brain) as up:
        assert post(up, secret).status_code == 200
        pid = postmaster.find(places_of(embedded_brain.home).data)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        answers: list[httpx.Response] = []  # what serves a connection outlives its parent by a moment
        wait_until(lambda: answers.append(post(up, secret)) or answers[-1].status_code != 200, "it answers still")
        answer = answers[-1]
        assert (answer.status_code, error_of(answer)) == (503, "database")
        assert "postgres" not in answer.text
        _, err = up.process.communicate(timeout=DEADLINE_S)
    assert up.process.returncode == 6
    assert "error: the database has gone away; start it, then run gbrain serve again" in err.decode()


def test_no_token_is_ever_said(shared: BrainCommand, good: str) -> None:
    with serving(shared) as up:
        post(up, good)
        post(up, "gbrain_" + "B" * 43)
        assert up.stop() == (0, "")


def test_its_errors_are_documents_under_json(tmp_path: Path) -> None:
    done = BrainCommand(home=tmp_path / "home").run("serve", "--json", code=2)
    checked_error(done, "usage")


def _free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_source_that_is_added_while_it_runs_is_seen(shared: BrainCommand, repository: Repository) -> None:
    secret = token(shared, "sees")
    with serving(shared) as up:
        shared.add("later", repository.folder)
        call = PING | {"method": "tools/call", "params": {"name": "list_sources", "arguments": {}}}
        answer = httpx.post(f"{up.url}/mcp", json=call, headers=SPEAKS | bearer(secret))
        assert answer.json()["result"]["structuredContent"]["sources_count"] == 1
