"""Which source a command means when none is named, and how many write at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.parallelism import resolve_parallel
from support.commands import BrainCommand
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository

TABLE = [
    (6, None, None, 4),
    (6, 2, None, 2),
    (6, 8, None, 4),
    (2, None, None, 2),
    (1, None, None, 1),
    (6, None, 9, 6),
    (6, 2, 5, 5),
]


@pytest.fixture
def nested(brain: BrainCommand, inside: Inside, tmp_path: Path) -> Path:
    """Two repositories, one inside the other, registered as `outer` and `inner`, and a third beside them."""
    outer = Repository.create(tmp_path / "work" / "outer", {"page.md": "# Outer\n", "docs/deep/page.md": "# Deep\n"})
    inner = Repository.create(outer.folder / "inner", {"page.md": "# Inner\n", "src/page.md": "# Source\n"})
    third = Repository.create(tmp_path / "work" / "outer-not", {"page.md": "# Third\n"})
    for name, repository in (("outer", outer), ("inner", inner), ("third", third)):
        inside.run(brain, "sources", "add", name, "--path", str(repository.folder))
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("folder", "meant"),
    [
        ("outer", "outer"),
        ("outer/docs/deep", "outer"),
        ("outer/inner", "inner"),
        ("outer/inner/src", "inner"),
        ("outer-not", "third"),
    ],
)
def test_the_longest_registered_path_that_holds_this_folder_is_meant(
    brain: BrainCommand, inside: Inside, nested: Path, folder: str, meant: str
) -> None:
    synced = checked(inside.run(brain, "sync", "--json", cwd=nested / folder), "sync")
    assert [row["source_id"] for row in synced["sources"]] == [meant]
    verified = checked(inside.run(brain, "sources", "verify", "--json", cwd=nested / folder), "sources-verify")
    assert [report["source_id"] for report in verified["sources"]] == [meant]


def test_what_is_named_wins_over_the_environment_and_that_over_the_folder(
    brain: BrainCommand, inside: Inside, nested: Path
) -> None:
    told = BrainCommand(home=brain.home, url=brain.url, environ={"GBRAIN_SOURCE": "third"})
    for arguments, meant in (((), "third"), (("--source", "inner"), "inner")):
        document = checked(inside.run(told, "sync", *arguments, "--json", cwd=nested / "outer"), "sync")
        assert [row["source_id"] for row in document["sources"]] == [meant]
    for words, meant in (((), "third"), (("inner",), "inner")):
        done = inside.run(told, "sources", "verify", *words, "--json", cwd=nested / "outer")
        assert [report["source_id"] for report in checked(done, "sources-verify")["sources"]] == [meant]
    document = checked(inside.run(told, "sync", "--all", "--json"), "sync")
    assert len(document["sources"]) == 3
    wrong = BrainCommand(home=brain.home, url=brain.url, environ={"GBRAIN_SOURCE": "nosuch"})
    checked_error(inside.run(wrong, "sync", "--json", code=4, cwd=nested / "outer"), "not_found")


def test_where_nothing_tells_the_error_lists_them_all(brain: BrainCommand, inside: Inside, nested: Path) -> None:
    for arguments in (("sync",), ("sources", "verify")):
        error = checked_error(inside.run(brain, *arguments, "--json", code=2, cwd=nested), "usage")
        assert all(name in error["hint"] for name in ("inner", "outer", "third"))


def test_the_only_source_is_meant_wherever_one_stands(
    brain: BrainCommand, inside: Inside, repository: Repository, tmp_path: Path
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    document = checked(inside.run(brain, "sync", "--json", cwd=tmp_path), "sync")
    assert [row["source_id"] for row in document["sources"]] == ["wiki"]


def test_remove_takes_its_source_from_the_argument_only(
    brain: BrainCommand, inside: Inside, repository: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    told = BrainCommand(home=brain.home, url=brain.url, environ={"GBRAIN_SOURCE": "wiki"})
    checked_error(inside.run(told, "sources", "remove", "--yes", "--json", code=2, cwd=repository.folder), "usage")


@pytest.mark.parametrize(("sources", "workers", "parallel", "used"), TABLE)
def test_the_number_of_writers_follows_the_table(
    sources: int, workers: int | None, parallel: int | None, used: int
) -> None:
    assert resolve_parallel(sources=sources, workers=workers, parallel=parallel) == used


numbers = st.integers(min_value=1, max_value=100)


@given(sources=st.integers(min_value=0, max_value=100), workers=st.none() | numbers, parallel=st.none() | numbers)
def test_writers_are_never_none_nor_more_than_sources_or_than_asked(
    sources: int, workers: int | None, parallel: int | None
) -> None:
    used = resolve_parallel(sources=sources, workers=workers, parallel=parallel)
    assert 1 <= used <= max(1, sources)
    assert used <= (parallel or min(workers or 4, 4))


def test_the_command_reports_the_number_of_writers_of_the_table(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    folder = Repository.create(tmp_path / "wiki", {"page.md": "# Page\n"}).folder
    known = 0
    for sources, workers, parallel, used in sorted(TABLE, key=lambda row: row[0]):
        while known < sources:
            known += 1
            inside.run(brain, "sources", "add", f"s{known}", "--path", str(folder))
        flags = [*([] if workers is None else ["--workers", str(workers)])]
        flags += [] if parallel is None else ["--parallel", str(parallel)]
        document = checked(inside.run(brain, "sync", "--all", *flags, "--json"), "sync")
        assert document["parallel"] == used, flags
        assert document["connections_peak"] <= used + 2
        alone = checked(inside.run(brain, "sync", "--source", "s1", *flags, "--json"), "sync")
        assert alone["parallel"] == 1


@pytest.mark.parametrize("flag", ["--parallel", "--workers", "--fetch-slots"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "2e1", "many", "", " 3", "٣", "0x2"])
def test_what_is_no_whole_number_of_at_least_one_is_a_usage_error(
    inside: Inside, tmp_path: Path, flag: str, value: str
) -> None:
    brain = BrainCommand(home=tmp_path / "home")
    error = checked_error(inside.run(brain, "sync", "--all", f"{flag}={value}", "--json", code=2), "usage")
    assert flag in error["message"]
    assert not brain.home.exists()


@pytest.mark.parametrize("value", ["0", "-1", "some"])
def test_the_fetch_slots_of_the_environment_are_checked_as_the_flag_is(
    inside: Inside, tmp_path: Path, value: str
) -> None:
    brain = BrainCommand(home=tmp_path / "home", environ={"GBRAIN_FETCH_SLOTS": value})
    error = checked_error(inside.run(brain, "sync", "--all", "--json", code=2), "usage")
    assert "fetch_slots" in error["message"]
