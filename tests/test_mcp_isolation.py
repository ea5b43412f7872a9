"""A caller sees its own sources and no others: by content, counts, errors, or a difference of any kind."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from psycopg import AsyncConnection

from gbrain.app.brain import open_brain
from gbrain.app.searching import searching
from gbrain.app.settings import read_settings
from gbrain.domain.access import Access, Scope
from gbrain.errors import GbrainError
from gbrain.mcp.failing import ToolError
from gbrain.mcp.server import TOOLS
from gbrain.mcp.tools import Call
from gbrain.store.search import SQL, moment
from support.agents import Serving, bearer, serving, token
from support.commands import BrainCommand
from support.databases import ask
from support.repositories import Repository
from support.servers import Server

IDS = ("alpha", "beta", "gamma")
WORDS = {"alpha": "qualpharon", "beta": "qubetaron", "gamma": "qugammaron"}
STRANGERS = {"beta": "noone", "gamma": "nobody", "qubetaron": "xxxetaron", "qugammaron": "xxxammaron"}
"""What stands in place of the names of a source that is there, so that one that is not is asked for."""

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def _files(word: str) -> dict[str | bytes, bytes | str]:
    body = f"---\ntitle: Title {word}\n{word}: [value {word}]\n---\n# Heading {word}\n\nshared text {word}\n"
    return {
        "README.md": f"# Read {word}\n\nSee [it]({word}/{word}.md), [[{word}]], ![p](p-{word}.png). shared\n",
        f"{word}/{word}.md": body,
        f"{word}-broken.md": f"---\n{word}: [\n---\n",
        f"{word}.bin": b"\0\1\2\3" * 64,
        "same.md": "# Same\n\nshared by all\n",
    }


@pytest.fixture(scope="module")
def brain(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> BrainCommand:
    """Three sources of which each has a word of its own everywhere; the third is isolated."""
    folder = tmp_path_factory.mktemp("isolation")
    made = BrainCommand(home=folder / "home", url=server.url(new_database()), environ={"GBRAIN_EMBEDDER": "local"})
    for source_id, word in WORDS.items():
        repository = Repository.create(folder / word, _files(word))
        made.add(source_id, repository.folder, "--name", f"Name {word}", *(["--isolated"] * (source_id == "gamma")))
    made.run("sync", "--all", code=1)
    return made


@pytest.fixture(scope="module")
def up(brain: BrainCommand) -> Iterator[Serving]:
    with serving(brain) as running:
        yield running


@pytest.fixture(scope="module")
def owner(brain: BrainCommand) -> str:
    """A token for all."""
    return token(brain, "owner", scope="admin")


@pytest.fixture(scope="module")
def bound(brain: BrainCommand) -> str:
    """A token for the first source alone, with every right to it."""
    return token(brain, "bound", "--source", "alpha", scope="admin")


def call(up: Serving, secret: str, tool: str, arguments: dict[str, Any]) -> str:
    """The whole of an answer, as it came, and its status."""
    params = {"name": tool, "arguments": arguments}
    question = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    found = up.http.post(f"{up.url}/mcp", json=question, headers=HEADERS | bearer(secret))
    return found.text + str(found.status_code)


def hidden_in(text: str, seen: tuple[str, ...]) -> list[str]:
    """The words of sources not seen that stand in an answer."""
    return [word for source_id, word in WORDS.items() if source_id not in seen and word in text]


def questions() -> Iterator[tuple[str, dict[str, Any]]]:
    """All that can be asked about a source by its names, and what is asked about none."""
    for source_id, word in itertools.product(IDS, WORDS.values()):
        for name in ("readme", "same", f"{word}/{word}", f"{word}/{word}.md", f"{word}-broken.md", f"{word}.bin"):
            yield "get_page", {"page": f"{source_id}:{name}"}
            yield "get_page", {"source_id": source_id, "path": name}
            yield "related_pages", {"page": f"[{source_id}:{name}]"}
        yield "list_pages", {"source_id": source_id, "path_prefix": word}
        yield "search", {"query": word, "sources": [source_id]}
        yield "search", {"query": word, "sources": ["alpha", source_id]}
    for source_id, word in WORDS.items():
        yield "list_pages", {"source_id": source_id}
        yield "sync_source", {"source_id": source_id}
        for mode in ("keyword", "hybrid", "vector"):
            yield "search", {"query": word, "mode": mode}
            yield "search", {"query": f"Title {word} shared", "mode": mode, "limit": 50}
    for tool in ("list_sources", "sources_status"):
        yield tool, {}
        yield tool, {"limit": 1}
    yield "search", {"query": "shared", "limit": 50}


def test_the_words_are_there_for_whoever_may_see_them(up: Serving, owner: str) -> None:
    """What the other tests look for in vain can be found at all."""
    seen = "".join(call(up, owner, tool, arguments) for tool, arguments in questions() if tool != "sync_source")
    assert hidden_in(seen, ()) == list(WORDS.values())
    assert '"sources_count": 3' in seen.replace('":', '": ')
    status = json.loads(call(up, owner, "sources_status", {})[:-3])["result"]["structuredContent"]
    assert (status["unacknowledged_failures"], status["embedding"] is None) == (3, False)


def test_a_source_of_others_answers_exactly_as_one_that_there_is_not(up: Serving, bound: str) -> None:
    asked = [(tool, arguments) for tool, arguments in questions() if _strange(arguments) != arguments]
    assert len(asked) > 100
    for tool, arguments in asked:
        if tool == "search":
            arguments = arguments | {"mode": "keyword"}  # another word has another vector, and other scores by that
        found, stranger = call(up, bound, tool, arguments), call(up, bound, tool, _strange(arguments))
        assert _strange(found) == stranger, (tool, arguments)


async def test_a_source_of_others_costs_what_one_costs_that_there_is_not(
    brain: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same statements, each with as many rows: how long an answer takes tells nothing either."""
    asked = list[tuple[object, int]]()
    execute = AsyncConnection.execute

    async def recorded(self: Any, statement: Any, *arguments: Any, **more: Any) -> Any:
        cursor = await execute(self, statement, *arguments, **more)
        asked.append((statement, cursor.rowcount))
        return cursor

    monkeypatch.setattr(AsyncConnection, "execute", recorded)
    access = Access(scope=Scope.ADMIN, sources=frozenset({"alpha"}))
    settings = read_settings({"GBRAIN_HOME": str(brain.home), "GBRAIN_EMBEDDER": "local"})
    async with open_brain(settings, brain.url or "", connections=2) as opened:

        async def cost(tool: str, arguments: dict[str, Any]) -> list[tuple[object, int]]:
            async with searching(opened) as searcher:
                asked.clear()
                with suppress(GbrainError, ToolError):
                    await TOOLS[tool].answer(Call(searcher=searcher, access=access, arguments=arguments))
                return list(asked)

        await cost("list_sources", {})
        async with opened.pool.connection() as conn, moment(conn, "readme", access.sources) as named:
            assert {source: len(one.named) for source, one in named.items()} == {"alpha": 1, "beta": 0, "gamma": 0}
        several = 0
        for tool, arguments in questions():
            if tool == "sync_source" or _strange(arguments) == arguments:
                continue
            if tool == "search":
                arguments = arguments | {"mode": "keyword"}  # by another vector, other pages are shown
            one = await cost(tool, arguments)
            several += len(one) > 1
            assert all(rows >= 0 for statement, rows in one if statement != SQL["begin"]), "all rows were counted"
            assert one == await cost(tool, _strange(arguments)), (tool, arguments)
        assert several > 30


def test_nothing_of_others_stands_in_what_is_asked_about_ones_own(up: Serving, bound: str) -> None:
    for tool, arguments in questions():
        if _strange(arguments) == arguments:
            found = call(up, bound, tool, arguments)
            assert hidden_in(found, ("alpha",)) == [], (tool, arguments)
            assert not {"beta", "gamma"} & set(found.replace('"', " ").split()), (tool, arguments)


def test_totals_are_of_ones_own_sources(up: Serving, bound: str, brain: BrainCommand) -> None:
    status = json.loads(call(up, bound, "sources_status", {})[:-3])["result"]["structuredContent"]
    assert (status["sources_count"], status["unacknowledged_failures"], status["embedding"]) == (1, 1, None)
    assert json.loads(call(up, bound, "list_sources", {})[:-3])["result"]["structuredContent"]["sources_count"] == 1
    both = token(brain, "both", "--source", "alpha", "--source", "gamma")
    status = json.loads(call(up, both, "sources_status", {})[:-3])["result"]["structuredContent"]
    assert (status["sources_count"], status["unacknowledged_failures"]) == (2, 2)


def test_an_isolated_source_is_found_when_it_is_named_by_who_may_see_it(up: Serving, brain: BrainCommand) -> None:
    secret = token(brain, "isolated", "--source", "gamma")
    assert WORDS["gamma"] not in call(up, secret, "search", {"query": "shared"})
    assert WORDS["gamma"] in call(up, secret, "search", {"query": "shared", "sources": ["gamma"]})


def test_a_token_whose_sources_are_gone_sees_nothing(up: Serving, brain: BrainCommand) -> None:
    secret = token(brain, "bereft", "--source", "alpha", scope="admin")
    ask(brain.url or "", "UPDATE gbrain.tokens SET sources = '{}' WHERE name = 'bereft' RETURNING 1")
    for tool, arguments in questions():
        if "qu" not in json.dumps(arguments).replace("query", ""):
            assert hidden_in(call(up, secret, tool, arguments), ()) == [], (tool, arguments)
    assert '"sources_count":0' in call(up, secret, "list_sources", {})


def test_nobody_syncs_a_source_of_others(up: Serving, bound: str, brain: BrainCommand) -> None:
    before = ask(brain.url or "", "SELECT source_id, count(*) FROM gbrain.runs GROUP BY 1 ORDER BY 1")
    for source_id in ("beta", "gamma"):
        assert '"code":"not_found"' in call(up, bound, "sync_source", {"source_id": source_id})
    assert ask(brain.url or "", "SELECT source_id, count(*) FROM gbrain.runs GROUP BY 1 ORDER BY 1") == before


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_asked_nothing_of_others_comes_out(up: Serving, bound: str, owner: str, seed: int) -> None:
    """Words of others are never sent here, so that none can be an echo; the cursors are those of who sees all."""
    rng = random.Random(seed)
    cursors = [
        json.loads(call(up, owner, tool, arguments | {"limit": 1})[:-3])["result"]["structuredContent"]["next_cursor"]
        for tool, arguments in (
            ("search", {"query": "shared"}),
            ("list_pages", {"source_id": "beta"}),
            ("list_sources", {}),
            ("sources_status", {}),
            ("related_pages", {"page": "beta:readme"}),
        )
    ]
    values: dict[str, list[Any]] = {
        "query": [
            "shared",
            "Title",
            "Heading",
            "value",
            "Read",
            "%",
            "_",
            "*",
            "a OR b",
            '"shared text"',
            "it",
            "qu",
            "'",
        ],
        "sources": [[one] for one in IDS] + [["alpha", "beta"], ["*"], [], ["gamma", "alpha"]],
        "mode": ["keyword", "vector", "hybrid", "all"],
        "limit": [1, 10, 50, 0, 10**9, -1, 1.0],
        "cursor": [*cursors, "", "x", None],
        "page": [
            "beta:readme",
            "[gamma:same]",
            "alpha:../beta/same",
            "alpha:readme",
            "beta:",
            ":same",
            "same",
            "*:same",
        ],
        "source_id": [*IDS, "%", "", "alpha,beta", "ALPHA"],
        "path": ["README.md", "same.md", "../beta/README.md", "/", ""],
        "path_prefix": ["", "qu", "README", '"', "\\"],
        "kind": ["markdown", "code", "x"],
        "direction": ["in", "out", "both"],
        "first_line": [1, 2, 10**6],
        "last_line": [1, 10**6],
        "visible": [list(IDS)],
        "access": ["admin"],
    }
    tools = ("search", "get_page", "list_pages", "related_pages", "list_sources", "sources_status")
    for _ in range(150):
        tool = rng.choice(tools)
        arguments = {name: rng.choice(values[name]) for name in rng.sample(sorted(values), rng.randint(0, 4))}
        if tool == "search":
            arguments.setdefault("query", rng.choice(values["query"]))
        found = call(up, bound, tool, arguments)
        assert hidden_in(found, ("alpha",)) == [], (tool, arguments, found)
        assert "Traceback" not in found
        assert '"code":"internal"' not in found, (tool, arguments, found)


def _strange(value: Any) -> Any:
    """The same with the names of others in place of those of sources that are not the caller's."""
    text = value if isinstance(value, str) else json.dumps(value)
    for name, stranger in STRANGERS.items():
        text = text.replace(name, stranger)
    return text if isinstance(value, str) else json.loads(text)
