"""`gbrain sources status`: what is said of a source in every state it can be in, whoever works on it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import psycopg
import pytest
from rich.cells import cell_len

from gbrain.domain.steps import Step
from support.commands import BrainCommand
from support.documents import checked, checked_error
from support.driven import driven, killed, poll, wait_until_stopped
from support.frames import lines_of, on_terminal
from support.inside import Inside
from support.repositories import Repository
from support.servers import free_port

EDGES = [
    # last successful check, --max-age, staleness, health, hours
    (None, None, "unknown", "unknown", None),
    ("-5 minutes", None, "fresh", "ok", 0.0),
    ("0", None, "fresh", "ok", 0.0),
    ("23 hours 59 minutes", None, "fresh", "ok", 24.0),
    ("24 hours", None, "stale", "attention", 24.0),
    ("71 hours 59 minutes", None, "stale", "attention", 72.0),
    ("72 hours", None, "severe", "failing", 72.0),
    ("400 days", None, "severe", "failing", 9600.0),
    ("59 minutes", "1h", "fresh", "ok", 1.0),
    ("1 hour", "1h", "stale", "attention", 1.0),
    ("2 hours 59 minutes", "1h", "stale", "attention", 3.0),
    ("3 hours", "1h", "severe", "failing", 3.0),
    ("80 hours", "7d", "fresh", "ok", 80.0),
    ("7 days", "7d", "stale", "attention", 168.0),
    ("21 days", "7d", "severe", "failing", 504.0),
    ("50 days", "36500d", "fresh", "ok", 1200.0),
]


def test_each_source_is_as_stale_as_its_last_successful_check_and_its_own_limit_say(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    for number, (age, max_age, *_) in enumerate(EDGES):
        limit = ("--max-age", max_age) if max_age else ()
        inside.run(brain, "sources", "add", f"s{number:02}", "--path", str(repository.folder), *limit)
        if age is not None:
            _checked_before(brain, f"s{number:02}", age)
    rows = checked(inside.run(brain, "sources", "status", "--json"), "sources-status")["sources"]
    found = [(row["staleness_class"], row["health"], row["staleness_hours"]) for row in rows]
    assert found == [(staleness, health, hours) for _, _, staleness, health, hours in EDGES]
    lines = inside.run(brain, "sources", "status").out.splitlines()
    shown = {line.split()[0]: line for line in lines[1:-1]}
    words = {"fresh": "", "stale": "stale", "severe": "severely stale", "unknown": "never synced"}
    for number, (_, _, staleness, health, _) in enumerate(EDGES):
        assert shown[f"s{number:02}"].split()[1] == health
        assert shown[f"s{number:02}"].endswith(words[staleness] or "-")
    assert lines[-1] == "16 sources: 4 failing, 5 attention, 1 unknown, 6 ok"


def test_check_is_about_enabled_sources_whoever_they_belong_to_and_whatever_runs(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sources", "add", "other", "--path", str(repository.folder))
    for form in ((), ("--json",)):
        inside.run(brain, "sources", "status", "--check", *form, code=1)
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sources", "status", "--check")
    _checked_before(brain, "other", "2 days")
    inside.run(brain, "sources", "status", "--check", code=1)
    _sql(brain, "UPDATE gbrain.sources SET host_id = 'far', host_name = 'build-01' WHERE id = 'other'")
    inside.run(brain, "sources", "status", "--check", code=1)
    inside.run(brain, "sources", "disable", "other")
    for form in ((), ("--json",)):
        inside.run(brain, "sources", "status", "--check", *form)
    inside.run(brain, "sources", "add", "new", "--path", str(repository.folder), "--disabled")
    inside.run(brain, "sources", "status", "--check")
    inside.run(brain, "sources", "enable", "new")
    inside.run(brain, "sources", "status", "--check", code=1)
    inside.run(brain, "sources", "status")


def test_what_sets_a_source_apart_is_said_in_the_table(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder), "--disabled")
    _sql(brain, "UPDATE gbrain.sources SET host_id = 'far', host_name = E'\\x1b[2Jb\\n東京'")
    [_, line, last] = inside.run(brain, "sources", "status").out.splitlines()
    assert line.endswith("  -       never synced; its path is on \\x1b[2Jb\\n東京; disabled")
    assert last == "1 source: 1 unknown; 1 disabled"
    [row] = checked(inside.run(brain, "sources", "status", "--json"), "sources-status")["sources"]
    assert (row["host"], row["sync_enabled"], row["reasons"]) == ("\\x1b[2Jb\\n東京", False, ["never_synced"])


def test_the_last_attempt_and_open_failures_are_told_beside_each_other(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({"broken.md": "---\na: [\n---\n", "worse.md": "---\na: [\n---\n"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all", code=1)
    (repository.folder / ".git").rename(repository.folder / "elsewhere")
    inside.run(brain, "sync", "--all", code=1)
    [_, line, last] = inside.run(brain, "sources", "status").out.splitlines()
    assert line.endswith("  not a repository; 2 open failures")
    assert last == "1 source: 1 failing; 2 open failures (gbrain sources failures)"
    document = checked(inside.run(brain, "sources", "status", "--json"), "sources-status")
    assert document["unacknowledged_failures"] == 2
    assert document["sources"][0]["reasons"] == ["not_a_repository", "open_failures"]


def test_the_local_time_of_the_last_check_stands_under_its_zone(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    _sql(brain, "UPDATE gbrain.states SET last_sync_at = '2026-01-31 22:45:59Z'")
    there = BrainCommand(home=brain.home, url=brain.url, environ={"TZ": "<+0545>-5:45"})
    heading, line, _ = there.run("sources", "status").out.splitlines()
    at = heading.index("LAST SYNC (+0545)  ")
    assert line[at:].startswith("2026-02-01 04:30   ")


def test_a_brain_without_sources_is_an_answer_too(brain: BrainCommand, inside: Inside) -> None:
    for options in ((), ("--check",)):
        done = inside.run(brain, "sources", "status", *options)
        assert done.out == "no sources yet: gbrain sources add ID --path DIR\n"
        document = checked(inside.run(brain, "sources", "status", *options, "--json"), "sources-status")
        assert (document["sources"], document["unacknowledged_failures"]) == ([], 0)


@pytest.mark.parametrize("options", [(), ("--check",), ("--watch",)])
def test_a_database_that_is_down_is_an_error_and_never_zeros(tmp_path: Path, options: tuple[str, ...]) -> None:
    brain = BrainCommand(home=tmp_path / "home", url=f"postgresql://gbrain@127.0.0.1:{free_port()}/brain")
    done = brain.run("sources", "status", *options, code=6)
    assert done.out == ""
    assert done.err.startswith("error: cannot use the database: ")
    assert done.err.count("\n") == 1
    checked_error(brain.run("sources", "status", *options, "--json", code=6), "database")


def test_a_run_of_another_process_is_shown_with_its_phase_while_it_lasts_and_no_longer(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.add("wiki", repository.folder)
    brain.add("zoo", repository.folder)
    with _stopped(brain, Step.FETCHED) as holder:
        assert _running(brain) == ("fetch", 0, None, holder.pid)
        assert f"never synced; fetching on {_host(brain)} (pid {holder.pid})" in _line(brain)
    with _stopped(brain, Step.STAGED) as holder:
        assert _running(brain) == ("write", 0, 2, holder.pid)
        assert f"never synced; writing 0 of 2 on {_host(brain)} (pid {holder.pid})" in _line(brain)
        assert brain.run("sources", "status").out.endswith("\n2 sources: 2 unknown; 1 running\n")
        brain.run("sources", "status", "--check", code=1)
        holder.send_signal(signal.SIGCONT)
        holder.communicate(timeout=60)
    assert _running(brain) is None
    assert _line(brain).split()[1] == "ok"


def test_a_run_says_after_each_batch_how_far_it_is(brain: BrainCommand, tmp_path: Path) -> None:
    pages = {f"{number}.md": f"# {number}\n" for number in range(10)}
    brain.add("wiki", Repository.create(tmp_path / "ten", pages).folder)
    with _stopped(brain, Step.COMMITTED, "--batch-items", "4") as holder:
        assert _running(brain) == ("write", 4, 10, holder.pid)
        assert "never synced; writing 4 of 10" in _line(brain)
        assert _line(brain).split()[3] == "4"


def test_a_source_that_a_killed_run_left_half_in_says_so_until_a_run_goes_on(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({f"p{number}.md": f"# {number}\n" for number in range(5)})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    killed(brain, "--batch-items", "2", "--kill", "committed")
    [row] = checked(inside.run(brain, "sources", "status", "--json"), "sources-status")["sources"]
    assert (row["health"], row["reasons"], row["pages"]) == ("attention", ["interrupted", "never_synced"], 2)
    inside.run(brain, "sync", "--all")
    [row] = checked(inside.run(brain, "sources", "status", "--json"), "sources-status")["sources"]
    assert (row["health"], row["reasons"], row["pages"]) == ("ok", [], 7)


def test_a_run_that_was_killed_is_not_under_way_and_leaves_the_source_as_it_was(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.add("wiki", repository.folder)
    brain.run("sync", "--all")
    repository.commit({"new.md": "# New\n"})
    with _stopped(brain, Step.STAGED) as holder:
        assert _running(brain) == ("write", 0, 1, holder.pid)
        holder.kill()
        holder.wait(60)
        assert _running(brain) is None
    assert _line(brain).split()[1] == "ok"
    brain.run("sources", "status", "--check")


def test_a_run_that_was_killed_on_another_host_is_taken_to_be_under_way_until_its_term_is_over(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.configure('lease_term = "5s"\n')
    brain.add("wiki", repository.folder)
    with _stopped(brain, Step.STAGED) as holder:
        holder.kill()
        holder.wait(60)
    changed = _sql(
        brain,
        """UPDATE gbrain.leases SET holder_boot = 'another', expires_at = clock_timestamp() + interval '4 seconds'
           WHERE expires_at IS NOT NULL RETURNING name""",
    )
    assert len(changed) == 1
    assert _running(brain) == ("write", 0, 2, holder.pid)
    poll(lambda: _running(brain) is None, "its term is over", within_s=30)
    assert _sql(brain, "SELECT expires_at < clock_timestamp() FROM gbrain.leases") == [(True,)]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_on_a_terminal_the_table_is_as_wide_as_that(
    brain: BrainCommand, repository: Repository, inside: Inside, columns: int
) -> None:
    names = ["a", "a-source-with-an-id-of-32-letters", "wiki"]
    for name in names:
        inside.run(brain, "sources", "add", name[:32], "--path", str(repository.folder))
    inside.run(brain, "sync", "--source", "wiki")
    with on_terminal(brain, "sources", "status", columns=columns) as terminal:
        assert terminal.ended() == 0
        lines = lines_of(terminal.written)
    assert max(map(cell_len, lines)) <= columns
    assert ("COMMIT" in lines[0], "PAGES" in lines[0]) == (columns == 200, columns >= 80)
    for name in names:
        assert any(line.split()[0] == name[:32] for line in lines)
    assert sum("never synced" in line for line in lines) == 2


def test_in_a_pipe_the_table_is_whole_whatever_the_terminal_is_said_to_be(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.add("wiki", repository.folder)
    _sql(brain, "UPDATE gbrain.sources SET host_id = 'far', host_name = repeat('far away ', 40)")
    narrow = {"COLUMNS": "40", "TERM": "xterm-256color", "FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}
    done = BrainCommand(home=brain.home, url=brain.url, environ=narrow).run("sources", "status")
    heading, line, last = done.out.split("\n")[:-1]
    assert heading.endswith("  COMMIT  WHY")
    assert line.count("far away") == 40
    assert last == "1 source: 1 unknown"
    assert "\x1b" not in done.out
    assert not re.search(r" $", done.out, re.MULTILINE)


@contextmanager
def _stopped(brain: BrainCommand, step: Step, *more: str) -> Iterator[Popen[bytes]]:
    """A sync of `wiki` that has stopped itself at the step."""
    with driven(brain, "--source", "wiki", "--stop", step, *more) as holder:
        wait_until_stopped(holder)
        yield holder


def _running(brain: BrainCommand) -> tuple[str, int, int | None, int] | None:
    """What the document says of the run of `wiki`."""
    rows = checked(brain.run("sources", "status", "--json"), "sources-status")["sources"]
    [run] = [row["running"] for row in rows if row["source_id"] == "wiki"]
    assert all(row["running"] is None for row in rows if row["source_id"] != "wiki")
    return run and (run["phase"], run["done"], run["total"], run["pid"])


def _line(brain: BrainCommand) -> str:
    [line] = [line for line in brain.run("sources", "status").out.splitlines() if line.startswith("wiki ")]
    return line


def _host(brain: BrainCommand) -> str:
    [(host,)] = _sql(brain, "SELECT DISTINCT host FROM gbrain.runs")
    return str(host)


def _checked_before(brain: BrainCommand, source_id: str, age: str) -> None:
    """Have the source's last successful check lie so far back."""
    query = """UPDATE gbrain.states SET last_sync_at = clock_timestamp() - %s::interval, last_attempt_status = 'ok'
               WHERE source_id = %s"""
    _sql(brain, query, age, source_id)


def _sql(brain: BrainCommand, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(brain.url or "", autocommit=True) as conn:
        cursor = conn.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []
