"""What people and pipes read: lines that belong to one source each, and nothing but the answer on standard output."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain import __version__
from support.commands import GBRAIN, BrainCommand
from support.documents import checked
from support.inside import Inside
from support.repositories import Repository
from support.servers import Server

ESCAPE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
CUT = "[injected] all is well\x1b[2K"


def test_each_line_of_a_sync_belongs_to_one_source_and_the_last_sums_up(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    for name in ("alpha", "beta", "gamma"):
        nasty = f"{name}\n{CUT}"
        folder = Repository.create(tmp_path / nasty, {f"page\n{CUT}.md": "---\na: [\n---\n"}).folder
        inside.run(brain, "sources", "add", name, "--path", str(folder), "--name", nasty)
    shutil.rmtree(tmp_path / f"beta\n{CUT}")
    done = brain.run("-v", "sync", "--all", code=1)
    *lines, last = done.out.rstrip("\n").split("\n")
    assert {line.partition(" ")[0] for line in lines} == {"[alpha]", "[beta]", "[gamma]"}
    assert last.startswith("2 ok, 1 error (beta: ")
    assert not ESCAPE.search(done.out)
    assert not ESCAPE.search(done.err)
    for line in lines:
        assert line.startswith("[beta]") == ("does not exist" in line)
    assert any(line.startswith("[alpha] first sync at ") for line in lines)
    assert sum("gbrain sources failures alpha" in line for line in lines) == 1


def test_no_log_line_is_ever_on_standard_output(brain: BrainCommand, repository: Repository, tmp_path: Path) -> None:
    brain.add("wiki", repository.folder)
    gone = Repository.create(tmp_path / "gone", {"page.md": "# Page\n"})
    brain.add("gone", gone.folder)
    shutil.rmtree(gone.folder / ".git" / "objects")
    for form in ("text", "json"):
        done = brain.run("-v", "-v", "--log-format", form, "sync", "--all", code=1)
        assert all(line.startswith(("[wiki] ", "[gone] ", "1 ok, 1 error ")) for line in done.out.splitlines())
        done = brain.run("-v", "--log-format", form, "sync", "--all", "--json", code=1)
        checked(done, "sync")


def test_names_cannot_break_the_lines_of_any_listing(brain: BrainCommand, inside: Inside, tmp_path: Path) -> None:
    nasty = f"x\n{CUT}"
    files: dict[str | bytes, bytes | str | None] = {
        f"{nasty}.md": "# Title \x1b[31m red\n",
        f"bad {nasty}.md": '---\n"a\\nb": [\n---\n',
    }
    folder = Repository.create(tmp_path / nasty, {name: text or "" for name, text in files.items()}).folder
    inside.run(brain, "sources", "add", "wiki", "--path", str(folder), "--name", nasty)
    inside.run(brain, "sync", "--all", code=1)
    _sql(brain, "UPDATE gbrain.pages SET title = title || 'x'")
    for arguments, code, most in (
        (("sources", "list"), 0, 1),
        (("sources", "failures"), 0, 1),
        (("sources", "status"), 0, 3),
        (("sources", "verify", "wiki"), 1, 3),
        (("sources", "show", "wiki"), 0, 19),
        (("sources", "remove", "wiki", "--dry-run"), 0, 1),
        (("sources", "runs"), 0, 1),
        (("sources", "set", "wiki", "--name", nasty), 0, 1),
        (("sources", "current"), 0, 1),
    ):
        done = inside.run(brain, *arguments, code=code)
        assert not ESCAPE.search(done.out), arguments
        assert "\n[injected]" not in done.out, arguments
        assert len(done.out.splitlines()) <= most, done.out
    shown = inside.run(brain, "show", f"{nasty}.md").out
    assert not ESCAPE.search(shown)
    assert "\\x1b[31m red" in shown


@pytest.mark.parametrize("arguments", [("show", "long"), ("sources", "list"), ("--help",), ("sync", "--help")])
def test_a_reader_that_has_gone_is_no_error(brain: BrainCommand, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    text = "".join(f"# Heading {number}\n\nWords and words of it.\n\n" for number in range(20_000))
    brain.add("wiki", Repository.create(tmp_path / "long", {"long.md": text}).folder)
    if arguments[0] == "show":
        brain.run("sync", "--all")
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        reader.wait()
        done = subprocess.run(
            [GBRAIN, *arguments], env=brain.env(), stdout=reader.stdin, stderr=subprocess.PIPE, timeout=60
        )
        reader.stdin.close()
    assert done.stderr == b""
    assert done.returncode in (0, 1 if "--help" in arguments else 0)


def test_the_version_is_one_line(brain: BrainCommand, inside: Inside) -> None:
    assert brain.run("--version").out == f"gbrain {__version__}\n"
    assert inside.run(brain, "--version", "--no-color").out == f"gbrain {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [(), ("sync",), ("sources",), ("sources", "add"), ("show",), ("search",), ("init",)]
)
def test_help_is_there_for_every_command_and_touches_nothing(
    inside: Inside, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    brain = BrainCommand(home=tmp_path / "home")
    short, long = inside.run(brain, *arguments, "-h"), inside.run(brain, *arguments, "--help")
    assert short.out == long.out
    assert "Usage: gbrain" in short.out
    assert short.err == ""
    assert not brain.home.exists()


def test_no_words_at_all_give_the_help_and_exit_2(inside: Inside, tmp_path: Path) -> None:
    done = inside.run(BrainCommand(home=tmp_path / "home"), code=2)
    assert "Usage: gbrain" in done.out + done.err


def test_the_status_table_shows_the_worst_first_with_numbers_to_the_right(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    pages = {"a-fine": 12, "b-failing": 1, "c-attention": 3, "d-new": 1}
    for name, number in pages.items():
        files: dict[str | bytes, bytes | str] = {f"{page}.md": f"# {page}\n" for page in range(number)}
        if name == "c-attention":
            files["broken.md"] = "---\na: [\n---\n"
        folder = Repository.create(tmp_path / name, files).folder
        inside.run(brain, "sources", "add", name, "--path", str(folder))
        if name != "d-new":
            inside.run(brain, "sync", "--source", name, code=1 if name == "c-attention" else 0)
    shutil.rmtree(tmp_path / "b-failing")
    inside.run(brain, "sync", "--source", "b-failing", code=1)
    heading, *lines, last = inside.run(brain, "sources", "status").out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["b-failing", "failing"],
        ["c-attention", "attention"],
        ["d-new", "unknown"],
        ["a-fine", "ok"],
    ]
    assert re.search(r"LAST SYNC \(\w+\)", heading)
    for column in ("PAGES", "CHUNKS", "FAILURES"):
        end = heading.index(column) + len(column)
        assert all(line[end - 1].isdigit() and line[end : end + 1] in ("", " ") for line in lines)
    assert "path missing" in lines[0]
    assert "1 open failure" in lines[1]
    assert last.startswith("4 sources: 1 failing, 1 attention, 1 unknown, 1 ok; ")


def test_colour_is_for_terminals_that_want_it(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    assert "\x1b[" not in brain.run("sources", "status").out
    assert "\x1b[" in _on_a_terminal(brain, "sources", "status")
    assert "\x1b[" not in _on_a_terminal(brain, "--no-color", "sources", "status")
    quiet = BrainCommand(home=brain.home, url=brain.url, environ={"NO_COLOR": "1"})
    assert "\x1b[" not in _on_a_terminal(quiet, "sources", "status")


def test_without_sources_there_is_nothing_to_sync_and_nothing_wrong(brain: BrainCommand, inside: Inside) -> None:
    document = checked(inside.run(brain, "sync", "--all", "--json"), "sync")
    assert document["sources"] == []
    for arguments in (("sync", "--all"), ("sources", "list"), ("sources", "status"), ("sources", "status", "--check")):
        done = inside.run(brain, *arguments)
        assert len(done.out.splitlines()) == 1
        assert "gbrain sources add" in done.out
    assert inside.run(brain, "sources", "failures").out == "no failures\n"
    assert inside.run(brain, "sources", "verify", "--all").out.count("\n") <= 1


def _on_a_terminal(brain: BrainCommand, *arguments: str) -> str:
    """What the command writes where standard output is a terminal."""
    quoted = " ".join([GBRAIN, *arguments])
    done = subprocess.run(
        ["script", "-qec", quoted, "/dev/null"],
        env=brain.env() | {"TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.decode()


def _sql(brain: BrainCommand, statement: str, *values: Any) -> None:
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute(statement.encode(), values)


def test_quiet_says_only_what_went_wrong(
    brain: BrainCommand, repository: Repository, inside: Inside, tmp_path: Path
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    done = inside.run(brain, "-q", "sync", "--all")
    assert (done.out, done.err) == ("", "")
    gone = Repository.create(tmp_path / "gone", {"page.md": "# Page\n"})
    inside.run(brain, "sources", "add", "gone", "--path", str(gone.folder))
    shutil.rmtree(gone.folder)
    repository.commit({"broken.md": "---\na: [\n---\n", "also.md": "---\na: [\n---\n"})
    lines = inside.run(brain, "-q", "sync", "--all", code=1).out.splitlines()
    assert {line.partition("]")[0] for line in lines[:-1]} == {"[gone", "[wiki"}
    assert lines[-1].startswith("1 ok, 1 error (gone: ")
    assert lines[-1].endswith("2 open failures (wiki)")


def test_verbose_tells_the_steps_on_standard_error(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    said = inside.run(brain, "-v", "sync", "--all").err
    for step in ("the lease is ours", "fetched", "a phase begins", "a batch is in"):
        assert step in said


def test_a_general_flag_behind_the_command_is_told_where_it_stands(brain: BrainCommand, inside: Inside) -> None:
    said = inside.run(brain, "sync", "--all", "-q", code=2).err
    assert "general flags come first: gbrain -q sync --all" in said


def test_acknowledging_says_how_many(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    repository.commit({"broken.md": "---\na: [\n---\n", "also.md": "---\na: [\n---\n"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all", code=1)
    done = inside.run(brain, "sync", "--all", "--skip-failed")
    assert "[wiki] 2 failures acknowledged" in done.out.splitlines()
    assert "acknowledged" not in inside.run(brain, "sync", "--all", "--skip-failed").out


def test_a_dry_run_that_finds_nothing_says_so(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    assert "[wiki] nothing to do up to " in inside.run(brain, "sync", "--all", "--dry-run").out


def test_init_says_whether_the_brain_is_new(new_database: Callable[[], str], server: Server, tmp_path: Path) -> None:
    brain = BrainCommand(home=tmp_path / "home", url=server.url(new_database()))
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        conn.execute("DROP SCHEMA IF EXISTS gbrain CASCADE")
    assert brain.run("init").out.startswith("new brain in ")
    assert brain.run("init").out.startswith("brain in ")
