"""The dashboard's table as text: what it says, in which order, and at every width."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from gbrain.cli.status_surfaces import rendered
from gbrain.cli.status_table import table
from gbrain.cli.status_words import summary, why
from gbrain.domain.outcome import Code
from gbrain.domain.redaction import is_control
from gbrain.domain.steps import Phase
from gbrain.services.coverage import Coverage
from gbrain.services.status import Assessed
from support.dashboards import NOW, coverage, dashboard, fill, model, run, source
from support.torture import examples

CET = timezone(timedelta(hours=1), "CET")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEVER = {"bookmark_commit": None, "committed_at": None, "pages": 0, "chunks": 0}
ORDER = ["COMMIT", "CHUNKS", "PAGES", "FAILURES", "LAST SYNC", "HEALTH"]

ORDINARY = [
    source("wiki", pages=1_234_567, chunks=5_678_901),
    source("handbook", age=2 * HOUR, failures_open=1),
    source("media", age=4 * DAY, last_attempt_status="partial", last_attempt_code="fetch_timeout"),
    source("notes", age=30 * HOUR, pages=1_003, chunks=4_000, running=run("write", 400, 1_003)),
    source("new", age=None, last_attempt_status=None, running=run("fetch"), **NEVER),
    source("code", age=timedelta(minutes=5), running=run("write", 31_000, 31_620)),
]
UNUSUAL = [
    source("team-handbook-of-the-north-sides", age=2 * HOUR, failures_open=1_234),
    source(
        "far",
        age=None,
        last_attempt_status="error",
        last_attempt_code="path_missing",
        elsewhere="東京のサーバー",
        **NEVER,
    ),
    source("off", age=9 * DAY, enabled=False, last_attempt_status="skipped", last_attempt_code="disabled"),
    source("valve", age=HOUR, last_attempt_status="refused", last_attempt_code="mass_delete"),
    source("plans", age=HOUR, running=run("plan", 12_000, host="\x1b[31mevil\n", seconds=50)),
    source("hour", age=2 * HOUR, max_age=HOUR, running=run("finish", seconds=2)),
]

ORDINARY_AT_40 = """
SOURCE    HEALTH     LAST SYNC (CET)
media     failing    2026-11-01 13:00
    severely stale; fetch timed out
notes     attention  2026-11-04 07:00
    stale; writing 400 of 1,003, 4/s,
    3 min left on build-01 (pid 4711)
handbook  attention  2026-11-05 11:00
    1 open failure
new       unknown    never
    never synced;
    fetching on build-01 (pid 4711)
code      ok         2026-11-05 12:55
    writing 31,000 of 31,620, 310/s,
    2 s left on build-01 (pid 4711)
wiki      ok         2026-11-05 13:00
6 sources: 1 failing, 2 attention,
1 unknown, 2 ok; 3 running;
1 open failure (gbrain sources failures)
"""
ORDINARY_AT_60 = """
SOURCE    HEALTH     LAST SYNC (CET)       PAGES  FAILURES
media     failing    2026-11-01 13:00         12         0
    severely stale; fetch timed out
notes     attention  2026-11-04 07:00      1,003         0
    stale; writing 400 of 1,003, 4/s,
    3 min left on build-01 (pid 4711)
handbook  attention  2026-11-05 11:00         12         1
    1 open failure
new       unknown    never                     0         0
    never synced; fetching on build-01 (pid 4711)
code      ok         2026-11-05 12:55         12         0
    writing 31,000 of 31,620, 310/s,
    2 s left on build-01 (pid 4711)
wiki      ok         2026-11-05 13:00  1,234,567         0
6 sources: 1 failing, 2 attention, 1 unknown, 2 ok;
3 running; 1 open failure (gbrain sources failures)
"""
ORDINARY_AT_80 = """
SOURCE    HEALTH     LAST SYNC (CET)       PAGES     CHUNKS  FAILURES
media     failing    2026-11-01 13:00         12         34         0
    severely stale; fetch timed out
notes     attention  2026-11-04 07:00      1,003      4,000         0
    stale; writing 400 of 1,003, 4/s, 3 min left on build-01 (pid 4711)
handbook  attention  2026-11-05 11:00         12         34         1
    1 open failure
new       unknown    never                     0          0         0
    never synced; fetching on build-01 (pid 4711)
code      ok         2026-11-05 12:55         12         34         0
    writing 31,000 of 31,620, 310/s, 2 s left on build-01 (pid 4711)
wiki      ok         2026-11-05 13:00  1,234,567  5,678,901         0
6 sources: 1 failing, 2 attention, 1 unknown, 2 ok; 3 running;
1 open failure (gbrain sources failures)
"""
ORDINARY_AT_200 = """
SOURCE    HEALTH     LAST SYNC (CET)       PAGES     CHUNKS  FAILURES  COMMIT      WHY
media     failing    2026-11-01 13:00         12         34         0  0123456789  severely stale; fetch timed out
notes     attention  2026-11-04 07:00      1,003      4,000         0  0123456789  stale; writing 400 of 1,003, 4/s, 3 min left on build-01 (pid 4711)
handbook  attention  2026-11-05 11:00         12         34         1  0123456789  1 open failure
new       unknown    never                     0          0         0  -           never synced; fetching on build-01 (pid 4711)
code      ok         2026-11-05 12:55         12         34         0  0123456789  writing 31,000 of 31,620, 310/s, 2 s left on build-01 (pid 4711)
wiki      ok         2026-11-05 13:00  1,234,567  5,678,901         0  0123456789
6 sources: 1 failing, 2 attention, 1 unknown, 2 ok; 3 running; 1 open failure (gbrain sources failures)
"""  # noqa: E501
UNUSUAL_AT_40 = r"""
SOURCE
far
    failing: path missing; never synced;
    its path is on 東京のサーバー
off
    failing: severely stale; disabled
valve
    failing: refused to drop most of its
    pages
hour
    attention: stale;
    finishing on build-01 (pid 4711)
team-handbook-of-the-north-sides
    attention: 1,234 open failures
plans
    ok: planning 12,000,
    240/s on \x1b[31mevil\n (pid 4711)
6 sources: 3 failing, 2 attention, 1 ok;
2 running, 1 disabled; 1,234 open
failures (gbrain sources failures)
"""
UNUSUAL_AT_60 = r"""
SOURCE                            HEALTH
far                               failing
    path missing; never synced;
    its path is on 東京のサーバー
off                               failing
    severely stale; disabled
valve                             failing
    refused to drop most of its pages
hour                              attention
    stale; finishing on build-01 (pid 4711)
team-handbook-of-the-north-sides  attention
    1,234 open failures
plans                             ok
    planning 12,000, 240/s on \x1b[31mevil\n (pid 4711)
6 sources: 3 failing, 2 attention, 1 ok; 2 running,
1 disabled; 1,234 open failures (gbrain sources failures)
"""
UNUSUAL_AT_80 = r"""
SOURCE                            HEALTH     LAST SYNC (CET)   PAGES  FAILURES
far                               failing    never                 0         0
    path missing; never synced; its path is on 東京のサーバー
off                               failing    2026-10-27 13:00     12         0
    severely stale; disabled
valve                             failing    2026-11-05 12:00     12         0
    refused to drop most of its pages
hour                              attention  2026-11-05 11:00     12         0
    stale; finishing on build-01 (pid 4711)
team-handbook-of-the-north-sides  attention  2026-11-05 11:00     12     1,234
    1,234 open failures
plans                             ok         2026-11-05 12:00     12         0
    planning 12,000, 240/s on \x1b[31mevil\n (pid 4711)
6 sources: 3 failing, 2 attention, 1 ok; 2 running, 1 disabled;
1,234 open failures (gbrain sources failures)
"""
UNUSUAL_AT_200 = r"""
SOURCE                            HEALTH     LAST SYNC (CET)   PAGES  CHUNKS  FAILURES  COMMIT      WHY
far                               failing    never                 0       0         0  -           path missing; never synced; its path is on 東京のサーバー
off                               failing    2026-10-27 13:00     12      34         0  0123456789  severely stale; disabled
valve                             failing    2026-11-05 12:00     12      34         0  0123456789  refused to drop most of its pages
hour                              attention  2026-11-05 11:00     12      34         0  0123456789  stale; finishing on build-01 (pid 4711)
team-handbook-of-the-north-sides  attention  2026-11-05 11:00     12      34     1,234  0123456789  1,234 open failures
plans                             ok         2026-11-05 12:00     12      34         0  0123456789  planning 12,000, 240/s on \x1b[31mevil\n (pid 4711)
6 sources: 3 failing, 2 attention, 1 ok; 2 running, 1 disabled; 1,234 open failures (gbrain sources failures)
"""  # noqa: E501


def text(rows: Sequence[Assessed], width: int | None) -> str:
    """The whole table, as it is printed."""
    return "".join(f"{line.plain}\n" for line in table(dashboard(rows), width=width, zone=CET).lines())


@pytest.mark.parametrize(
    ("rows", "width", "expected"),
    [
        (ORDINARY, 40, ORDINARY_AT_40),
        (ORDINARY, 60, ORDINARY_AT_60),
        (ORDINARY, 80, ORDINARY_AT_80),
        (ORDINARY, 200, ORDINARY_AT_200),
        (ORDINARY, None, ORDINARY_AT_200),
        (UNUSUAL, 40, UNUSUAL_AT_40),
        (UNUSUAL, 60, UNUSUAL_AT_60),
        (UNUSUAL, 80, UNUSUAL_AT_80),
        (UNUSUAL, 200, UNUSUAL_AT_200),
        (UNUSUAL, None, UNUSUAL_AT_200),
    ],
)
def test_the_table_at_each_width(rows: list[Assessed], width: int | None, expected: str) -> None:
    assert "\n" + text(rows, width) == expected


def test_in_a_pipe_each_source_is_one_line_however_long() -> None:
    far = source("far", age=9 * DAY, running=run("write", 1, 2, host="a host of many words " * 40))
    heading, line, last = text([far], None).splitlines()
    assert heading.endswith("  COMMIT      WHY")
    assert line.startswith(
        "far     failing    2026-10-27 13:00     12      34         0  0123456789  severely stale; writing"
    )
    assert line.count("a host of many words") == 40
    assert last == "1 source: 1 failing; 1 running"


@pytest.mark.parametrize("width", [40, 200, None])
def test_a_brain_without_sources_says_how_to_add_one(width: int | None) -> None:
    assert " ".join(text([], width).split()) == "no sources yet: gbrain sources add ID --path DIR"


def test_columns_go_in_a_fixed_order_as_the_room_gets_less() -> None:
    gone: list[str] = []
    for width in range(200, 39, -1):
        heading = text(UNUSUAL, width).splitlines()[0]
        shown = [name for name in ("SOURCE", *ORDER) if name in heading]
        gone += [name for name in reversed(ORDER) if name not in shown and name not in gone]
        assert set(shown) & set(gone) == set(), width
    assert gone == ORDER


def test_a_commit_gives_way_to_reasons_before_there_is_too_little_room_for_it() -> None:
    [last, *wider] = [width for width in range(40, 200) if "COMMIT" in text(ORDINARY, width)]
    assert wider == list(range(last + 1, 200))
    assert last == len("handbook  attention  2026-11-04 07:00  1,234,567  5,678,901  FAILURES  0123456789") + 26


def test_the_worst_come_first_and_among_equals_those_that_were_not_checked_for_the_longest_time() -> None:
    rows = [
        source("b-ok"),
        source("a-ok"),
        source("c-ok", age=HOUR, running=run("write", 1, 2)),
        source("unknown", age=None, last_attempt_status=None),
        source("stale-2", age=30 * HOUR),
        source("stale-1", age=31 * HOUR),
        source("partial", age=HOUR, last_attempt_status="partial", last_attempt_code="fetch_failed"),
        source("severe", age=5 * DAY, enabled=False),
        source("never-b", age=None, last_attempt_status="error", last_attempt_code="no_commit"),
        source("never-a", age=None, last_attempt_status="error", last_attempt_code="no_commit"),
    ]
    expected = ["never-a", "never-b", "severe", "stale-1", "stale-2", "partial", "unknown", "c-ok", "a-ok", "b-ok"]
    for given_rows in (rows, rows[::-1], sorted(rows, key=lambda row: row.status.pages)):
        assert [line.split()[0] for line in text(given_rows, None).splitlines()[1:-1]] == expected


def test_times_are_told_in_the_zone_of_the_heading_all_of_them() -> None:
    rows = [source("winter"), source("summer", age=120 * DAY)]
    shown = "".join(
        f"{line.plain}\n" for line in table(dashboard(rows), width=80, zone=timezone(-9.5 * HOUR, "MART")).lines()
    )
    assert "LAST SYNC (MART)" in shown
    assert "winter  ok         2026-11-05 02:30" in shown
    assert "summer  failing    2026-07-08 02:30" in shown


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (0, None, 100, ""),
        (0, 1_003, 100, " 0 of 1,003"),
        (400, None, 100, " 400, 4/s"),
        (400, 1_003, 100, " 400 of 1,003, 4/s, 3 min left"),
        (400, 1_003, 2, " 400 of 1,003"),
        (1_003, 1_003, 100, " 1,003 of 1,003, 10/s"),
        (2_000, 1_003, 100, " 2,000 of 1,003, 20/s"),
        (3, 10, 100, " 3 of 10, 4 min left"),
        (1_000, 400_000, 3_600, " 1,000 of 400,000, 0.3/s, 17 d left"),
        (100_000, 400_000, 3_600, " 100,000 of 400,000, 28/s, 3 h left"),
    ],
)
@pytest.mark.parametrize("phase", Phase)
def test_a_run_is_told_by_its_phase_how_far_it_is_how_fast_and_how_long_it_takes(
    phase: Phase, done: int, total: int | None, seconds: int, words: str
) -> None:
    doing = {"fetch": "fetching", "plan": "planning", "write": "writing", "finish": "finishing"}
    doing |= {"embed": "embedding", "verify": "verifying"}
    told = why(source("a", running=run(phase, done, total, host="there", seconds=seconds)))
    assert told == f"{doing[phase]}{words} on there (pid 4711)"


@pytest.mark.parametrize("code", [*Code, None])
def test_every_code_of_an_attempt_is_told_in_words(code: Code | None) -> None:
    told = why(source("a", last_attempt_status="error", last_attempt_code=code and code.value))
    assert len(told) > 5
    assert "_" not in told


def test_the_sum_counts_each_health_what_runs_what_is_disabled_and_what_has_failed() -> None:
    assert summary([source("a")]) == "1 source: 1 ok"
    assert summary(ORDINARY + UNUSUAL) == (
        "12 sources: 4 failing, 4 attention, 1 unknown, 3 ok; 5 running, 1 disabled; "
        "1,235 open failures (gbrain sources failures)"
    )
    assert summary([source("a", age=9 * DAY, enabled=False)] * 1_000) == "1,000 sources: 1,000 failing; 1,000 disabled"


def test_of_a_table_that_is_too_tall_the_worst_that_fit_are_shown_and_the_rest_is_counted() -> None:
    whole = table(dashboard(ORDINARY), width=80, zone=CET)
    every = [line.plain for line in whole.lines()]
    assert [line.plain for line in whole.lines(len(every))] == every
    for most in range(4, len(every)):
        shown = [line.plain for line in whole.lines(most)]
        assert len(shown) <= most
        assert shown[0] == every[0]
        assert shown[-2:] == every[-2:]
        sources = sum(not line.startswith(" ") for line in shown[1:-3])
        assert shown[-3] == f"… {6 - sources} more"
        assert shown[1:-3] == every[1 : len(shown) - 3]
    assert [line.plain for line in whole.lines(12)][-4:] == [every[8], "… 2 more", *every[-2:]]


EMBEDDED = [
    source("wiki", chunks=5_678, pending=0),
    source("handbook", chunks=4_000, pending=1),
    source("notes", age=30 * HOUR, chunks=1_000, pending=1_234 - 234),
    source("new", age=None, last_attempt_status=None, pending=0, **NEVER),
]


def test_how_much_is_embedded_stands_in_a_column_of_its_own_where_a_model_is_active() -> None:
    assert "\n" + text(EMBEDDED, None) == EMBEDDED_IN_A_PIPE
    assert "EMBEDDED" not in text(ORDINARY, None)
    for width in range(40, 200):
        heading = text(EMBEDDED, width).splitlines()[0]
        assert ("COMMIT" in heading) <= ("EMBEDDED" in heading) <= ("CHUNKS" in heading), width
    assert "EMBEDDED" in text(EMBEDDED, 90)
    assert "EMBEDDED" not in text(EMBEDDED, 70)


EMBEDDED_IN_A_PIPE = """
SOURCE    HEALTH     LAST SYNC (CET)   PAGES  CHUNKS  EMBEDDED  FAILURES  COMMIT      WHY
notes     attention  2026-11-04 07:00     12   1,000     0.0 %         0  0123456789  stale; 1,000 chunks wait for embeddings
handbook  attention  2026-11-05 13:00     12   4,000    99.9 %         0  0123456789  1 chunk waits for its embedding
new       unknown    never                 0       0   100.0 %         0  -           never synced
wiki      ok         2026-11-05 13:00     12   5,678   100.0 %         0  0123456789
4 sources: 2 attention, 1 unknown, 1 ok
"""  # noqa: E501

LOCAL, REMOTE = "local:wordllama-256", "voyage:voyage-3-large"
UNTIL = NOW + timedelta(minutes=1, seconds=5)
ONE = [fill(400, 1_003, 31.0)]
SEVERAL = [
    fill(400, 1_000, 10.0, waits_until=UNTIL, trouble="429: slow down"),
    fill(300, 870, 5.0, waits_until=UNTIL + HOUR, host="build-02", trouble="503: \x1b[2Jbusy"),
    fill(0, None, None, waits_until=UNTIL, host="build-02"),
]


@pytest.mark.parametrize(
    ("of_brain", "lines"),
    [
        (coverage(model(LOCAL)), []),
        (
            coverage(model(LOCAL, *ONE)),
            [f"embedding with {LOCAL}: 400 of 1,003 texts, 31/s, 19 s left on build-01 (pid 4711)"],
        ),
        (coverage(model(LOCAL, fill(0, None))), [f"embedding with {LOCAL}: 0 texts on build-01 (pid 4711)"]),
        (coverage(model(LOCAL, fill(0, 1))), [f"embedding with {LOCAL}: 0 of 1 text on build-01 (pid 4711)"]),
        (
            coverage(model(LOCAL, *SEVERAL)),
            [
                f"embedding with {LOCAL}: 700 of 1,270 texts, 15/s, 38 s left by 3 workers on build-01, build-02; "
                r"cooling down until 13:01:05; the provider last said: 503: \x1b[2Jbusy"
            ],
        ),
        (
            coverage(model(LOCAL, *SEVERAL, fill(5, 600, 1.0))),
            [
                f"embedding with {LOCAL}: 705 of 1,275 texts, 16/s, 36 s left by 4 workers on build-01, build-02; "
                r"the provider last said: 503: \x1b[2Jbusy"
            ],
        ),
        (
            coverage(model(LOCAL), model(REMOTE, pct=12.5)),
            [f"filling {REMOTE}, which has 12.5 % of all chunks: nobody is at it; gbrain embed goes on"],
        ),
        (
            coverage(model(LOCAL, *ONE), model(REMOTE, fill(7, 7, 2.0), pct=99.9)),
            [
                f"embedding with {LOCAL}: 400 of 1,003 texts, 31/s, 19 s left on build-01 (pid 4711)",
                f"filling {REMOTE}, which has 99.9 % of all chunks: 7 of 7 texts, 2/s on build-01 (pid 4711)",
            ],
        ),
    ],
)
def test_who_is_at_work_on_embeddings_is_told_between_the_sources_and_the_sum(
    of_brain: Coverage, lines: list[str]
) -> None:
    shown = table(dashboard(EMBEDDED, of_brain), width=None, zone=CET)
    assert [line.plain for line in shown.lines()][5:-1] == lines
    narrow = table(dashboard(EMBEDDED, of_brain), width=40, zone=CET)
    assert all(cell_len(line.plain) <= 40 for line in narrow.lines())
    assert _squeezed("".join(lines)) in _squeezed("".join(line.plain for line in narrow.below))
    assert narrow.lines(12)[-len(narrow.below) :] == narrow.below


def test_colour_is_for_the_health_alone_and_it_stands_where_the_health_does() -> None:
    colors = {"failing": "31", "attention": "33", "unknown": "2", "ok": "32"}
    for width in (200, 80, 40):
        first, *lines = _colored(UNUSUAL[:1] + ORDINARY, width)
        assert first.startswith("\x1b[1mSOURCE")
        assert lines[-1].startswith("\x1b[1m")
        shown = [line for line in lines if "\x1b[" in line and not line.startswith("\x1b[1m")]
        for health, line in zip(["failing", *["attention"] * 3, "unknown", "ok", "ok"], shown, strict=True):
            assert line.count("\x1b[") == 2, line
            assert f"\x1b[{colors[health]}m{health}\x1b[0m" in line


def test_a_name_that_is_also_a_health_is_not_what_is_coloured() -> None:
    [_, line, _] = _colored([source("ok")], 80)
    assert line.startswith("ok      \x1b[32mok\x1b[0m  ")


def _colored(rows: list[Assessed], width: int) -> list[str]:
    """The lines as a terminal of eight colours gets them."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=width, highlight=False)
    return rendered(console, table(dashboard(rows), width=width, zone=CET).lines()).splitlines()


_hosts = st.text(min_size=1, max_size=80) | st.sampled_from(
    ["build-01", "東京" * 30, "x" * 200, "a; b, c ", "\x1b[2K\r"]
)
_runs = st.builds(
    run,
    st.sampled_from(Phase),
    st.integers(0, 10**9),
    st.none() | st.integers(0, 10**9),
    host=_hosts,
    seconds=st.integers(0, 10**6),
)
_attempts = st.tuples(st.sampled_from([None, "ok", "partial", "refused", "error"]), st.none() | st.sampled_from(Code))
_sources = st.builds(
    lambda source_id, attempt, **kept: source(
        source_id, last_attempt_status=attempt[0], last_attempt_code=attempt[1] and attempt[1].value, **kept
    ),
    st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True),
    _attempts,
    age=st.none() | st.timedeltas(timedelta(0), timedelta(days=4_000)),
    elsewhere=st.none() | _hosts,
    enabled=st.booleans(),
    failures_open=st.integers(0, 10**7),
    pages=st.integers(0, 10**10),
    chunks=st.integers(0, 10**11),
    running=st.none() | _runs,
    pending=st.none() | st.integers(0, 10**11),
)


@settings(max_examples=examples(300))
@given(st.lists(_sources, max_size=8, unique_by=lambda row: row.status.id), st.integers(40, 250) | st.none())
def test_at_any_width_nothing_is_wider_no_id_is_cut_and_no_reason_is_missing(
    rows: list[Assessed], width: int | None
) -> None:
    shown = table(dashboard(rows), width=width, zone=CET)
    lines = [line.plain for line in shown.lines()]
    assert all(cell_len(line) <= width for line in lines if width is not None)
    assert all(line == line.rstrip() and not any(map(is_control, line)) for line in lines)
    assert len(shown.sources) == len(rows)
    by_id = {source.status.id: source for source in rows}
    for block in shown.sources:
        own, *beneath = [line.plain for line in block]
        row = by_id.pop(own.partition(" ")[0])
        assert _squeezed(why(row)) in _squeezed(own + "".join(beneath))
        assert row.health in own + "".join(beneath)
        assert all(line.startswith("    ") for line in beneath)
        assert width is not None or not beneath
    assert not by_id


@given(st.lists(_sources, max_size=4, unique_by=lambda row: row.status.id), st.integers(1, 39))
def test_on_a_terminal_that_is_too_narrow_for_anything_ids_and_reasons_are_there_all_the_same(
    rows: list[Assessed], width: int
) -> None:
    shown = _squeezed("".join(line.plain for line in table(dashboard(rows), width=width, zone=CET).lines()))
    for row in rows:
        assert row.status.id in shown
        assert _squeezed(why(row)) in shown
        assert row.health in shown


def _squeezed(words: str) -> str:
    return "".join(words.split())
