"""Access tokens: shown once, kept as hashes, good for what they were made for and until they are revoked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain.domain.access import Access, Scope
from gbrain.domain.redaction import redact
from gbrain.services.tokens import admitted
from gbrain.store.connection import Connection
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository
from support.servers import Server

SECRET = re.compile(r"gbrain_[A-Za-z0-9_-]{43}")


@pytest.fixture
def two(brain: BrainCommand, repository: Repository) -> BrainCommand:
    """A brain with two sources."""
    brain.add("wiki", repository.folder)
    brain.add("notes", repository.folder)
    return brain


async def let_in(brain: BrainCommand, secret: str) -> Access | None:
    """What whoever shows this may do."""
    conn: Connection = await psycopg.AsyncConnection.connect(brain.url or "", autocommit=True)
    async with conn:
        return await admitted(conn, secret)


def test_a_token_is_shown_once_and_only_its_hash_is_kept(two: BrainCommand, inside: Inside) -> None:
    made = inside.run(two, "tokens", "add", "laptop", "--scope", "read")
    secret = made.out.removesuffix("\n")
    assert SECRET.fullmatch(secret)
    assert made.err == "token laptop (read, all sources): keep it now, it is not shown again\n"
    assert ask(two.url or "", "SELECT name, secret_hash FROM gbrain.tokens") == [
        ("laptop", hashlib.sha256(secret.encode()).digest())
    ]
    assert secret[-20:] not in str(ask(two.url or "", "SELECT t::text FROM gbrain.tokens AS t"))
    listed = inside.run(two, "tokens", "list")
    assert secret not in listed.out + listed.err
    assert re.fullmatch(
        r"NAME +SCOPE +SOURCES +EXPIRES \(\w+\) +LAST USED \(\w+\)\nlaptop +read +all +- +-\n", listed.out
    )


def test_each_token_is_another(two: BrainCommand, inside: Inside) -> None:
    made = {inside.run(two, "tokens", "add", f"t{n}", "--scope", "read").out for n in range(5)}
    assert len(made) == 5


def test_the_documents_say_what_each_token_is_good_for(two: BrainCommand, inside: Inside) -> None:
    words = ("--scope", "write", "--source", "wiki", "--source", "notes", "--expires", "90d")
    (made,) = checked(inside.run(two, "tokens", "add", "The agent", *words, "--json"), "tokens-add")["tokens"]
    assert (made["name"], made["scope"], made["sources"]) == ("The agent", "write", ["notes", "wiki"])
    assert SECRET.fullmatch(made.pop("token"))
    inside.run(two, "tokens", "add", "laptop", "--scope", "admin")
    tokens = checked(inside.run(two, "tokens", "list", "--json"), "tokens-list")["tokens"]
    assert [token["name"] for token in tokens] == ["The agent", "laptop"]
    assert tokens[0] == made
    assert (tokens[1]["sources"], tokens[1]["expires_at"], tokens[1]["expired"]) == (None, None, False)
    assert [ask(two.url or "", "SELECT expires_at - created_at FROM gbrain.tokens ORDER BY name")[0][0].days] == [90]
    revoked = checked(inside.run(two, "tokens", "revoke", "laptop", "--json"), "tokens-revoke")["tokens"]
    assert revoked == [{"name": "laptop", "revoked": True}]
    assert len(checked(inside.run(two, "tokens", "list", "--json"), "tokens-list")["tokens"]) == 1


def test_sources_may_be_named_with_commas_and_one_after_another(two: BrainCommand, inside: Inside) -> None:
    for name, words in (("a", ["wiki,notes"]), ("b", ["wiki", "notes"]), ("c", ["wiki, notes,wiki"])):
        named = [word for source in words for word in ("--source", source)]
        done = inside.run(two, "tokens", "add", name, "--scope", "read", *named, "--json")
        assert checked(done, "tokens-add")["tokens"][0]["sources"] == ["notes", "wiki"]


def test_a_bare_number_means_seconds_and_that_is_said(two: BrainCommand, inside: Inside) -> None:
    made = inside.run(two, "tokens", "add", "a", "--scope", "read", "--expires", "90")
    first, second = made.err.splitlines()
    assert first == "--expires 90 means seconds: 90d would be days"
    assert second.startswith("token a (read, all sources, until ")
    assert [row[0].seconds for row in ask(two.url or "", "SELECT expires_at - created_at FROM gbrain.tokens")] == [90]
    made = inside.run(two, "tokens", "add", "b", "--scope", "read", "--expires", "90s")
    assert "means seconds" not in made.err


@pytest.mark.parametrize("given", ["1y", "2w", "3mo", "1.5d"])
def test_an_end_in_units_that_there_are_not_is_refused_with_those_that_there_are(
    two: BrainCommand, inside: Inside, given: str
) -> None:
    error = checked_error(
        inside.run(two, "tokens", "add", "a", "--scope", "read", "--expires", given, "--json", code=2), "usage"
    )
    assert "s, m, h or d" in error["hint"]
    assert "365d" in error["hint"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["add", "x"], 2, "usage"),
        (["add", "--scope", "read"], 2, "usage"),
        (["add", "x", "--scope", "all"], 2, "usage"),
        (["add", "", "--scope", "read"], 2, "usage"),
        (["add", " x", "--scope", "read"], 2, "usage"),
        (["add", "x\x1b[1m", "--scope", "read"], 2, "usage"),
        (["add", "x" * 65, "--scope", "read"], 2, "usage"),
        (["add", "\udcff", "--scope", "read"], 2, "usage"),
        (["add", "taken", "--scope", "read"], 2, "usage"),
        (["add", "x", "--scope", "read", "--expires", "soon"], 2, "usage"),
        (["add", "x", "--scope", "read", "--expires", "0"], 2, "usage"),
        (["add", "x", "--scope", "read", "--expires", ""], 2, "usage"),
        (["add", "x", "--scope", "read", "--source", "nosuch"], 4, "not_found"),
        (["add", "x", "--scope", "read", "--source", "wiki,nosuch"], 4, "not_found"),
        (["add", "x", "--scope", "read", "--source", "wiki,"], 4, "not_found"),
        (["add", "x", "--scope", "read", "--source", ","], 4, "not_found"),
        (["add", "x", "--scope", "read", "--source", ""], 4, "not_found"),
        (["add", "x", "--scope", "read", "--source", "wiki", "--source", ""], 4, "not_found"),
        (["add", "x", "--scope", "read", "--source", "\udcff"], 4, "not_found"),
        (["revoke", "nosuch"], 4, "not_found"),
        (["revoke", "\udcff"], 4, "not_found"),
        (["revoke"], 2, "usage"),
    ],
)
def test_what_cannot_be_a_token_is_refused_and_makes_none(
    two: BrainCommand, inside: Inside, words: list[str], code: int, error: str
) -> None:
    inside.run(two, "tokens", "add", "taken", "--scope", "read")
    done = inside.run(two, "tokens", *words, "--json", code=code)
    checked_error(done, error)
    assert not SECRET.search(done.out + done.err)
    assert ask(two.url or "", "SELECT name FROM gbrain.tokens") == [("taken",)]


def test_sources_come_from_the_arguments_only(two: BrainCommand, inside: Inside, tmp_path: Path) -> None:
    (tmp_path / ".gbrain-source").write_text("wiki\n")
    bound = replace(two, environ={"GBRAIN_SOURCE": "notes"})
    inside.run(bound, "tokens", "add", "laptop", "--scope", "read", cwd=tmp_path)
    assert ask(two.url or "", "SELECT sources FROM gbrain.tokens") == [(None,)]


async def test_a_token_lets_in_until_it_is_revoked_or_expires(two: BrainCommand) -> None:
    secret = two.run("tokens", "add", "laptop", "--scope", "write", "--source", "wiki").out.strip()
    assert await let_in(two, secret) == Access(scope=Scope.WRITE, sources=frozenset({"wiki"}))
    for wrong in (secret[:-1], secret + "A", secret.swapcase(), "", "gbrain_", "x" * 1000, "gbrain_" + "é" * 43):
        assert await let_in(two, wrong) is None
    ask(two.url or "", "UPDATE gbrain.tokens SET expires_at = clock_timestamp() RETURNING 1")
    assert await let_in(two, secret) is None
    assert "(over)" in two.run("tokens", "list").out
    ask(two.url or "", "UPDATE gbrain.tokens SET expires_at = NULL RETURNING 1")
    assert await let_in(two, secret) is not None
    two.run("tokens", "revoke", "laptop")
    assert await let_in(two, secret) is None
    again = two.run("tokens", "add", "laptop", "--scope", "read").out.strip()
    assert await let_in(two, secret) is None
    assert await let_in(two, again) == Access(scope=Scope.READ, sources=None)


async def test_the_last_use_is_noted_at_most_once_a_minute_and_nobody_waits_for_it(two: BrainCommand) -> None:
    secret = two.run("tokens", "add", "laptop", "--scope", "read").out.strip()
    version = "SELECT xmin::text, last_used_at FROM gbrain.tokens"
    made = ask(two.url or "", version)
    assert made[0][1] is None
    await let_in(two, secret)
    used = ask(two.url or "", version)
    assert used[0][1] is not None
    await let_in(two, secret)
    assert ask(two.url or "", version) == used
    ask(two.url or "", "UPDATE gbrain.tokens SET last_used_at = last_used_at - interval '61 seconds' RETURNING 1")
    with psycopg.connect(two.url or "") as conn:
        conn.execute("SELECT FROM gbrain.tokens FOR UPDATE")
        assert await let_in(two, secret) is not None
    assert ask(two.url or "", version)[0][1] < used[0][1]
    await let_in(two, secret)
    assert ask(two.url or "", version)[0][1] > used[0][1]


async def test_a_source_that_is_removed_goes_from_its_tokens_and_another_of_its_id_is_not_theirs(
    two: BrainCommand, repository: Repository
) -> None:
    secret = two.run("tokens", "add", "laptop", "--scope", "read", "--source", "wiki").out.strip()
    two.run("sources", "remove", "wiki", "--yes")
    two.add("wiki", repository.folder)
    assert await let_in(two, secret) == Access(scope=Scope.READ, sources=frozenset())
    assert "none" in two.run("tokens", "list").out


def test_a_token_in_a_text_is_not_told() -> None:
    secret = "gbrain_" + "aB3-_" * 8 + "xyz"
    assert redact(f"sent {secret} to it") == "sent *** to it"


@pytest.fixture
def empty(new_database: Callable[[], str], server: Server, tmp_path: Path) -> BrainCommand:
    return BrainCommand(home=tmp_path / "other home", url=server.url(new_database()))


async def test_an_export_carries_tokens_which_are_good_in_the_other_brain(
    two: BrainCommand, empty: BrainCommand, tmp_path: Path
) -> None:
    file = str(tmp_path / "brain.json")
    secret = two.run("tokens", "add", "laptop", "--scope", "write", "--source", "wiki", "--expires", "3d").out.strip()
    assert checked(two.run("export", file, "--json"), "export")["tokens"] == 1
    assert secret not in Path(file).read_text()  # noqa: ASYNC240
    imported = checked(empty.run("import", file, "--json"), "import")["tokens"]
    assert imported == [{"name": "laptop", "added": True}]
    kept = "SELECT name, secret_hash, scope, sources, created_at, expires_at FROM gbrain.tokens"
    assert ask(empty.url or "", kept) == ask(two.url or "", kept)
    assert await let_in(empty, secret) == Access(scope=Scope.WRITE, sources=frozenset({"wiki"}))
    again = checked(empty.run("import", file, "--json"), "import")["tokens"]
    assert again == [{"name": "laptop", "added": False}]
    empty.run("tokens", "revoke", "laptop")
    empty.run("tokens", "add", "laptop", "--scope", "read")
    empty.run("sources", "remove", "notes", "--yes")
    error = checked_error(empty.run("import", file, "--json", code=2), "usage")
    assert "laptop" in error["message"]
    assert await let_in(empty, secret) is None
    assert ask(empty.url or "", "SELECT id FROM gbrain.sources") == [("wiki",)]


def test_an_export_of_before_there_were_tokens_is_read(two: BrainCommand, empty: BrainCommand, tmp_path: Path) -> None:
    file = tmp_path / "brain.json"
    two.run("export", str(file))
    document = json.loads(file.read_text())
    assert document.pop("tokens") == []
    file.write_text(json.dumps(document))
    assert checked(empty.run("import", str(file), "--json"), "import")["tokens"] == []


def _as(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["tokens"][0].update(changes)


@pytest.mark.parametrize(
    "harm",
    [
        _as(name=""),
        _as(name=7),
        _as(secret_hash="00"),
        _as(secret_hash="no"),
        _as(scope="root"),
        _as(sources="wiki"),
        _as(sources=["nosuch"]),
        _as(created_at=None),
        _as(expires_at="soon"),
        lambda document: document["tokens"][0].pop("scope"),
        lambda document: document["tokens"].append(document["tokens"][0]),
        lambda document: document.update(tokens={}),
    ],
)
def test_an_export_whose_tokens_are_damaged_is_refused_whole(
    two: BrainCommand, empty: BrainCommand, inside: Inside, tmp_path: Path, harm: Callable[[dict[str, Any]], object]
) -> None:
    file = tmp_path / "brain.json"
    inside.run(two, "tokens", "add", "laptop", "--scope", "read", "--source", "wiki")
    inside.run(two, "export", str(file))
    document = json.loads(file.read_text())
    harm(document)
    file.write_text(json.dumps(document))
    checked_error(inside.run(empty, "import", str(file), "--json", code=2), "usage")
    assert ask(empty.url or "", "SELECT id FROM gbrain.sources") == []
