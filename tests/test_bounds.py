"""What one transaction may hold, what stands in its way, and what the command does where it cannot write or begin."""

from __future__ import annotations

import signal
import stat
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.services import parts
from gbrain.services.parts import bounded, joined
from gbrain.store import batch as batches
from gbrain.store.rows import Batch
from support.commands import GBRAIN, BrainCommand
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository


@given(st.lists(st.integers(0, 80_000), max_size=40))
def test_parts_keep_the_pieces_in_order_and_pass_the_bound_only_for_a_single_page(rows: list[int]) -> None:
    pieces = [Batch(items=1, removed=[(number, True)]) for number in range(len(rows))]
    made = bounded(pieces, dict(enumerate(rows)))
    assert [piece for part in made for piece in part] == pieces
    for part in made:
        assert len(part) <= 1 or sum(rows[piece.removed[0][0]] for piece in part) <= parts.MAX_ROWS
    assert joined(pieces).items == len(rows)


def test_a_run_in_parts_of_single_pages_ends_as_one_in_a_single_batch(
    brain: BrainCommand, repository: Repository, fresh: Fresh, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MAX_ROWS", 1)
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    repository.commit({"README.md": None, "docs/guide.md": "# Other\n\n[a](b)\n\n[c](d)\n", "docs/new.md": "# New\n"})
    inside.run(brain, "sync", "--all")
    assert fresh.differences(brain) == []


def test_a_batch_that_takes_too_long_is_written_in_halves(
    brain: BrainCommand, repository: Repository, fresh: Fresh, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = batches._merge

    async def slow_for_more_than_one_page(conn, writer, batch, staged):  # type: ignore[no-untyped-def]
        if len(batch.pages) > 1:
            await conn.execute("SELECT set_config('statement_timeout', '20ms', true)")
            await conn.execute("SELECT pg_sleep(5)")
        return await merge(conn, writer, batch, staged)

    monkeypatch.setattr(batches, "_merge", slow_for_more_than_one_page)
    repository.commit({f"page-{number}.md": f"# {number}\n" for number in range(5)})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    assert fresh.differences(brain) == []


def test_a_batch_waits_for_somebody_elses_lock_and_is_written_when_it_goes(
    brain: BrainCommand, repository: Repository
) -> None:
    assert brain.url is not None
    brain.configure('lease_term = "3s"\n')
    brain.add("wiki", repository.folder)
    with psycopg.connect(brain.url) as conn:
        conn.execute("LOCK TABLE gbrain.pages IN SHARE MODE")
        running = brain.start("sync", "--all", "--json")
        with psycopg.connect(brain.url, autocommit=True) as looking:
            seen: set[int] = set()
            until = time.monotonic() + 30
            while len(seen) < 3 and time.monotonic() < until:
                row = looking.execute(
                    "SELECT max(extract(epoch FROM query_start))::bigint FROM pg_stat_activity"
                    " WHERE wait_event_type = 'Lock' AND application_name = 'gbrain'"
                ).fetchone()
                seen |= {row[0]} if row and row[0] else set()
                time.sleep(0.05)
        assert len(seen) >= 2, "the batch was not tried again"
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, (out, err)


def test_the_mode_of_a_folder_that_holds_other_files_stays(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "of-others").write_text("theirs")
    shared.chmod(0o1777)
    done = BrainCommand(home=shared).run("sources", "list", code=6)
    assert "GBRAIN_HOME" in done.err
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


@pytest.mark.parametrize("arguments", [("nosuch", "--json"), ("sources", "list", "--json")])
def test_a_closed_standard_output_gives_an_error_line_and_no_traceback(
    brain: BrainCommand, arguments: tuple[str, ...]
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec {GBRAIN} "$@" >&-', "sh", *arguments],
        env=brain.env(),
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == (2 if arguments[0] == "nosuch" else 6)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


def test_a_full_standard_output_does_not_keep_sources_out(brain: BrainCommand, repository: Repository) -> None:
    assert brain.url is not None
    for name in ("a", "b", "c"):
        brain.add(name, repository.folder)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [GBRAIN, "sync", "--all"], env=brain.env(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 6
    assert "standard output" in done.stderr
    with psycopg.connect(brain.url) as conn:
        assert conn.execute("SELECT count(*) FROM gbrain.pages").fetchone() == (6,)


def test_termination_before_anything_is_open_ends_with_143_and_one_document(embedded_brain: BrainCommand) -> None:
    running = embedded_brain.start("sources", "list", "--json")
    until = time.monotonic() + 30
    while not embedded_brain.home.exists() and time.monotonic() < until:
        time.sleep(0.001)
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 143
    assert out.count(b"\n") == 1
    assert b'"code":"terminated"' in out


def test_a_command_in_a_folder_that_is_gone_still_works(
    brain: BrainCommand, repository: Repository, tmp_path: Path
) -> None:
    brain.add("wiki", repository.folder)
    done = subprocess.run(
        ["sh", "-c", f"mkdir gone && cd gone && rmdir ../gone && exec {GBRAIN} sync"],
        cwd=tmp_path,
        env=brain.env(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
