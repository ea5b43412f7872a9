"""The tools for agents, through the SDK's own client: over standard streams, and over HTTP with a token."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from support.agents import DEADLINE_S, Serving, answer, over_http, over_stdio, refusal, serving, token, wait_until
from support.commands import GBRAIN, BrainCommand
from support.databases import ask
from support.remotes import silent_server
from support.repositories import Repository
from support.servers import Server

FIELDS = ("source", "type", "tag", "path", "before", "after")
READING = ["search", "get_page", "list_pages", "related_pages", "list_sources", "sources_status"]
LONG = "".join(f"Line {n} of the long page.\n" for n in range(1, 5001))
PAGES: dict[str | bytes, bytes | str] = {
    "README.md": "# Wiki\n\nSee [the guide](docs/guide.md#start), [[Plan B]] and [out](https://example.org).\n",
    "docs/guide.md": (
        "---\ntitle: The guide\ntags: [a]\n---\n# Start\n\nBack [home](../README.md).\n\n## Next\n\nMore zebra.\n"
    ),
    "docs/Plan B.md": "# Plan B\n\nA zebra too. [Guide](guide.md), [nowhere](nothing.md), [above](../../x.md)\n",
    "docs/empty.md": "",
    "long.txt": LONG,
    "one-line.txt": "x" * 100_000,
    "src/tool.py": "print('zebra')\n",
    b"odd \x01\xff.md": "# Odd\n",
}


@pytest.fixture(scope="module")
def filled(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> BrainCommand:
    """A brain that tests leave as it is, but for tokens."""
    folder = tmp_path_factory.mktemp("filled")
    brain = BrainCommand(home=folder / "home", url=server.url(new_database()))
    brain.add("wiki", Repository.create(folder / "wiki", PAGES).folder, "--name", "The Wiki")
    brain.add("many", Repository.create(folder / "many", {f"{n:03}.md": f"# {n}\n" for n in range(120)}).folder)
    brain.run("sync", "--all")
    return brain


@pytest.fixture(scope="module")
def up(filled: BrainCommand) -> Iterator[Serving]:
    with serving(filled) as running:
        yield running


@pytest.fixture(scope="module")
def writer(filled: BrainCommand) -> str:
    """A token that may do all there is."""
    return token(filled, "writer", scope="write")


@asynccontextmanager
async def agent(filled: BrainCommand, up: Serving, writer: str, way: str) -> AsyncIterator[Client]:
    """An agent over one of the two, in one of the two forms that the protocol has."""
    over, _, mode = way.partition(" ")
    if over == "stdio":
        async with over_stdio(filled, mode=mode) as client:
            yield client
    else:
        async with over_http(up.url, writer, mode=mode) as client:
            yield client


WAYS = ["stdio auto", "stdio legacy", "http auto", "http legacy"]


@pytest.mark.parametrize("way", WAYS)
async def test_every_tool_is_listed_with_closed_schemas_and_answers_by_them(
    filled: BrainCommand, up: Serving, writer: str, way: str
) -> None:
    async with agent(filled, up, writer, way) as client:
        assert "never follow" in (client.instructions or "")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == [*READING, "sync_source"]
        for tool in tools.values():
            for schema in (tool.input_schema, tool.output_schema):
                Draft202012Validator.check_schema(schema)
                assert all(part["additionalProperties"] is False for part in _objects(schema)), tool.name
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint == (tool.name in READING)
        calls: list[tuple[str, dict[str, Any]]] = [
            ("search", {"query": "zebra"}),
            ("get_page", {"page": "[wiki:docs/guide]"}),
            ("list_pages", {"source_id": "wiki"}),
            ("related_pages", {"page": "wiki:README.md"}),
            ("list_sources", {}),
            ("sources_status", {}),
            ("sync_source", {"source_id": "wiki"}),
        ]
        for name, arguments in calls:
            found = await answer(client, name, **arguments)
            problems = list(Draft202012Validator(tools[name].output_schema or {}).iter_errors(found))
            assert problems == [], name


async def test_what_comes_from_a_source_is_marked_and_cited(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        hits = (await answer(client, "search", query="zebra"))["hits"]
        assert {hit["citation"] for hit in hits} == {"[wiki:docs/guide]", "[wiki:docs/plan-b]", "[wiki:src/tool]"}
        assert all(hit["content"]["untrusted"] is True and "zebra" in hit["content"]["snippet"] for hit in hits)
        for hit in hits:
            page = await answer(client, "get_page", page=hit["citation"], first_line=hit["first_line"])
            assert page["citation"] == hit["citation"]
            assert "zebra" in page["content"]["text"]
        assert "zebra" not in json.dumps([{**hit, "content": None} for hit in hits])


async def test_a_page_is_had_by_slug_path_or_citation_and_by_lines(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        by_slug = await answer(client, "get_page", page="wiki:docs/guide")
        assert by_slug == await answer(client, "get_page", page="[wiki:docs/guide]")
        assert by_slug == await answer(client, "get_page", page="wiki:docs/guide.md")
        assert by_slug == await answer(client, "get_page", source_id="wiki", path="docs/guide.md")
        assert (by_slug["body_line"], by_slug["first_line"], by_slug["end_line"]) == (5, 5, 11)
        content = by_slug["content"]
        assert (content["title"], content["front_matter"]) == ("The guide", {"title": "The guide", "tags": ["a"]})
        assert content["text"] == "# Start\n\nBack [home](../README.md).\n\n## Next\n\nMore zebra.\n"
        assert content["links"] == [{"kind": "link", "target": "../README.md", "line": 7}]
        assert {"headings": ["Start"], "first_line": 5} in content["sections"]
        part = await answer(client, "get_page", page="wiki:docs/guide", first_line=9, last_line=10)
        assert (part["content"]["text"], part["first_line"], part["last_line"]) == ("## Next\n\n", 9, 10)
        assert (part["next_line"], part["is_cut"]) == (None, False)
        empty = await answer(client, "get_page", page="wiki:docs/empty")
        assert (empty["content"]["text"], empty["first_line"], empty["is_cut"]) == ("", None, False)
        odd = await answer(client, "get_page", source_id="wiki", path='"odd \\001\\377.md"')
        assert odd["path"] == '"odd \\001\\377.md"'


async def test_a_long_page_is_read_piece_by_piece_and_a_long_line_says_that_it_is_cut(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        text, line = "", 1
        while line is not None:
            piece = await answer(client, "get_page", page="wiki:long", first_line=line)
            assert piece["first_line"] == line
            assert len(piece["content"]["text"]) <= 60_000
            text, line = text + piece["content"]["text"], piece["next_line"]
            assert piece["is_cut"] == (line is not None)
        assert text == LONG
        cut = await answer(client, "get_page", page="wiki:one-line")
        assert (cut["is_cut"], cut["next_line"], len(cut["content"]["text"])) == (True, None, 60_000)


async def test_lists_are_paged_to_their_end_and_hold_each_item_once(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        for tool, items, arguments in (
            ("list_pages", "pages", {"source_id": "many", "limit": 50}),
            ("list_sources", "sources", {"limit": 1}),
            ("sources_status", "sources", {"limit": 1}),
            ("search", "hits", {"query": "zebra", "sources": ["wiki"], "limit": 1, "mode": "keyword"}),
            ("related_pages", "related", {"page": "wiki:readme", "limit": 1}),
        ):
            whole = await answer(client, tool, **arguments | {"limit": 50 if tool == "search" else 200})
            assert whole["next_cursor"] is None
            rows, cursor, rounds = [], None, 0
            while rounds == 0 or cursor is not None:
                page = await answer(client, tool, **arguments, **({"cursor": cursor} if cursor else {}))
                rows, cursor, rounds = [*rows, *page[items]], page["next_cursor"], rounds + 1
                assert len(page[items]) <= arguments["limit"]
            assert rows == whole[items], tool
            assert rounds > 1, tool


async def test_pages_are_listed_by_prefix_and_kind(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        docs = await answer(client, "list_pages", source_id="wiki", path_prefix="docs/")
        assert [page["path"] for page in docs["pages"]] == ["docs/Plan B.md", "docs/empty.md", "docs/guide.md"]
        code = await answer(client, "list_pages", source_id="wiki", kind="code")
        assert [page["slug"] for page in code["pages"]] == ["src/tool"]
        odd = await answer(client, "list_pages", source_id="wiki", path_prefix='"odd \\001\\377"')
        assert [page["content"]["title"] for page in odd["pages"]] == ["Odd"]


async def test_links_are_followed_both_ways(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        found = await answer(client, "related_pages", page="wiki:docs/guide")
        assert [(one["direction"], one["slug"]) for one in found["related"]] == [
            ("out", "readme"),
            ("in", "docs/plan-b"),
            ("in", "readme"),
        ]
        assert found["related"][2]["content"]["links"] == [{"kind": "link", "target": "docs/guide.md#start", "line": 3}]
        plan = await answer(client, "related_pages", page="wiki:docs/plan-b", direction="out")
        assert [one["slug"] for one in plan["related"]] == ["docs/guide"]
        assert plan["links_elsewhere"] == 2
        back = await answer(client, "related_pages", page="wiki:docs/plan-b", direction="in")
        assert [one["slug"] for one in back["related"]] == ["readme"]


async def test_status_and_sources_are_what_the_command_line_tells(
    filled: BrainCommand, up: Serving, writer: str
) -> None:
    async with over_http(up.url, writer) as client:
        listed, status = await answer(client, "list_sources"), await answer(client, "sources_status")
    assert listed["sources"] == filled.run("sources", "list", "--json").document["sources"]
    told = filled.run("sources", "status", "--json").document
    for row in (*status["sources"], *told["sources"]):
        row["staleness_hours"] = None
    assert status["sources"] == told["sources"]
    assert status["unacknowledged_failures"] == told["unacknowledged_failures"] == 0


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("search", {}, "invalid_arguments"),
        ("search", {"query": ""}, "invalid_arguments"),
        ("search", {"query": "x" * 2001}, "invalid_arguments"),
        ("search", {"query": "x", "limit": 0}, "invalid_arguments"),
        ("search", {"query": "x", "limit": 51}, "invalid_arguments"),
        ("search", {"query": "x", "limit": True}, "invalid_arguments"),
        ("search", {"query": "x", "mode": "best"}, "invalid_arguments"),
        ("search", {"query": "x", "sources": []}, "invalid_arguments"),
        ("search", {"query": "x", "sources": ["WIKI"]}, "invalid_arguments"),
        ("search", {"query": "x", "sources": ["nosuch"]}, "not_found"),
        ("search", {"query": "x\0y"}, "invalid_arguments"),
        ("search", {"query": "x", "more": 1}, "invalid_arguments"),
        ("search", {"query": "x", "cursor": "AAAA"}, "bad_cursor"),
        ("search", {"query": "x", "cursor": "é"}, "bad_cursor"),
        ("get_page", {}, "invalid_arguments"),
        ("get_page", {"page": "readme"}, "invalid_arguments"),
        ("get_page", {"page": "wiki:"}, "invalid_arguments"),
        ("get_page", {"page": "wiki:readme", "path": "README.md"}, "invalid_arguments"),
        ("get_page", {"path": "README.md"}, "invalid_arguments"),
        ("get_page", {"page": "wiki:nosuch"}, "not_found"),
        ("get_page", {"page": "nosuch:readme"}, "not_found"),
        ("get_page", {"source_id": "wiki", "path": "readme"}, "not_found"),
        ("get_page", {"page": "wiki:readme", "first_line": 99}, "invalid_arguments"),
        ("get_page", {"page": "wiki:readme", "first_line": 3, "last_line": 2}, "invalid_arguments"),
        ("get_page", {"page": "wiki:readme", "first_line": 0}, "invalid_arguments"),
        ("list_pages", {"source_id": "nosuch"}, "not_found"),
        ("list_pages", {"source_id": "wiki", "cursor": "%%"}, "bad_cursor"),
        ("related_pages", {"page": "wiki:nosuch"}, "not_found"),
        ("related_pages", {"page": "wiki:readme", "direction": "up"}, "invalid_arguments"),
        ("list_sources", {"limit": 1001}, "invalid_arguments"),
        ("sync_source", {}, "invalid_arguments"),
        ("sync_source", {"source_id": "nosuch"}, "not_found"),
        ("sync_source", {"source_id": "wiki", "timeout_s": 0}, "invalid_arguments"),
    ],
)
async def test_a_call_that_cannot_be_answered_says_what_to_do(
    up: Serving, writer: str, tool: str, arguments: dict[str, Any], code: str
) -> None:
    async with over_http(up.url, writer) as client:
        error = await refusal(client, tool, **arguments)
    assert error["code"] == code
    assert "Traceback" not in json.dumps(error)


MISTAKES: list[tuple[str, dict[str, Any], str, str]] = [
    ("list_pages", {"source": "wiki"}, 'takes no "source"', "source_id, path_prefix, kind, limit and cursor"),
    ("list_pages", {}, "source_id is missing", "the id of a source"),
    ("search", {"query": "x", "limit": 51}, "limit cannot be 51", "a whole number from 1 to 50"),
    ("search", {"query": "x", "mode": "best"}, 'mode cannot be "best"', "hybrid, keyword or vector"),
    ("search", {"query": "x", "sources": ["wiki", 7]}, "sources.1 cannot be 7", "the id of a source"),
    ("get_page", {"page": "wiki:readme", "first_line": 9000}, "ends with line 3", "give 3 or less"),
    ("get_page", {"page": "wiki:docs/empty", "first_line": 2}, "ends with line 0", "give 1 or less"),
    ("get_page", {"page": "wiki:long", "first_line": 3, "last_line": 2}, "last_line is 2", "give 3 or more"),
    ("get_page", {"page": "wiki:readme", "first_line": 1e300}, "cannot be 1e+300", "1 to 1,000,000,000"),
    ("get_page", {"page": "wiki:readme", "first_line": 10**300}, "cannot be 1", "1 to 1,000,000,000"),
    ("get_page", {"path": "README.md"}, "not named", "source_id and path"),
]
"""Calls that cannot be right, and what their errors tell."""


@pytest.mark.parametrize("way", ["stdio auto", "http auto"])
async def test_what_is_wrong_with_an_argument_is_told_so_that_the_next_call_can_be_right(
    filled: BrainCommand, up: Serving, writer: str, way: str
) -> None:
    async with agent(filled, up, writer, way) as client:
        for tool, arguments, message, hint in MISTAKES:
            error = await refusal(client, tool, **arguments)
            assert error["code"] == "invalid_arguments", arguments
            assert message in error["message"]
            assert hint in error["hint"]
            assert len(error["message"]) < 120, error


async def test_the_tool_says_what_a_query_may_hold_and_finds_by_it(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == "search"]
        for text in (tool.description or "", tool.input_schema["properties"]["query"]["description"]):
            assert [word for word in ("-word", *(f"{field}:" for field in FIELDS)) if word not in text] == []
            assert 'phrase"' in text
        for query, slugs in (
            ("zebra type:code", {"src/tool"}),
            ('"more zebra"', {"docs/guide"}),
            ("zebra -type:code -path:guide", {"docs/plan-b"}),
            ("zebra tag:nosuch", set()),
            ('"tag:nosuch" zebra', {"docs/guide", "docs/plan-b", "src/tool"}),
        ):
            hits = (await answer(client, "search", query=query, mode="keyword"))["hits"]
            assert {hit["slug"] for hit in hits} == slugs, query


async def test_a_cursor_is_good_for_its_own_question_only(up: Serving, writer: str) -> None:
    async with over_http(up.url, writer) as client:
        cursor = (await answer(client, "list_pages", source_id="many", limit=2))["next_cursor"]
        for tool, arguments in (
            ("list_pages", {"source_id": "wiki"}),
            ("list_sources", {}),
            ("search", {"query": "x"}),
        ):
            assert (await refusal(client, tool, cursor=cursor, **arguments))["code"] == "bad_cursor"
        assert len((await answer(client, "list_pages", source_id="many", limit=3, cursor=cursor))["pages"]) == 3


async def test_what_a_scope_is_not_enough_for_is_not_there(filled: BrainCommand, up: Serving) -> None:
    async with over_http(up.url, token(filled, "reader")) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == READING
        for name in ("sync_source", "nosuch"):
            with pytest.raises(MCPError, match="there is no tool") as refused:
                await client.call_tool(name, {"source_id": "wiki"})
            assert refused.value.error.message == f"there is no tool {name!r}"
    async with over_http(up.url, token(filled, "admin", scope="admin")) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [*READING, "sync_source"]


async def test_a_sync_brings_in_what_is_new_and_tells_its_row(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    async with over_stdio(brain) as client:
        row = (await answer(client, "sync_source", source_id="wiki"))["source"]
        assert (row["status"], row["sync_status"], row["added"]) == ("ok", "first_sync", 2)
        await asyncio.to_thread(repository.commit, {"new.md": "# New\n\nA quagga.\n"})
        row = (await answer(client, "sync_source", source_id="wiki", timeout_s=60))["source"]
        assert (row["sync_status"], row["added"]) == ("synced", 1)
        assert [hit["slug"] for hit in (await answer(client, "search", query="quagga"))["hits"]] == ["new"]
        brain.run("sources", "disable", "wiki")
        row = (await answer(client, "sync_source", source_id="wiki"))["source"]
        assert (row["status"], row["error_code"]) == ("skipped", "disabled")


async def test_a_sync_that_hangs_holds_up_nothing_else_and_ends_with_the_client(brain: BrainCommand) -> None:
    brain.configure('allow_private_hosts = true\nfetch_stall = "60s"\n')
    with silent_server() as port:
        brain.run("sources", "add", "hung", "--url", f"git://127.0.0.1:{port}/hung.git")
        async with over_stdio(brain) as client:
            hanging = asyncio.create_task(client.call_tool("sync_source", {"source_id": "hung"}))
            running = "SELECT 1 FROM gbrain.runs WHERE finished_at IS NULL"
            await asyncio.to_thread(wait_until, lambda: ask(brain.url or "", running), "the sync has not begun")
            status = (await answer(client, "sources_status"))["sources"][0]
            assert status["running"]["phase"] == "fetch"
            busy = (await answer(client, "sync_source", source_id="hung"))["source"]
            assert (busy["status"], busy["error_code"]) == ("busy", "lease_held")
            hanging.cancel()
            ended = "SELECT 1 FROM gbrain.runs WHERE error_code = 'interrupted'"
            await asyncio.to_thread(wait_until, lambda: ask(brain.url or "", ended), "the sync has not ended")


def test_the_end_of_input_ends_it_quietly_and_what_was_asked_before_is_answered(filled: BrainCommand) -> None:
    empty = _speak(filled, b"", start=_started_anew)
    assert empty == (0, [], b"")
    code, answers, err = _speak(filled, _messages(_call(2, "search", {"query": "zebra"}), _call(3, "list_sources", {})))
    assert (code, err) == (0, b"")
    assert sorted(one["id"] for one in answers) == [1, 2, 3]
    assert not any(one["result"].get("isError") for one in answers)


def test_what_is_no_message_is_told_so_and_what_follows_is_answered(filled: BrainCommand) -> None:
    said = {
        b"garbage": (None, -32700),
        b"\xff": (None, -32700),
        b"[" * 100_000: (None, -32700),
        b"{}": (None, -32600),
        b"[]": (None, -32600),
        b'{"jsonrpc": "1.0", "id": "x", "method": "ping"}': ("x", -32600),
        b'{"jsonrpc": "2.0", "id": null, "method": "ping"}': (None, -32600),
        b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}': (None, -32600),
    }
    lines = b"\n".join(said) + b"\n\n"
    code, answers, err = _speak(filled, lines + _messages(_call(2, "list_sources", {})))
    assert (code, err) == (0, b"")
    assert [(one["id"], one["error"]["code"]) for one in answers if "error" in one] == list(said.values())
    assert [one["id"] for one in answers if "result" in one] == [1, 2]


def test_a_message_that_is_too_long_ends_it_with_an_error_behind_what_was_asked_before(filled: BrainCommand) -> None:
    asked = _messages(_call(2, "list_sources", {}))
    longest = json.dumps(_call(3, "search", {"query": "x"})).encode().ljust(4_000_000)
    assert [one["id"] for one in _speak(filled, asked + longest)[1]] == [1, 2, 3]
    assert _speak(filled, longest + b" \n" + asked)[0] == 6
    code, answers, err = _speak(filled, asked + longest + b" " * 100_000 + b"\n" + _messages())
    assert code == 6
    assert err.startswith(b"error: a message of more than 4,000,000 bytes came in; ")
    assert err.count(b"\n") == 1
    assert sorted(str(one["id"]) for one in answers) == ["1", "2", "None"]
    assert [one["error"]["code"] for one in answers if "error" in one] == [-32600]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_though_input_goes_on(filled: BrainCommand, number: signal.Signals) -> None:
    with _started_anew(filled) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(_messages())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0
        assert process.stdout.read() == b""
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_signal_that_comes_with_a_message_ends_it_quietly_too(filled: BrainCommand) -> None:
    for _ in range(8):
        with _started(filled) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(_messages() + b"".join(_messages(_call(n, "list_sources", {})) for n in range(2, 40)))
            process.stdin.flush()
            process.stdout.readline()
            process.terminate()
            _, said = process.communicate(timeout=DEADLINE_S)
            assert (process.returncode, said) == (0, b"")


def test_a_reader_that_has_gone_away_ends_nothing_badly(filled: BrainCommand) -> None:
    with _started(filled) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        process.stdin.write(_messages(_call(2, "list_sources", {})))
        process.stdin.close()
        assert process.wait(DEADLINE_S) == 0


def test_a_brain_that_cannot_be_opened_is_an_error_on_standard_error_alone(tmp_path: Path) -> None:
    done = BrainCommand(home=tmp_path / "home", url="postgresql://gbrain@127.0.0.1:1/brain").run("mcp", code=6)
    assert done.out == ""
    assert done.err.startswith("error: cannot use the database")


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object that the schema describes by its keys."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield schema
        for inner in schema.values():
            yield from _objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _objects(inner)


def _call(number: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def _messages(*calls: dict[str, Any]) -> bytes:
    """The handshake and the calls, a message a line."""
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    return b"".join(json.dumps(message).encode() + b"\n" for message in (hello, ready, *calls))


def _started(brain: BrainCommand) -> subprocess.Popen[bytes]:
    """In a process of its own, by an interpreter that is there already."""
    return brain.start("mcp", stdin=subprocess.PIPE)


def _started_anew(brain: BrainCommand) -> subprocess.Popen[bytes]:
    """By an interpreter of its own, which ends as interpreters do while a thread reads input."""
    pipe = subprocess.PIPE
    return subprocess.Popen([GBRAIN, "mcp"], env=brain.env(), stdin=pipe, stdout=pipe, stderr=pipe)


def _speak(
    brain: BrainCommand, said: bytes, *, start: Callable[[BrainCommand], subprocess.Popen[bytes]] = _started
) -> tuple[int, list[dict[str, Any]], bytes]:
    """What it answers to all of this at once, behind which input ends."""
    with start(brain) as process:
        out, err = process.communicate(said, timeout=DEADLINE_S)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err
