"""Export and import: what is in no repository goes from one brain to another, whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository
from support.rows import differences, rows
from support.servers import Server

BROKEN = "---\na: [\n---\n"


@pytest.fixture
def full(brain: BrainCommand, inside: Inside, repository: Repository, tmp_path: Path) -> BrainCommand:
    """A brain with sources of every kind, and an acknowledged failure."""
    repository.commit({"broken.md": BROKEN, b"br\xf6ken.md": BROKEN, "docs/x.md": "# X\n"})
    folder = tmp_path / "plain \n folder"
    folder.mkdir()
    (folder / "note.md").write_text("# Note\n")
    add = ("sources", "add")
    inside.run(brain, *add, "wiki", "--path", str(repository.folder), "--name", "The Wiki", "--max-age", "3d")
    inside.run(brain, *add, "docs", "--path", str(repository.folder / "docs"), "--branch", "main", "--isolated")
    inside.run(brain, *add, "remote", "--url", f"file://{repository.folder}", "--include", "*.md", "--exclude", "docs/")
    inside.run(brain, *add, "plain", "--path", str(folder), "--strategy", "markdown", "--interval", "15m")
    inside.run(brain, *add, "off", "--url", "https://example.org/x.git", "--disabled")
    inside.run(brain, "sources", "archive", "off")
    inside.run(brain, "sources", "default", "docs")
    inside.run(brain, "sync", "--source", "wiki", "--skip-failed")
    inside.run(brain, "sync", "--all", code=1)
    return brain


@pytest.fixture(scope="module")
def exported(new_database: Callable[[], str], server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The export of a brain with sources of several kinds, as text."""
    folder = tmp_path_factory.mktemp("exported")
    repository = Repository.create(folder / "repository", {"broken.md": BROKEN, "docs/x.md": "# X\n"})
    brain = BrainCommand(home=folder / "home", url=server.url(new_database()))
    brain.add("wiki", repository.folder, "--name", "The Wiki", "--max-age", "3d")
    brain.add("docs", repository.folder / "docs", "--branch", "main", "--isolated")
    brain.run("sources", "add", "off", "--url", "https://example.org/x.git", "--disabled")
    brain.run("sources", "default", "docs")
    brain.run("sync", "--source", "wiki", "--skip-failed")
    brain.run("export", str(folder / "brain.json"))
    return (folder / "brain.json").read_text()


@pytest.fixture
def empty(new_database: Callable[[], str], server: Server, tmp_path: Path) -> BrainCommand:
    return BrainCommand(home=tmp_path / "other home", url=server.url(new_database()))


def registry(brain: BrainCommand) -> list[tuple]:
    return ask(
        brain.url or "",
        """SELECT id, name, path, is_plain, url, host_id, host_name, branch, subdir, strategy, include, exclude,
                  federated, enabled, max_age, interval, archived_at, is_default FROM gbrain.sources ORDER BY id""",
    )


def test_another_brain_becomes_the_same_by_an_import_and_a_sync(
    full: BrainCommand, empty: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    file = tmp_path / "brain.json"
    told = checked(inside.run(full, "export", str(file), "--json"), "export")
    assert (told["sources"], told["acknowledged"]) == (5, 2)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    imported = checked(inside.run(empty, "import", str(file), "--json"), "import")["sources"]
    assert [row["source_id"] for row in imported if row["added"]] == ["docs", "off", "plain", "remote", "wiki"]
    assert registry(empty) == registry(full)
    inside.run(empty, "sync", "--all", code=1)
    found = differences(rows(full.url or ""), rows(empty.url or ""))
    assert [line for line in found if "'plain'" not in line] == []
    assert ask(empty.url or "", "SELECT failures_acknowledged FROM gbrain.states WHERE source_id = 'wiki'") == [(2,)]
    verified = inside.run(empty, "sources", "verify", "--all", "--json").document["sources"]
    assert {row["status"] for row in verified} == {"ok"}


def test_importing_again_changes_nothing_and_a_source_with_other_settings_is_refused(
    full: BrainCommand, empty: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    file = tmp_path / "brain.json"
    inside.run(full, "export", str(file))
    inside.run(empty, "import", str(file))
    before = registry(empty)
    again = checked(inside.run(empty, "import", str(file), "--json"), "import")["sources"]
    assert not any(row["added"] for row in again)
    inside.run(empty, "sources", "remove", "plain", "--yes")
    inside.run(empty, "sources", "set", "wiki", "--exclude", "x")
    error = checked_error(inside.run(empty, "import", str(file), "--json", code=2), "usage")
    assert "wiki" in error["message"]
    assert len(registry(empty)) == len(before) - 1


def _without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["sources"][0].pop(name)


def _with(name: str, value: object, of: str = "sources") -> Callable[[dict[str, Any]], object]:
    return lambda document: document[of][0].update({name: value})


@pytest.mark.parametrize(
    "harm",
    [
        *map(_without, ("id", "name", "strategy", "include", "is_default")),
        _with("id", "../x"),
        _with("id", 7),
        _with("name", None),
        _with("name", "a\u0000b"),
        _with("url", "ext::sh -c 'touch /tmp/x'"),
        _with("url", "https://me:secret@example.org/x"),
        _with("branch", "--upload-pack=x"),
        _with("subdir", "../.."),
        _with("strategy", "prose"),
        _with("include", ["!x"]),
        _with("include", "*.md"),
        _with("enabled", "yes"),
        _with("max_age_s", -1),
        _with("max_age_s", True),
        _with("archived_at", "soon"),
        _with("archived_at", "2026-01-01T00:00:00"),
        _with("blob", "xyz", "acknowledged"),
        _with("mode", "file", "acknowledged"),
        _with("first_seen_at", None, "acknowledged"),
        _with("mode", 2**31, "acknowledged"),
        _with("reason", "binary", "acknowledged"),
        _with("reason", "unheard_of", "acknowledged"),
        _with("blob", "", "acknowledged"),
        _with("source_id", "nobody", "acknowledged"),
        _with("first_seen_at", "0001-01-01T00:00:00+14:00", "acknowledged"),
        _with("first_seen_at", "9999-12-31T23:59:59-14:00", "acknowledged"),
        lambda document: document["acknowledged"].append(document["acknowledged"][0]),
        _with("subdir", ""),
        _with("name", " "),
        _with("archived_at", "0001-01-01T00:00:00Z"),
        _with("include", ["a" * 999 + str(number) for number in range(101)]),
        lambda document: document["sources"].append(document["sources"][0]),
        lambda document: document["sources"].append("text"),
        lambda document: document.pop("acknowledged"),
        lambda document: document.update(gbrain_export=2),
        lambda document: [source.update(is_default=True) for source in document["sources"]],
    ],
)
def test_a_damaged_export_is_refused_and_nothing_is_imported(
    exported: str, empty: BrainCommand, inside: Inside, tmp_path: Path, harm: Callable[[dict[str, Any]], object]
) -> None:
    file = tmp_path / "brain.json"
    document = json.loads(exported)
    harm(document)
    file.write_text(json.dumps(document))
    checked_error(inside.run(empty, "import", str(file), "--json", code=2), "usage")
    assert registry(empty) == []


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"7", b"\xff"])
def test_what_is_no_export_is_refused(
    empty: BrainCommand, inside: Inside, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "brain.json"
    if content is not None:
        file.write_bytes(content)
    checked_error(inside.run(empty, "import", str(file), "--json", code=2), "usage")


def test_an_export_that_cannot_be_written_leaves_what_was_there(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    checked_error(inside.run(brain, "export", str(tmp_path / "nowhere" / "x.json"), "--json", code=2), "usage")
    file = tmp_path / "brain.json"
    inside.run(brain, "export", str(file))
    first = file.read_bytes()
    inside.run(brain, "export", str(file))
    assert file.read_bytes() == first
    assert os.listdir(tmp_path).count("brain.json") == 1
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".brain.json")]
