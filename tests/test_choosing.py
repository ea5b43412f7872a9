"""Which source a command means when none is named: the file, the folder, the default, the only one; never a guess."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository


@pytest.fixture
def work(brain: BrainCommand, inside: Inside, tmp_path: Path) -> Path:
    """Two repositories, `one` and `two`, in a folder that belongs to neither."""
    for name in ("one", "two"):
        made = Repository.create(tmp_path / "work" / name, {"docs/page.md": f"# {name}\n"})
        inside.run(brain, "sources", "add", name, "--path", str(made.folder))
    return tmp_path / "work"


def current(brain: BrainCommand, inside: Inside, folder: Path) -> tuple[str, str]:
    document = checked(inside.run(brain, "sources", "current", "--json", cwd=folder), "sources-current")
    [row] = document["sources"]
    return row["source_id"], row["because"]


def test_each_way_wins_over_those_behind_it(brain: BrainCommand, inside: Inside, work: Path) -> None:
    inside.run(brain, "sources", "current", code=2, cwd=work)
    inside.run(brain, "sources", "default", "two")
    assert current(brain, inside, work) == ("two", "it is the default")
    assert current(brain, inside, work / "one" / "docs") == ("one", "this folder is in it")
    inside.run(brain, "sources", "attach", "two", cwd=work / "one")
    assert current(brain, inside, work / "one" / "docs") == ("two", f"{work}/one/.gbrain-source says so")
    told = BrainCommand(home=brain.home, url=brain.url, environ={"GBRAIN_SOURCE": "one"})
    assert current(told, inside, work / "one") == ("one", "GBRAIN_SOURCE says so")
    document = checked(inside.run(told, "sync", "--source", "two", "--json", cwd=work / "one"), "sync")
    assert [row["source_id"] for row in document["sources"]] == ["two"]
    assert (
        checked(inside.run(brain, "sources", "detach", "--json", cwd=work / "one"), "sources-current")["sources"] == []
    )
    assert current(brain, inside, work / "one")[0] == "one"
    inside.run(brain, "sources", "detach", code=2, cwd=work / "one")


def test_there_is_one_default_at_most(brain: BrainCommand, inside: Inside, work: Path) -> None:
    inside.run(brain, "sources", "default", "one")
    inside.run(brain, "sources", "default", "two")
    inside.run(brain, "sources", "default", "two")
    listed = checked(inside.run(brain, "sources", "list", "--json"), "sources")["sources"]
    assert [row["source_id"] for row in listed if row["is_default"]] == ["two"]
    inside.run(brain, "sources", "default", "nosuch", code=4)


def test_an_archived_source_is_never_meant(brain: BrainCommand, inside: Inside, work: Path) -> None:
    inside.run(brain, "sources", "default", "two")
    inside.run(brain, "sources", "archive", "two")
    assert current(brain, inside, work) == ("one", "it is the only one")
    assert current(brain, inside, work / "two")[0] == "one"
    inside.run(brain, "sources", "attach", "two", code=4, cwd=work)
    assert not (work / ".gbrain-source").exists()


@pytest.mark.parametrize(
    "content", [b"", b"one two\n", b"one\ntwo\n", b"One\n", b"one\n\n", b" one\n", b"\xff\n", b"x" * 5000]
)
def test_a_file_that_holds_anything_but_an_id_is_an_error_that_names_it(
    brain: BrainCommand, inside: Inside, work: Path, content: bytes
) -> None:
    (work / ".gbrain-source").write_bytes(content)
    error = checked_error(inside.run(brain, "sync", "--json", code=2, cwd=work / "one"), "usage")
    assert f"{work}/.gbrain-source" in error["message"]


def test_a_file_without_a_line_end_will_do(brain: BrainCommand, inside: Inside, work: Path) -> None:
    (work / ".gbrain-source").write_bytes(b"one")
    assert current(brain, inside, work / "two")[0] == "one"


def test_a_file_that_names_nobody_is_no_such_source(brain: BrainCommand, inside: Inside, work: Path) -> None:
    (work / ".gbrain-source").write_bytes(b"nosuch\n")
    checked_error(inside.run(brain, "sync", "--json", code=4, cwd=work), "not_found")


def test_symlinks_folders_and_pipes_are_not_read(brain: BrainCommand, inside: Inside, work: Path) -> None:
    file = work / ".gbrain-source"
    (work / "elsewhere").write_text("one\n")
    file.symlink_to(work / "elsewhere")
    for make in (file.mkdir, lambda: os.mkfifo(file), None):
        error = checked_error(inside.run(brain, "sync", "--json", code=2, cwd=work), "usage")
        assert str(file) in error["message"]
        inside.run(brain, "sources", "attach", "one", code=2, cwd=work)
        if file.is_dir() and not file.is_symlink():
            file.rmdir()
        else:
            file.unlink()
        if make is not None:
            make()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_strangers_file_is_not_believed(brain: BrainCommand, inside: Inside, work: Path) -> None:
    (work / ".gbrain-source").write_text("one\n")
    os.chown(work / ".gbrain-source", 65534, 65534)
    error = checked_error(inside.run(brain, "sync", "--json", code=2, cwd=work / "two"), "usage")
    assert "somebody else" in error["message"]


def test_two_sources_or_an_empty_path_are_refused_before_anything_is_read(
    brain: BrainCommand, inside: Inside, work: Path
) -> None:
    error = checked_error(inside.run(brain, "sync", "--source", "a", "--source", "b", "--json", code=2), "usage")
    assert "more than once" in error["message"]
    error = checked_error(inside.run(brain, "sources", "add", "x", "--path", "", "--json", code=2), "usage")
    assert error["message"] == "--path is empty"
    for url in ("github.com/a/b", "ssh//x.org/a", str(work / "nothing")):
        error = checked_error(inside.run(brain, "sources", "add", "x", "--url", url, "--json", code=2), "usage")
        assert "there is no folder" in error["message"]
    error = checked_error(inside.run(brain, "snyc", "--json", code=2), "usage")
    assert error["message"].count("Did you mean") == 1


def test_an_empty_name_gives_the_id_its_place_back(brain: BrainCommand, inside: Inside, repository: Repository) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder), "--name", "The Wiki")
    [row] = checked(inside.run(brain, "sources", "rename", "wiki", "", "--json"), "sources")["sources"]
    assert row["name"] == "wiki"
    checked_error(inside.run(brain, "sources", "rename", "wiki", " ", "--json", code=2), "usage")
