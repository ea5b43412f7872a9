"""`gbrain sources status --watch`: drawn in place, written round after round, and ended by whoever started it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.cells import cell_len

from gbrain.app.readings import readings
from gbrain.app.settings import read_settings
from gbrain.domain.steps import Step
from gbrain.errors import DatabaseUnusable
from gbrain.postgres.paths import places_of
from support.commands import GBRAIN, BrainCommand, Completed
from support.databases import ask
from support.documents import checked, checked_error
from support.driven import driven, poll, wait_until_stopped
from support.frames import HIDDEN, OTHER, SHOWN, USUAL, lines_of, on_terminal
from support.inside import Inside
from support.repositories import Repository
from support.servers import Server, free_port

WATCH = ("sources", "status", "--watch")
READ = re.compile(r"read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+; again every 2 s")


@pytest.fixture
def wiki(brain: BrainCommand, repository: Repository, inside: Inside) -> BrainCommand:
    """A brain with one source that was never synced."""
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    return brain


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_is_drawn_on_until_a_signal_ends_it_with_exit_0_and_gives_it_back(
    wiki: BrainCommand, number: int
) -> None:
    with on_terminal(wiki, *WATCH) as terminal:
        frame = terminal.wait(_says("wiki", "never synced"), "the table is drawn")
        assert READ.fullmatch(frame[0])
        assert frame[-1] == "1 source: 1 unknown"
        assert terminal.written.startswith(OTHER)
        assert terminal.written.count(HIDDEN) == 1
        if number == signal.SIGINT:
            terminal.type(b"\x03")
        else:
            terminal.process.send_signal(number)
        assert terminal.ended() == 0
        _, shown, after = terminal.written.rpartition(SHOWN)
        assert shown
        assert after.startswith(USUAL)
        assert HIDDEN not in after
        left = lines_of(after)
    assert READ.fullmatch(left[0] + "; again every 2 s")
    assert left[1:] == frame[1:]


def test_what_other_processes_do_is_drawn_as_they_do_it(wiki: BrainCommand) -> None:
    with on_terminal(wiki, *WATCH) as terminal:
        terminal.wait(_says("never synced"), "the table is drawn")
        with driven(wiki, "--source", "wiki", "--stop", Step.STAGED) as holder:
            wait_until_stopped(holder)
            terminal.wait(_says(f"(pid {holder.pid})", "writing 0 of 2", "1 running"), "the run is drawn")
            holder.send_signal(signal.SIGCONT)
            frame = terminal.wait(_says("1 source: 1 ok"), "its end is drawn")
        assert frame[2].split()[:2] == ["wiki", "ok"]
        assert not any("never" in line or "running" in line for line in frame)
        assert len([line for line in frame if line]) == 4


def test_a_terminal_of_another_size_is_drawn_on_at_once_also_while_a_round_takes_long(wiki: BrainCommand) -> None:
    with on_terminal(wiki, *WATCH, columns=200) as terminal, psycopg.connect(wiki.url or "") as locking:
        terminal.wait(_says("COMMIT"), "the table is drawn")
        locking.execute("LOCK TABLE gbrain.states IN ACCESS EXCLUSIVE MODE")
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        poll(lambda: ask(wiki.url or "", waiting), "a round waits")
        before = terminal.frame[0]
        for columns, last in ((59, "PAGES  FAILURES"), (40, "LAST SYNC"), (200, "COMMIT")):
            terminal.resize(columns, 24)
            frame = terminal.wait(lambda frame: True, f"it is drawn on {columns} columns")
            assert frame[0].removesuffix("…") == before[: min(len(before), columns - (columns == 40))]
            assert last in frame[1]
            assert ("CHUNKS" in frame[1], "PAGES" in frame[1]) == (columns == 200, columns > 40)
        terminal.type(b"\x03")
        assert terminal.ended() == 0


def test_of_more_sources_than_lines_the_worst_are_drawn_and_the_others_counted(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    for number in range(12):
        inside.run(brain, "sources", "add", f"s{number:02}", "--path", str(repository.folder))
    inside.run(brain, "sync", "--source", "s00")
    (repository.folder / ".git").rename(repository.folder / "elsewhere")
    inside.run(brain, "sync", "--source", "s11", code=1)
    with on_terminal(brain, *WATCH, columns=200, rows=8) as terminal:
        frame = terminal.wait(_says("… 8 more"), "the table is drawn")
        assert [line.split()[0] for line in frame] == ["read", "SOURCE", "s11", "s01", "s02", "s03", "…", "12"]
        assert frame[-1] == "12 sources: 1 failing, 10 unknown, 1 ok"
        assert b"\n" not in terminal.written.rpartition(b"12 sources")[2]
        for rows in (5, 3, 1):
            terminal.resize(200, rows)
            assert len(terminal.wait(lambda frame: True, f"it is drawn on {rows} lines")) == rows
        terminal.resize(200, 40)
        frame = terminal.wait(_says("s00"), "all are drawn")
        assert len([line for line in frame if line.startswith("s")]) == 12


def test_a_database_that_goes_away_leaves_the_last_table_and_is_asked_until_it_is_back(
    wiki: BrainCommand, server: Server, inside: Inside
) -> None:
    inside.run(wiki, "sync", "--all")
    with on_terminal(wiki, *WATCH, columns=120) as terminal:
        before = terminal.wait(_says("1 ok"), "the table is drawn")
        with _closed(wiki, server):
            frame = terminal.wait(_says("not read since"), "its absence is drawn")
            at = before[0].removeprefix("read ").removesuffix("; again every 2 s")[:10]
            assert frame[0].startswith(f"not read since {at}")
            assert "cannot use the database" in frame[0]
            assert frame[1:] == before[1:]
            terminal.resize(40, 24)
            narrow = terminal.wait(lambda frame: True, "it is drawn narrower")
            assert narrow[0].startswith("not read since")
            assert narrow[0].endswith("…")
            assert narrow[-1] == "1 source: 1 ok"
            terminal.resize(120, 24)
        frame = terminal.wait(lambda frame: READ.fullmatch(frame[0]), "it is read again")
        assert frame[1:] == before[1:]
        _away(wiki, server)
        terminal.wait(_says("not read since"), "its absence is drawn")
        terminal.type(b"\x03")
        assert terminal.ended() == 0
        left = lines_of(terminal.written.rpartition(USUAL)[2])
        assert left[0].startswith("not read since")
        assert left[1:] == before[1:]


def test_it_reads_with_one_connection(wiki: BrainCommand, server: Server) -> None:
    database = (wiki.url or "").rpartition("/")[2]
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'gbrain'"
    with on_terminal(wiki, *WATCH) as terminal:
        first = terminal.wait(_says("wiki"), "the table is drawn")
        seen = []
        while terminal.frame[0] in ("", first[0]) or len(seen) < 100:
            seen += ask(server.url("postgres"), query, database)
        assert set(seen) == {(1,)}


def test_a_process_that_is_suspended_gives_the_terminal_back_until_it_goes_on(wiki: BrainCommand) -> None:
    with on_terminal(wiki, *WATCH) as terminal:
        terminal.wait(_says("wiki"), "the table is drawn")
        terminal.type(b"\x1a")
        poll(lambda: terminal.written.endswith(SHOWN + USUAL), "the terminal is given back")
        wait_until_stopped(terminal.process)
        drawn = len(terminal.written)
        terminal.process.send_signal(signal.SIGCONT)
        poll(lambda: HIDDEN in terminal.written[drawn:], "it is taken again")
        terminal.wait(_says("wiki"), "the table is drawn again")
        terminal.type(b"\x03")
        assert terminal.ended() == 0
        assert terminal.written.count(OTHER) == terminal.written.count(USUAL) == 2


@pytest.mark.parametrize(("flags", "environ"), [(("--no-color",), {}), ((), {"NO_COLOR": "1"})])
def test_without_colour_it_is_drawn_all_the_same(
    wiki: BrainCommand, flags: tuple[str, ...], environ: dict[str, str]
) -> None:
    plain = BrainCommand(home=wiki.home, url=wiki.url, environ=environ)
    with on_terminal(plain, *flags, *WATCH) as terminal:
        terminal.wait(_says("wiki"), "the table is drawn")
        terminal.type(b"\x03")
        assert terminal.ended() == 0
        assert OTHER in terminal.written
        assert not re.search(rb"\x1b\[[0-9;]*m", terminal.written)


def test_a_terminal_that_cannot_be_drawn_on_is_written_to_as_a_pipe_is(wiki: BrainCommand) -> None:
    dumb = BrainCommand(home=wiki.home, url=wiki.url, environ={"TERM": "dumb"})
    with on_terminal(dumb, *WATCH, columns=40) as terminal:
        poll(lambda: terminal.written.count(b"1 source: 1 unknown\r\n\r\n") == 2, "two rounds are written")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ended() == 0
        assert b"\x1b" not in terminal.written.replace(b"^C", b"")
        assert max(map(cell_len, lines_of(terminal.written))) <= 40


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_a_pipe_each_round_is_a_table_and_an_empty_line(wiki: BrainCommand, number: int) -> None:
    with _piped(wiki, *WATCH) as process:
        first = _table(process)
        assert first[0].startswith("SOURCE  HEALTH ")
        assert first[1].endswith("never synced")
        assert first[2:] == ["1 source: 1 unknown"]
        assert _table(process) == first
        wiki.run("sync", "--all")
        poll(lambda: _table(process)[-1] == "1 source: 1 ok", "the sync is told")
        assert _stopped_by(number, process) == (0, b"")


def test_in_a_pipe_each_document_is_one_valid_line_also_while_the_database_is_away(
    wiki: BrainCommand, server: Server
) -> None:
    with _piped(wiki, *WATCH, "--json") as process:
        first, second = (_document(process, "sources-status") for _ in range(2))
        assert first["sources"][0]["health"] == "unknown"
        assert _seconds_between(first, second) >= 2
        with _closed(wiki, server):
            poll(lambda: b'"error"' in _line(process), "its absence is told")
            assert _document(process, "error")["error"]["code"] == "database"
        poll(lambda: b'"sources"' in _line(process), "it is back")
        assert _document(process, "sources-status")["sources"] == second["sources"]
        code, err = _stopped_by(signal.SIGTERM, process)
    assert code == 0
    assert err.startswith(b"error: cannot use the database: ")
    assert err.endswith(b"; it is tried again every 2 s\n")
    assert err.count(b"\n") == 1


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_reader_that_leaves_ends_it_quietly(wiki: BrainCommand, form: tuple[str, ...]) -> None:
    with _piped(wiki, *WATCH, *form) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        poll(lambda: process.poll() is not None, "it ends by itself", within_s=20)
        assert process.returncode == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_output_that_cannot_be_written_is_an_error_and_no_reason_to_try_again(wiki: BrainCommand) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([GBRAIN, *WATCH], env=wiki.env(), stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 6
    assert done.stderr.startswith(b"error: cannot write to standard output: ")


def test_a_signal_that_was_ignored_from_the_start_stays_so(wiki: BrainCommand) -> None:
    nohup = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", GBRAIN, *WATCH]
    with _piped(wiki, *WATCH, command=nohup) as process:
        _table(process)
        process.send_signal(signal.SIGINT)
        _table(process)
        _table(process)
        assert _stopped_by(signal.SIGTERM, process) == (0, b"")


def test_what_cannot_be_read_at_first_is_an_error_before_anything_is_drawn(brain: BrainCommand, tmp_path: Path) -> None:
    nobody = BrainCommand(home=tmp_path / "nobody", url=f"postgresql://gbrain@127.0.0.1:{free_port()}/brain")
    with on_terminal(nobody, *WATCH) as terminal:
        assert terminal.ended() == 6
        assert lines_of(terminal.written)[0].startswith("error: cannot use the database: ")
        assert b"\x1b" not in terminal.written
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        conn.execute("INSERT INTO gbrain.schema_versions (version) VALUES (9999)")
    checked_error(brain.run(*WATCH, "--json", code=6), "schema_too_new")


def test_watching_and_checking_do_not_go_together(inside: Inside, tmp_path: Path) -> None:
    brain = BrainCommand(home=tmp_path / "home")
    error = checked_error(inside.run(brain, *WATCH, "--check", "--json", code=2), "usage")
    assert "--watch and --check" in error["message"]
    assert inside.run(brain, *WATCH, "--check", code=2).out == ""
    assert not brain.home.exists()


async def test_a_database_that_gives_no_answer_is_not_waited_for_long(
    wiki: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gbrain.app.readings.ANSWER_SECONDS", 0.5)
    found = readings(read_settings(wiki.env()), lambda text: None)
    assert [row.status.id for row in (await anext(found)).sources] == ["wiki"]
    with psycopg.connect(wiki.url or "") as locking:
        locking.execute("LOCK TABLE gbrain.states IN ACCESS EXCLUSIVE MODE")
        for _ in range(2):
            error = await anext(found)
            assert isinstance(error, DatabaseUnusable)
            assert error.message == "the database gave no answer for 0.5 s"
    assert [row.status.id for row in (await anext(found)).sources] == ["wiki"]
    await found.aclose()


def test_an_embedded_server_that_dies_is_started_again(embedded_brain: BrainCommand, repository: Repository) -> None:
    embedded_brain.add("wiki", repository.folder)
    with _piped(embedded_brain, *WATCH, "--json") as process:
        before = _document(process, "sources-status")["sources"]
        os.kill(_postmaster(embedded_brain), signal.SIGKILL)
        error = poll(lambda: b'"error"' in (line := _line(process)) and line, "its absence is told")
        checked(Completed(code=0, out=error.decode(), err=""), "error")
        again = poll(lambda: b'"error"' not in (line := _line(process)) and line, "it is back")
        assert checked(Completed(code=0, out=again.decode(), err=""), "sources-status")["sources"] == before
        assert _stopped_by(signal.SIGTERM, process)[0] == 0


def _says(*words: str) -> Callable[[list[str]], bool]:
    """Whether all of the words stand in a frame."""
    return lambda frame: all(any(word in line for line in frame) for word in words)


@contextmanager
def _piped(brain: BrainCommand, *arguments: str, command: list[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The command under way, its output in pipes; killed with the block if it has not ended."""
    process = subprocess.Popen(
        command or [GBRAIN, *arguments],
        env=brain.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def _line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.endswith(b"\n"), (line, process.stderr and process.stderr.read())
    return line


def _table(process: subprocess.Popen[bytes]) -> list[str]:
    """The lines of the next round."""
    lines = []
    while line := _line(process).decode().removesuffix("\n"):
        lines.append(line)
    return lines


def _document(process: subprocess.Popen[bytes], schema: str) -> dict[str, Any]:
    return checked(Completed(code=0, out=_line(process).decode(), err=""), schema)


def _seconds_between(one: dict[str, Any], other: dict[str, Any]) -> float:
    at = [time.strptime(document["generated_at"], "%Y-%m-%dT%H:%M:%S.%fZ") for document in (one, other)]
    return time.mktime(at[1]) - time.mktime(at[0])


def _postmaster(brain: BrainCommand) -> int:
    return int((places_of(brain.home).data / "postmaster.pid").read_text().split()[0])


def _stopped_by(number: int, process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


@contextmanager
def _closed(brain: BrainCommand, server: Server) -> Iterator[None]:
    """The brain's database lets nobody in, and has thrown out who was there."""
    _away(brain, server)
    try:
        yield
    finally:
        _allow(brain, server, "true")


def _away(brain: BrainCommand, server: Server) -> None:
    name = _allow(brain, server, "false")
    ask(server.url("postgres"), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)


def _allow(brain: BrainCommand, server: Server, whether: str) -> str:
    name = (brain.url or "").rpartition("/")[2]
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {whether}".encode())
    return name
