"""The live table of a sync on a terminal: at any width, with the results settling above it, gone at the end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from gbrain.cli.live_rows import Fleet
from gbrain.domain.events import Filling, Kind, Progress
from gbrain.domain.outcome import Code, Result, Status, Trouble
from gbrain.domain.steps import Phase
from support.commands import BrainCommand
from support.remotes import silent_server
from support.repositories import Repository
from support.terminal import Terminal, on_terminal

_LONG = "a" * 32


PINNED = {
    200: """
wiki                              writing   ━━━━━━━━━╸                  400 of 1,003  310/s  2 s left
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  planning                                    12,000
docs                              waiting   ━━━━━━━━━━━━━━━━━━━━━━━━  9,812 of 9,812
media                             fetching                                                       12 s
hung: no data from the remote for 60 s
4 of 40 done, 32 waiting, 1 to look at, 14 s
""",
    100: """
wiki                              writing   ━━━╸          400 of 1,003  310/s  2 s left
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  planning                      12,000
docs                              waiting   ━━━━━━━━━━  9,812 of 9,812
media                             fetching                                         12 s
hung: no data from the remote for 60 s
4 of 40 done, 32 waiting, 1 to look at, 14 s
""",
    80: """
wiki                              writing     400 of 1,003  310/s  2 s left
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  planning          12,000
docs                              waiting   9,812 of 9,812
media                             fetching                             12 s
hung: no data from the remote for 60 s
4 of 40 done, 32 waiting, 1 to look at, 14 s
""",
    60: """
wiki                              writing     39 %  2 s left
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  planning  12,000
docs                              waiting    100 %
media                             fetching              12 s
hung: no data from the remote for 60 s
4 of 40 done, 32 waiting, 1 to look at, 14 s
""",
}


@pytest.mark.parametrize("width", PINNED)
def test_the_table_has_what_there_is_room_for_and_never_cuts_an_id(width: int) -> None:
    assert _drawn(_fleet(), width) == PINNED[width].strip("\n").split("\n")


@pytest.mark.parametrize(
    ("width", "summary"),
    [
        (200, "test:model, 14 s, 3 refused, sends again in 12 s, host answered 429: Rate limit reached for requests"),
        (60, "test:model, 14 s, 3 refused, sends again in 12 s, host an…"),
    ],
)
def test_of_a_fill_the_last_line_says_with_what_and_what_keeps_it_back(width: int, summary: str) -> None:
    said = "host answered 429: Rate limit reached for requests"
    filling = Filling(model="test:model", refused=3, waits=timedelta(seconds=12), trouble=said)
    event = _at(None, Phase.EMBED, 400, 1003, rate_per_s=310.0, eta=timedelta(seconds=2), filling=filling)
    lines = _drawn(Fleet(began_s=100.0, at_work={None: event}), width)
    assert [lines[0].startswith("(all)  embedding"), lines[0].endswith("400 of 1,003  310/s  2 s left")] == [True, True]
    assert lines[1:] == [summary]
    of_sync = _drawn(Fleet(began_s=100.0, chosen=4, ended=4, at_work={None: event}), 200)
    assert of_sync[-1].startswith("4 of 4 done, 14 s, 3 refused, ")


def test_of_more_sources_than_lines_the_rest_is_counted() -> None:
    lines = _drawn(_fleet(), 100, height=6)
    assert len(lines) == 4
    assert lines[-1] == "4 of 40 done, 2 more at work, 32 waiting, 1 to look at, 14 s"


Events = st.builds(
    Progress,
    kind=st.sampled_from(Kind),
    source_id=st.one_of(st.none(), st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)),
    phase=st.sampled_from(Phase),
    done=st.integers(0, 10**7),
    total=st.one_of(st.none(), st.integers(0, 10**7)),
    rate_per_s=st.one_of(st.none(), st.floats(0, 1e6)),
    eta=st.one_of(st.none(), st.timedeltas(timedelta(), timedelta(days=40))),
    elapsed=st.timedeltas(timedelta(), timedelta(days=40)),
    filling=st.one_of(
        st.none(), st.builds(Filling, model=st.text(), waits=st.timedeltas(timedelta()), trouble=st.text(max_size=300))
    ),
)


@given(st.lists(Events, max_size=30), st.integers(50, 220), st.integers(4, 60))
def test_no_line_is_wider_and_no_table_taller_than_the_terminal(
    events: list[Progress], width: int, height: int
) -> None:
    fleet = Fleet(began_s=0.0, chosen=60, at_work={event.source_id: event for event in events})
    lines = _drawn(fleet, width, height=height)
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) < height
    names = [source_id or "(all)" for source_id in fleet.at_work]
    assert [line.split()[0] for line in lines[:-1]] == names[: len(lines) - 1]


def test_a_sync_on_a_terminal_shows_who_is_at_work_and_leaves_only_its_results(
    brain: BrainCommand, repository: Repository
) -> None:
    for name in ("one", "two", "three"):
        brain.add(name, repository.folder)
    with _held_up(brain, "two") as let_go, on_terminal(brain, "sync", "--all") as terminal:
        lines = terminal.wait_until(lambda lines: "2 of 3 done" in lines[-1], "two have ended")
        assert [line.split("]")[0] for line in lines if line.startswith("[")] in (
            ["[one", "[three"],
            ["[three", "[one"],
        )
        assert lines[-2].startswith("two  writing")
        assert "0 of 2" in lines[-2]
        assert not terminal.shows_cursor
        let_go()
        assert terminal.ended() == 0
    assert sorted(line[: line.index("]")] for line in terminal.lines[:3]) == ["[one", "[three", "[two"]
    assert terminal.lines[3:] == ["3 ok"]
    assert terminal.shows_cursor


def test_ctrl_c_once_stops_it_and_says_what_is_kept(brain: BrainCommand, repository: Repository) -> None:
    for name in ("one", "two"):
        brain.add(name, repository.folder)
    with _held_up(brain, "two"), on_terminal(brain, "sync", "--all") as terminal:
        _wait_for_table(terminal, "1 of 2 done")
        terminal.type(b"\x03")
        assert terminal.ended() == 130
    assert terminal.lines[-3:] == [
        "[two] stopped while writing: 0 of 2 are done",
        "of 2 sources 1 had ended; the next sync goes on from here",
        "error: interrupted; what was committed is kept",
    ]
    assert terminal.shows_cursor


def test_what_failed_stays_in_sight_while_others_go_on(brain: BrainCommand, repository: Repository) -> None:
    brain.configure('allow_private_hosts = true\nfetch_stall = "1s"\n')
    brain.add("wiki", repository.folder)
    with silent_server() as port:
        brain.run("sources", "add", "hung", "--url", f"git://127.0.0.1:{port}/x")
        with _held_up(brain, "wiki") as let_go, on_terminal(brain, "sync", "--all", columns=50) as terminal:
            lines = _wait_for_table(terminal, "1 of 2 done")
            assert "hung: no data from the remote for 1 s" in lines
            let_go()
            assert terminal.ended() == 1


def test_a_narrower_terminal_is_drawn_narrower(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    with _held_up(brain, "wiki") as let_go, on_terminal(brain, "sync", "--all") as terminal:
        _wait_for_table(terminal, "0 of 1 done")
        terminal.resize(24, 10)
        terminal.wait_until(lambda lines: any("0 %" in line for line in lines), "it is drawn for 24 columns")
        let_go()
        assert terminal.ended() == 0


@pytest.mark.parametrize("flags", [("-q",), ("-v",)], ids=" ".join)
def test_who_wants_less_or_more_gets_no_table(
    brain: BrainCommand, repository: Repository, flags: tuple[str, ...]
) -> None:
    brain.add("wiki", repository.folder)
    with on_terminal(brain, *flags, "sync", "--all") as terminal:
        assert terminal.ended() == 0
    assert b"\x1b[?25l" not in terminal.written
    assert b"opening the brain" not in terminal.written


def _fleet() -> Fleet:
    fleet = Fleet(began_s=100.0, chosen=40, ended=4)
    for event in (
        _at("wiki", Phase.WRITE, 400, 1003, rate_per_s=310.0, eta=timedelta(seconds=2)),
        _at(_LONG, Phase.PLAN, 12_000, None),
        _at("docs", Phase.FETCH, 9812, 9812, kind=Kind.FINISH),
        _at("media", Phase.FETCH, 0, None, elapsed=timedelta(seconds=12)),
    ):
        fleet.at_work[event.source_id] = event
    trouble = Trouble(code=Code.FETCH_TIMEOUT, message="no data from the remote for 60 s", hint="wait")
    fleet.troubled["hung"] = Result(source_id="hung", name="Hung", status=Status.PARTIAL, trouble=trouble)
    return fleet


def _at(
    source_id: str | None,
    phase: Phase,
    done: int,
    total: int | None,
    *,
    kind: Kind = Kind.TICK,
    rate_per_s: float | None = None,
    eta: timedelta | None = None,
    elapsed: timedelta = timedelta(seconds=1),
    filling: Filling | None = None,
) -> Progress:
    return Progress(
        kind=kind,
        source_id=source_id,
        phase=phase,
        done=done,
        total=total,
        rate_per_s=rate_per_s,
        eta=eta,
        elapsed=elapsed,
        filling=filling,
    )


def _drawn(fleet: Fleet, width: int, *, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(fleet.table(width, height, fleet.began_s + 14))
    return [line.rstrip() for line in captured.get().splitlines()]


def _wait_for_table(terminal: Terminal, summary: str) -> list[str]:
    return terminal.wait_until(lambda lines: any(summary in line for line in lines), f"the table says {summary}")


@contextmanager
def _held_up(brain: BrainCommand, source_id: str) -> Iterator[Callable[[], None]]:
    """The source's writes wait for a lock of ours until the block ends, or what it is given is called."""
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("SELECT FROM gbrain.states WHERE source_id = %s FOR UPDATE", (source_id,))
        yield conn.rollback
