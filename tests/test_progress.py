"""Progress: events that rise from 0 to the total, the row that other processes read, and the forms of both."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.cli.progress_lines import ProgressLines
from gbrain.domain.events import Event, Kind, Progress, SourcesChosen
from gbrain.domain.steps import Phase, Step
from gbrain.domain.sync_options import SyncOptions
from gbrain.services.progress import LOOKS_APART_S, Board
from support import looking
from support.commands import GBRAIN, BrainCommand
from support.damage import lose_contents
from support.databases import ask
from support.documents import checked, is_event
from support.driven import poll
from support.inside import Inside
from support.remotes import silent_server
from support.repositories import Repository

Steps = st.lists(st.tuples(st.floats(0.01, 3.0), st.integers(0, 50)), max_size=60)


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(Steps, st.one_of(st.none(), st.integers(0, 3000)))
def test_a_phase_begins_at_zero_rises_and_is_never_silent_for_two_seconds(
    steps: list[tuple[float, int]], total: int | None
) -> None:
    clock, events, at = Clock(), list[Progress](), list[float]()

    def emit(event: Event) -> None:
        assert isinstance(event, Progress)
        events.append(event)
        at.append(clock.now)

    board = Board(emit, clock=clock)
    run, done = board.run_of("wiki"), 0
    run.enter(Phase.WRITE, total)
    for seconds, items in steps:
        until = clock.now + seconds
        while clock.now < until:
            clock.now = min(until, clock.now + LOOKS_APART_S)
            board.look()
        done += items
        run.advance(done, total)
    run.finish()
    board.look()
    assert [event.kind for event in events if event.kind not in (Kind.TICK, Kind.HEARTBEAT)] == [
        Kind.START,
        Kind.FINISH,
    ]
    assert (events[0].done, events[-1].done) == (0, done)
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert events[-1].total == (done if total is None else max(total, done))
    assert max((later - earlier for earlier, later in itertools.pairwise(at)), default=0) < 2
    assert all(event.eta is None for event in events if event.elapsed.total_seconds() < 3)


def test_the_row_that_others_read_agrees_with_the_events(brain: BrainCommand, repository: Repository) -> None:
    repository.commit({f"p{number}.md": f"# {number}\n" for number in range(2500)})
    brain.add("wiki", repository.folder)
    events: list[Progress] = []
    rows: list[tuple[str, int, int | None]] = []

    def look(source_id: str, step: Step) -> None:
        if step is Step.COMMITTED:
            rows.extend(ask(brain.url or "", "SELECT phase, done, total FROM gbrain.runs"))

    looking.sync(
        brain.env(),
        options=SyncOptions(),
        probe=look,
        emit=lambda event: events.append(event) if isinstance(event, Progress) else None,
    )
    assert [event.phase for event in events if event.kind is Kind.START] == ["fetch", "plan", "write", "finish"]
    for phase in Phase.FETCH, Phase.PLAN, Phase.WRITE, Phase.FINISH:
        first, *_, last = [event for event in events if event.phase is phase]
        assert (first.kind, first.done, last.kind, last.done) == (Kind.START, 0, Kind.FINISH, last.total)
    written = [event.done for event in events if event.phase is Phase.WRITE]
    assert {(phase, total) for phase, _, total in rows} == {("write", 2502)}
    assert len(rows) >= 3
    assert set(written) <= {0, *(done for _, done, _ in rows)}
    assert written == sorted(written)
    assert written[-1] == rows[-1][1] == 2502


def test_nobody_waits_for_a_hung_remote_and_its_own_end_is_told_last(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.configure('allow_private_hosts = true\nfetch_stall = "3s"\n')
    for name in ("one", "two", "three"):
        brain.add(name, repository.folder)
    with silent_server() as port:
        brain.run("sources", "add", "hung", "--url", f"git://127.0.0.1:{port}/x")
        done = brain.run("sync", "--all", "--progress", "json", "--json", "--fetch-slots", "2", code=1)
    events = [json.loads(line) for line in done.err.splitlines()]
    assert all(map(is_event, events))
    assert {row["status"] for name, row in done.sources().items() if name != "hung"} == {"ok"}
    ends = [(event["source_id"], event["phase"]) for event in events if event["event"] in ("finish", "abort")]
    gave_up = ends.index(("hung", "fetch"))
    assert events[[event["event"] for event in events].index("abort")]["source_id"] == "hung"
    assert {("one", "finish"), ("two", "finish"), ("three", "finish")} <= set(ends[:gave_up])
    assert sum(event["event"] == "heartbeat" and event["source_id"] == "hung" for event in events) >= 1


def test_one_long_source_and_six_short_ones_leave_no_slot_empty(brain: BrainCommand, repository: Repository) -> None:
    names = ["long", *(f"short-{number}" for number in range(6))]
    for name in names:
        brain.add(name, repository.folder)
    with _held_up(brain, "long") as let_go:
        process = brain.start("sync", "--all", "--parallel", "2", "--progress", "json", "--json")
        assert process.stderr is not None
        events: list[dict[str, Any]] = []
        while sum(_is_end(event) for event in events) < 6:
            events.append(json.loads(process.stderr.readline()))
        running = _running(brain, "long")
        let_go()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    events += [json.loads(line) for line in err.decode().splitlines()]
    assert [event["source_id"] for event in events if _is_end(event)][-1] == "long"
    assert (running["phase"], running["done"], running["total"]) == ("write", 0, 2)
    assert running["pid"] == process.pid
    assert json.loads(out)["parallel"] == 2
    assert _most_at_once(events) == 2


def test_a_rate_and_the_time_left_are_in_the_row_that_status_reads(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    with _held_up(brain, "wiki") as let_go:
        process = brain.start("sync", "--all")
        poll(lambda: _running(brain, "wiki").get("phase") == "write", "it comes to write")
        _let_time_pass(brain, "UPDATE gbrain.runs SET phase_at = phase_at - interval '10 s'")
        running = poll(
            lambda: row if (row := _running(brain, "wiki")).get("rate_per_s") is not None else None, "the rate is kept"
        )
        assert (running["rate_per_s"], running["eta_s"]) == (0.0, None)
        let_go()
    process.communicate(timeout=60)
    _let_time_pass(brain, "UPDATE gbrain.runs SET finished_at = NULL, phase = 'write', rate_per_s = 4, done = 1")
    _let_time_pass(
        brain,
        "UPDATE gbrain.leases SET expires_at = now() + interval '1 h', holder_boot = 'elsewhere', "
        "token = (SELECT lease_token FROM gbrain.runs)",
    )
    running = _running(brain, "wiki")
    assert (running["done"], running["total"], running["rate_per_s"], running["eta_s"]) == (1, 2, 4.0, 0)


def test_a_dry_run_tells_how_far_it_is_and_keeps_no_row(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    done = brain.run("sync", "--all", "--dry-run", "--progress=json")
    events = [json.loads(line) for line in done.err.splitlines()]
    ended = [(event["phase"], event["done"], event["total"]) for event in events if event["event"] == "finish"]
    assert ended == [("fetch", 0, 0), ("plan", 4, 4)]
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.runs") == [(0,)]


def test_interrupting_tells_what_is_kept_and_aborts_each_phase(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    for form in ("plain", "json"):
        with _held_up(brain, "wiki"):
            process = brain.start("sync", "--all", "--progress", form, "--full")
            poll(lambda: _running(brain, "wiki").get("phase") == "write", "it comes to write")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        lines = err.decode().splitlines()
        if form == "plain":
            assert lines[0] == "[wiki] stopped while writing: 0 of 2 are done"
            assert lines[-1].startswith("error: interrupted")
            continue
        events = [json.loads(line) for line in lines]
        assert all(map(is_event, events))
        assert [event["phase"] for event in events if event["event"] == "abort"] == ["write"]
        assert events[-1] | {"ts": ""} == {
            "event": "error",
            "code": "interrupted",
            "message": "interrupted",
            "hint": "what was committed is kept",
            "ts": "",
        }


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--source", "nobody"), 4, "not_found"),
        (("--parallel", "0", "--all"), 2, "usage"),
        (("--no-such-flag",), 2, "usage"),
    ],
)
def test_under_json_the_final_error_is_an_event_too(
    brain: BrainCommand, inside: Inside, arguments: tuple[str, ...], code: int, error: str
) -> None:
    done = inside.run(brain, "sync", *arguments, "--progress", "json", code=code)
    *before, last = [json.loads(line) for line in done.err.splitlines()]
    assert (last["event"], last["code"]) == ("error", error)
    assert all(map(is_event, [*before, last]))
    assert done.out == ""


def test_logs_are_events_too(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    done = brain.run("-v", "sync", "--all", "--progress", "json")
    events = [json.loads(line) for line in done.err.splitlines()]
    assert all(map(is_event, events))
    assert {"log", "start", "finish"} <= {event["event"] for event in events}


def test_a_form_that_there_is_not_is_a_usage_error(brain: BrainCommand, inside: Inside) -> None:
    assert "give one of auto, plain, json, none" in inside.run(brain, "sync", "--progress", "loud", code=2).err


def test_a_quick_sync_in_a_pipe_says_nothing_but_its_results(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    for form in ("auto", "plain", "none"):
        done = brain.run("sync", "--all", "--progress", form)
        assert done.err == ""
        assert [line.partition(" ")[0] for line in done.out.splitlines()] == ["[wiki]", "1"]


def test_lines_of_a_long_run_come_ever_more_rarely(capsys: pytest.CaptureFixture[str]) -> None:
    clock, board_clock = Clock(), Clock()
    lines = ProgressLines(clock)
    board = Board(lambda event: lines.progress(event) if isinstance(event, Progress) else None, clock=board_clock)
    run = board.run_of("wiki")
    run.enter(Phase.WRITE, 4000)
    said: list[tuple[int, str]] = []
    for second in range(1, 301):
        clock.now = board_clock.now = float(second)
        run.advance(second * 10, 4000)
        board.look()
        said += [(second, line) for line in capsys.readouterr().err.splitlines()]
    assert [second for second, _ in said] == [5, 15, 35, 75, 135, 195, 255]
    assert said[0][1] == "[wiki] writing 50 of 4,000, 10/s, 7 min left"
    assert said[-1][1] == "[wiki] writing 2,550 of 4,000, 10/s, 2 min left"


def test_the_sources_that_take_part_are_told_in_the_order_in_which_they_start(
    brain: BrainCommand, repository: Repository
) -> None:
    for name in ("b", "a"):
        brain.add(name, repository.folder)
    chosen: list[list[str]] = []
    looking.sync(
        brain.env(),
        options=SyncOptions(),
        emit=lambda event: chosen.append(event.source_ids) if isinstance(event, SourcesChosen) else None,
    )
    assert chosen == [["a", "b"]]


def test_while_a_damaged_copy_is_fetched_anew_the_row_says_so(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--url", f"file://{repository.folder}")
    inside.run(brain, "sync", "--all")
    lose_contents(brain.home / "mirrors")
    seen: list[tuple[Any, ...]] = []

    def look(event: Event) -> None:
        if isinstance(event, Progress) and (event.kind, event.phase) == (Kind.START, Phase.FETCH):
            seen.extend(ask(brain.url or "", "SELECT phase, done, total FROM gbrain.runs ORDER BY id DESC LIMIT 1"))

    looking.sync(brain.env(), options=SyncOptions(full=True), emit=look)
    assert seen == [("fetch", 0, None), ("fetch", 0, None)]


def test_a_terminal_that_goes_away_ends_no_run(brain: BrainCommand, repository: Repository, tmp_path: Path) -> None:
    for name in ("one", "two"):
        brain.add(name, repository.folder)
    with _held_up(brain, "two") as let_go, (tmp_path / "out").open("wb") as out:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", GBRAIN, "sync", "--all"],
            env=brain.env() | {"TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        until = time.monotonic() + 60
        while b"1 of 2 done" not in os.read(master, 1 << 16):
            assert time.monotonic() < until
        os.close(master)
        let_go()
        assert process.wait(60) == 0
    assert (tmp_path / "out").read_text().endswith("2 ok\n")


def test_a_reader_of_events_who_is_slow_costs_no_lease(brain: BrainCommand, repository: Repository) -> None:
    brain.configure('lease_term = "2s"\n')
    brain.add("wiki", repository.folder)
    unread, full = _full_pipe()
    with _held_up(brain, "wiki") as let_go:
        process = subprocess.Popen(
            [GBRAIN, "sync", "--all", "--progress", "json"],
            env=brain.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=full,
            start_new_session=True,
        )
        os.close(full)
        expires = "SELECT expires_at FROM gbrain.leases WHERE expires_at > now()"
        first = poll(lambda: ask(brain.url or "", expires), "it has the lease")
        poll(lambda: _is_past(brain, first[0][0], 6), "three terms pass")
        assert ask(brain.url or "", expires), "the lease has lapsed"
        let_go()
        with open(unread, "rb") as reader:
            events = [json.loads(line) for line in reader.read().splitlines() if line]
    assert process.wait(60) == 0
    assert [event["phase"] for event in events if event["event"] == "finish"] == ["fetch", "plan", "write", "finish"]


@contextmanager
def _held_up(brain: BrainCommand, source_id: str) -> Iterator[Callable[[], None]]:
    """The source's writes wait for a lock of ours until the block ends, or what it is given is called."""
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("SELECT FROM gbrain.states WHERE source_id = %s FOR UPDATE", (source_id,))
        yield conn.rollback


def _running(brain: BrainCommand, source_id: str) -> dict[str, Any]:
    """What status says of the source's run; nothing where there is none."""
    found: dict[str, Any] = checked(brain.run("sources", "status", "--json"), "sources-status")
    return next(row["running"] for row in found["sources"] if row["source_id"] == source_id) or {}


def _let_time_pass(brain: BrainCommand, statement: str) -> None:
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        conn.execute(statement.encode())


def _is_end(event: dict[str, Any]) -> bool:
    return (event["event"], event["phase"]) == ("finish", "finish")


def _most_at_once(events: list[dict[str, Any]]) -> int:
    """How many sources were between the start of their plan and the end of their writing at once."""
    open_phases: dict[str, set[str]] = defaultdict(set)
    most = 0
    for event in events:
        if event["phase"] in ("plan", "write"):
            if event["event"] == "start":
                open_phases[event["source_id"]].add(event["phase"])
            if event["event"] == "finish":
                open_phases[event["source_id"]].discard(event["phase"])
        most = max(most, sum(bool(phases) for phases in open_phases.values()))
    return most


def _full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more; both ends."""
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(full, b"\n" * 4096)
    os.set_blocking(full, True)
    return unread, full


def _is_past(brain: BrainCommand, since: datetime, seconds: int) -> bool:
    """Whether so many seconds have passed on the database's clock."""
    [(found,)] = ask(brain.url or "", "SELECT clock_timestamp() > %s + %s * interval '1 s'", since, seconds)
    return bool(found)
