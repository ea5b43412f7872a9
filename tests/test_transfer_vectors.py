"""Vectors carried to another brain: bit for bit, paid for once, and nothing at all of a file that is not whole."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain.domain.models import Model, Spec, coverage_pct
from gbrain.postgres.pool import open_pool
from gbrain.services import models
from support import measured
from support.commands import DEADLINE_S, GBRAIN, BrainCommand
from support.databases import ask, copy_of
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository
from support.servers import Server

LOCAL = {"GBRAIN_EMBEDDER": "local"}
OTHER = Spec(embedder="other", model="m", dimensions=3)
PAGES = {f"page-{n}.md": f"# Page {n}\n\n## Part\n\nWhat there is to say of {n}.\n" for n in range(8)}

NEW_BRAIN = Callable[[str], BrainCommand]


@pytest.fixture
def new_brain(new_database: Callable[[], str], server: Server, tmp_path: Path) -> NEW_BRAIN:
    """Makes empty brains that embed by the local embedder."""
    return lambda name: BrainCommand(home=tmp_path / name, url=server.url(new_database()), environ=LOCAL)


@dataclass(frozen=True)
class _Paid:
    """A brain that nobody uses, and the folder of its source."""

    database: str
    repository: Path


@pytest.fixture(scope="module")
def model_of_paid(new_database: Callable[[], str], server: Server, tmp_path_factory: pytest.TempPathFactory) -> _Paid:
    """What each `paid` is a copy of: it is synced once."""
    folder = tmp_path_factory.mktemp("paid")
    found = _Paid(new_database(), folder / "repository")
    repository = Repository.create(found.repository, {"README.md": "# Wiki\n\nWhat there is to know.\n"} | PAGES)
    brain = BrainCommand(home=folder / "home", url=server.url(found.database), environ=LOCAL)
    brain.add("wiki", repository.folder)
    brain.run("sync", "--all")
    (number,) = ask(brain.url or "", "SELECT id FROM gbrain.models")[0]
    nothing = "SET vector = NULL WHERE passage = (SELECT min(passage) FROM gbrain.chunks) RETURNING 1"
    assert ask(brain.url or "", f"UPDATE gbrain.embedding_{number} {nothing}")
    return found


@pytest.fixture
def paid(model_of_paid: _Paid, server: Server, repository: Repository, tmp_path: Path) -> BrainCommand:
    """A brain in which everything has its vector, in one case none to be found; its source is `repository`."""
    shutil.rmtree(repository.folder)
    shutil.copytree(model_of_paid.repository, repository.folder)
    url = server.url(copy_of(server, model_of_paid.database))
    moved = "UPDATE gbrain.sources SET path = %s RETURNING id"
    assert ask(url, moved, os.fsencode(repository.folder)) == [("wiki",)]
    return BrainCommand(home=tmp_path / "paid", url=url, environ=LOCAL)


@pytest.fixture
def file(paid: BrainCommand, inside: Inside, tmp_path: Path) -> Path:
    """An export of it with vectors."""
    inside.run(paid, "export", str(tmp_path / "brain.json"), "--vectors")
    return tmp_path / "brain.json"


def vectors(brain: BrainCommand, name: str = "local:wordllama-256") -> dict[bytes, bytes | None]:
    """The bytes of each passage's vector."""
    ((number,),) = ask(brain.url or "", "SELECT id FROM gbrain.models WHERE name = %s", name)
    read = f"COPY gbrain.embedding_{number} TO STDOUT (FORMAT binary)".encode()
    with psycopg.connect(brain.url or "", autocommit=True) as conn, conn.cursor().copy(read) as copy:
        return dict(copy.rows())


def coverage(brain: BrainCommand) -> tuple[float, int]:
    """Of the active model, in percent, and how many places there are."""
    query = """
        SELECT (SELECT sum(chunks)::int FROM gbrain.states),
               (SELECT coalesce(sum(pending), 0)::int FROM gbrain.coverage WHERE model_id = m.id)
        FROM gbrain.models AS m WHERE m.state = 'active'
    """
    ((places, pending),) = ask(brain.url or "", query)
    return coverage_pct(places, pending), places


def registered(brain: BrainCommand) -> list[tuple[Any, ...]]:
    query = "SELECT name, embedder, dimensions, fingerprint, limits, state FROM gbrain.models ORDER BY name"
    return ask(brain.url or "", query)


def register(brain: BrainCommand, spec: Spec) -> Model:
    """What `gbrain models use` does before it fills."""

    async def work() -> Model:
        async with open_pool(brain.url or "", size=1) as pool:
            return await models.register(pool, spec)

    return asyncio.run(work())


def test_a_new_brain_has_the_same_vectors_and_its_first_sync_pays_for_nothing(
    paid: BrainCommand, new_brain: NEW_BRAIN, tmp_path: Path
) -> None:
    file, brain = tmp_path / "brain.json", new_brain("new")
    told = checked(paid.run("export", str(file), "--vectors", "--json"), "export")
    known = vectors(paid)
    assert None in known.values()
    assert told["models"] == [{"model": "local:wordllama-256", "vectors": len(known)}]
    assert file.stat().st_mode & 0o777 == 0o600
    done = checked(brain.run("import", str(file), "--json"), "import")
    assert done["models"] == [
        {
            "model": "local:wordllama-256",
            "state": "active",
            "added": True,
            "vectors": len(known),
            "vectors_added": len(known),
        }
    ]
    assert registered(brain) == registered(paid)
    assert vectors(brain) == known
    brain.run("sync", "--all", "--no-embed")
    assert coverage(brain) == coverage(paid) == (100.0, coverage(paid)[1])
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.backlog") == [(0,)]
    assert vectors(brain) == known


def test_a_sync_that_embeds_rewrites_no_vector_that_came_with_an_import(
    file: Path, new_brain: NEW_BRAIN, repository: Repository, inside: Inside
) -> None:
    brain = new_brain("new")
    inside.run(brain, "import", str(file))
    query = "SELECT passage, xmin::text FROM gbrain.embedding_1 ORDER BY passage"
    before = ask(brain.url or "", query)
    repository.commit({"new.md": "# Entirely new\n"})
    inside.run(brain, "sync", "--all")
    after = ask(brain.url or "", query)
    assert set(before) < set(after)
    assert len(after) == len(before) + 1
    assert coverage(brain)[0] == 100.0


def test_one_brain_makes_one_file_however_often(paid: BrainCommand, file: Path, inside: Inside) -> None:
    first = file.read_bytes()
    inside.run(paid, "export", str(file), "--vectors")
    assert file.read_bytes() == first
    assert sorted(name for name in os.listdir(file.parent) if "brain.json" in name) == ["brain.json"]


def test_importing_again_adds_nothing(file: Path, new_brain: NEW_BRAIN, inside: Inside) -> None:
    brain = new_brain("new")
    inside.run(brain, "import", str(file))
    before = registered(brain), vectors(brain)
    ask(brain.url or "", "UPDATE gbrain.loose SET since = now() - interval '71 hours' RETURNING 1")
    (again,) = checked(inside.run(brain, "import", str(file), "--json"), "import")["models"]
    assert (again["added"], again["vectors_added"]) == (False, 0)
    assert (registered(brain), vectors(brain)) == before
    ((oldest,),) = ask(brain.url or "", "SELECT now() - min(since) < interval '1 hour' FROM gbrain.loose")
    assert oldest, "what was imported again is kept for as long again"


def test_vectors_settle_what_a_brain_waits_for(
    file: Path, paid: BrainCommand, new_brain: NEW_BRAIN, repository: Repository, inside: Inside
) -> None:
    brain = new_brain("behind")
    brain.add("wiki", repository.folder)
    inside.run(brain, "sync", "--all", "--no-embed")
    assert coverage(brain)[0] == 0.0
    (done,) = checked(inside.run(brain, "import", str(file), "--json"), "import")["models"]
    assert (done["added"], done["vectors_added"]) == (False, len(vectors(paid)))
    assert coverage(brain)[0] == 100.0
    assert ask(
        brain.url or "", "SELECT (SELECT count(*) FROM gbrain.backlog), (SELECT count(*) FROM gbrain.loose)"
    ) == [(0, 0)]
    assert vectors(brain) == vectors(paid)


def test_into_a_brain_with_another_active_model_they_come_as_a_retired_one_and_using_it_pays_for_what_is_missing(
    file: Path, paid: BrainCommand, new_brain: NEW_BRAIN, repository: Repository, inside: Inside
) -> None:
    brain = new_brain("other")
    register(brain, OTHER)
    inside.run(brain, "import", str(file))
    assert [(row[0], row[-1]) for row in registered(brain)] == [
        ("local:wordllama-256", "retired"),
        ("other:m", "active"),
    ]
    assert vectors(brain) == vectors(paid)
    repository.commit({"new.md": "# Entirely new\n"})
    inside.run(brain, "sync", "--all", "--no-embed")
    used = checked(brain.run("models", "use", "local", "--json"), "models-use")
    assert used["switched"]
    assert [row["embedded"] for row in used["models"]] == [1]
    assert coverage(brain)[0] == 100.0


def test_a_model_of_another_version_is_kept_but_never_active(file: Path, new_brain: NEW_BRAIN, inside: Inside) -> None:
    def other_version(document: dict[str, Any]) -> None:
        document["models"][0]["fingerprint"] = "0011223344556677"

    _change(file, 0, other_version)
    brain = new_brain("new")
    done = inside.run(brain, "import", str(file))
    assert "another version" in done.err
    assert [(row[3].hex(), row[-1]) for row in registered(brain)] == [("0011223344556677", "retired")]
    assert len(vectors(brain)) > len(PAGES)


def test_a_model_that_was_being_filled_comes_as_a_retired_one(
    paid: BrainCommand, new_brain: NEW_BRAIN, inside: Inside, tmp_path: Path
) -> None:
    register(paid, OTHER)
    inside.run(paid, "export", str(tmp_path / "both.json"), "--vectors")
    brain = new_brain("new")
    inside.run(brain, "import", str(tmp_path / "both.json"))
    assert [(row[0], row[-1]) for row in registered(brain)] == [
        ("local:wordllama-256", "active"),
        ("other:m", "retired"),
    ]


def test_a_pipe_is_as_good_as_a_file(file: Path, paid: BrainCommand, new_brain: NEW_BRAIN) -> None:
    brain = new_brain("new")
    with subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE) as source:
        done = subprocess.run([GBRAIN, "import", "/dev/stdin"], env=brain.env(), stdin=source.stdout, timeout=60)
    assert done.returncode == 0
    assert vectors(brain) == vectors(paid)


def _change(file: Path, line: int, change: Callable[[dict[str, Any]], object], *, sound: bool = False) -> None:
    """Change the object of a line; with the sum that goes with what it holds then, where `sound`."""
    lines = file.read_bytes().splitlines(keepends=True)
    row = json.loads(lines[line])
    change(row)
    if sound:
        content = base64.b64decode(row["passages"]) + base64.b64decode(row["vectors"])
        row["crc32"] = zlib.crc32(b"%d" % row["model"] + content)
    lines[line] = json.dumps(row).encode() + b"\n"
    file.write_bytes(b"".join(lines))


def _with(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda row: row.update(values)


def _with_model(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["models"][0].update(values)


def _halves(row: dict[str, Any], change: Callable[[bytearray], object]) -> None:
    halves = bytearray(base64.b64decode(row["vectors"]))
    change(halves)
    row["vectors"] = base64.b64encode(halves).decode()


def _set_half(at: int, half: bytes) -> Callable[[dict[str, Any]], None]:
    def change(halves: bytearray) -> None:
        halves[at : at + 2] = half

    return lambda row: _halves(row, change)


def _cut(halves: bytearray) -> None:
    del halves[-2:]


@pytest.mark.parametrize(
    ("line", "sound", "harm"),
    [
        (1, False, _set_half(600, b"\0\0")),
        (1, False, lambda row: row.pop("crc32")),
        (1, False, lambda row: row.pop("vectors")),
        (1, False, _with(vectors="***")),
        (1, False, _with(passages="é")),
        (1, False, _with(model=True)),
        (1, True, _with(model=1)),
        (1, True, _with(model=-1)),
        (1, True, _with(passages="")),
        (1, True, _with(passages="AAAA")),
        (1, True, lambda row: _halves(row, _cut)),
        (1, True, _set_half(600, b"\x7e\x00")),
        (1, True, _set_half(600, b"\x7c\x00")),
        (1, True, _set_half(600, b"\x44\x00")),
        (2, False, _with(vectors=3)),
        (2, False, _with(pieces=0)),
        (2, False, _with(pieces="1")),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_imported(
    file: Path, new_brain: NEW_BRAIN, inside: Inside, line: int, sound: bool, harm: Callable[[dict[str, Any]], object]
) -> None:
    _change(file, line, harm, sound=sound)
    brain = new_brain("new")
    error = checked_error(inside.run(brain, "import", str(file), "--json", code=2), "usage")
    assert f"damaged at line {line + 1}: " in error["message"]
    assert registered(brain) == []
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.sources") == [(0,)]


@pytest.mark.parametrize(
    "harm",
    [
        _with_model(dimensions=0),
        _with_model(dimensions=4001),
        _with_model(dimensions=128),
        _with_model(dimensions=256.0),
        _with_model(name="wordllama"),
        _with_model(name=None),
        _with_model(name="local:a\0b"),
        _with_model(embedder=""),
        _with_model(fingerprint=""),
        _with_model(fingerprint="xyz"),
        _with_model(limits=[]),
        _with_model(limits={"a": "b\0"}),
        _with_model(limits={"a": {"b": "\0"}}),
        _with_model(limits={"a\0": 1}),
        _with_model(state="asleep"),
        _with(models=None),
        _with(models=[7]),
        lambda document: document["models"].append(document["models"][0]),
        lambda document: document["models"].append(document["models"][0] | {"name": "local:other"}),
        lambda document: document["models"].clear(),
        lambda document: document.pop("models"),
        lambda document: document["sources"][0].update(strategy="prose"),
    ],
)
def test_a_damaged_first_line_is_refused_and_nothing_is_imported(
    file: Path, new_brain: NEW_BRAIN, inside: Inside, harm: Callable[[dict[str, Any]], object]
) -> None:
    _change(file, 0, harm)
    brain = new_brain("new")
    checked_error(inside.run(brain, "import", str(file), "--json", code=2), "usage")
    assert registered(brain) == []
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.sources") == [(0,)]


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95, "a line", "a letter", "more"])
def test_a_file_that_was_cut_short_or_goes_on_says_where_and_nothing_is_imported(
    file: Path, new_brain: NEW_BRAIN, inside: Inside, share: float | str
) -> None:
    content = file.read_bytes()
    last = len(content) - len(content.splitlines(keepends=True)[-1])
    match share:
        case "a line":
            content = content[:last]
        case "a letter":
            content = content[:-1]
        case "more":
            content += content[last:]
        case float():
            content = content[: int(len(content) * share)]
    file.write_bytes(content)
    brain = new_brain("new")
    error = checked_error(inside.run(brain, "import", str(file), "--json", code=2), "usage")
    assert "cut short: it ends in line " in error["message"] or "at line 4: it stands behind" in error["message"]
    assert registered(brain) == []


def test_an_import_that_is_killed_goes_on_when_it_is_done_again(
    many: BrainCommand, new_brain: NEW_BRAIN, inside: Inside, tmp_path: Path
) -> None:
    file, brain = tmp_path / "many.json", new_brain("new")
    inside.run(many, "export", str(file), "--vectors")
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        running = brain.start("import", str(file))
        until = time.monotonic() + DEADLINE_S
        while running.poll() is None and time.monotonic() < until:
            row = conn.execute("SELECT to_regclass('gbrain.embedding_1')").fetchone()
            if row and row[0] and conn.execute("SELECT 1 FROM gbrain.embedding_1 LIMIT 1").fetchone():
                break
            time.sleep(0.02)
        running.kill()
        running.communicate()
    some = len(vectors(brain))
    assert some % 500 == 0
    assert 0 < some < MANY
    (again,) = checked(inside.run(brain, "import", str(file), "--json"), "import")["models"]
    assert again["vectors_added"] == MANY + 1 - some
    assert vectors(brain) == vectors(many)
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.loose") == [(MANY + 1,)]


MANY = 60_000
_SYNTHETIC = """
    INSERT INTO gbrain.embedding_1 (passage, vector)
    SELECT sha256(int4send(n)),
           (array_fill(0::real, ARRAY[n %% 256]) || 1::real || array_fill(0::real, ARRAY[255 - n %% 256]))::halfvec
    FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def many(new_brain: NEW_BRAIN, inside: Inside, tmp_path: Path) -> BrainCommand:
    """A brain with vectors of 33 MB."""
    brain = new_brain("many")
    brain.add("wiki", Repository.create(tmp_path / "wiki", {"one.md": "# One\n"}).folder)
    inside.run(brain, "sync", "--all")
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        conn.execute("DROP INDEX IF EXISTS gbrain.embedding_1_nearest")
        conn.execute(_SYNTHETIC, (MANY,))
    return brain


def test_the_memory_of_an_export_and_an_import_does_not_grow_with_the_vectors(
    many: BrainCommand, paid: BrainCommand, new_brain: NEW_BRAIN, tmp_path: Path
) -> None:
    file, small = tmp_path / "many.json", tmp_path / "small.json"
    _, little = measured.run(paid, "export", str(small), "--vectors", folder=tmp_path)
    _, much = measured.run(many, "export", str(file), "--vectors", folder=tmp_path)
    assert file.stat().st_size > 40_000_000
    assert much < little + 10_000_000
    _, little = measured.run(new_brain("one"), "import", str(small), folder=tmp_path)
    _, much = measured.run(new_brain("two"), "import", str(file), folder=tmp_path)
    assert much < little + 10_000_000
