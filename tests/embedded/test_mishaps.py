"""Kills, remnants, full disks and other things that must not keep the next command from working."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.conftest import Home, mounted, until
from gbrain.postgres import cluster
from gbrain.postgres.account import account_of
from gbrain.postgres.answer import SOCKET_NAME
from gbrain.postgres.binaries import wheel_binaries


@pytest.mark.parametrize("moment", range(10))
def test_a_first_start_killed_at_any_moment_leaves_a_home_that_starts(home: Home, moment: int) -> None:
    killed = home.hold()
    time.sleep(0.1 + moment * 0.08)
    killed.signal_group(signal.SIGKILL)
    assert home.use()["role"] == "gbrain"


def test_what_a_killed_creation_left_is_removed_by_the_next_start(home: Home) -> None:
    killed = home.hold()
    until(lambda: list(home.places.base.glob("postgres.new-*/base")))
    killed.signal_group(signal.SIGKILL)
    assert home.use()["role"] == "gbrain"
    assert not list(home.places.base.glob("postgres.*"))


def test_an_interrupt_during_a_start_leaves_a_home_that_starts(anyones_home: Home) -> None:
    for sign in ("postgres.new-*/base", "postgres/postmaster.pid"):
        interrupted = anyones_home.hold()
        until(lambda sign=sign: list(anyones_home.places.base.glob(sign)))
        interrupted.signal_group(signal.SIGINT)
        interrupted.process.wait(30)
        assert not list(anyones_home.places.base.glob("postgres.new-*"))
    until(lambda: anyones_home.postmaster is None)
    assert anyones_home.use()["role"] == "gbrain"


def test_what_is_written_while_a_failed_creation_is_removed_goes_too(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def rmtree_beside_a_writer(folder: Path, *, ignore_errors: bool) -> None:
        if not written:
            written.append(Path(folder) / "late")
            written[0].write_text("by what initdb has started")
            return
        rmtree(folder, ignore_errors=ignore_errors)

    def failing(*_: object) -> None:
        raise KeyboardInterrupt

    rmtree = shutil.rmtree
    home.path.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(shutil, "rmtree", rmtree_beside_a_writer)
    monkeypatch.setattr(cluster, "_run", failing)
    account = account_of(home.places, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        cluster.create(home.places, account, wheel_binaries())
    assert written
    assert not list(home.places.base.glob("postgres.new-*"))


def test_a_server_killed_while_in_use_is_started_anew_for_the_next(anyones_home: Home) -> None:
    survivor = anyones_home.hold()
    survivor.told()
    server = anyones_home.postmaster
    assert server is not None
    os.kill(server, signal.SIGKILL)
    assert anyones_home.use()["role"] == "gbrain"
    assert anyones_home.postmaster not in (None, server)


@pytest.fixture
def stranger(used_home: Home) -> Iterator[int]:
    """The id of a live process that runs as the server would."""
    used_home.use()
    switch = account_of(used_home.places, lambda _: None).switch()
    process = subprocess.Popen(["sleep", "600"], **switch)
    yield process.pid
    process.kill()
    process.wait()


def test_lock_files_that_name_a_live_stranger_do_not_stop_a_start(used_home: Home, stranger: int) -> None:
    killed = used_home.hold()
    socket_folder = Path(killed.told()["conninfo"].split("'")[1])
    server = used_home.postmaster
    assert server is not None
    os.kill(server, signal.SIGKILL)
    until(lambda: used_home.postmaster is None)
    for file in (used_home.places.data / "postmaster.pid", socket_folder / f"{SOCKET_NAME}.lock"):
        file.write_text(file.read_text().replace(f"{server}\n", f"{stranger}\n", 1))
    assert used_home.use()["role"] == "gbrain"


def test_an_empty_pid_file_does_not_stop_a_start(used_home: Home) -> None:
    used_home.use()
    until(lambda: used_home.postmaster is None)
    (used_home.places.data / "postmaster.pid").touch()
    assert used_home.use()["role"] == "gbrain"


def test_a_server_that_hangs_is_waited_for_and_never_doubled(used_home: Home) -> None:
    killed = used_home.hold()
    killed.told()
    server = used_home.postmaster
    assert server is not None
    os.kill(server, signal.SIGSTOP)
    waiting = used_home.hold()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.process.wait(6)
    finally:
        os.kill(server, signal.SIGCONT)
    assert waiting.told()["role"] == "gbrain"
    assert [line for line in waiting.told()["said"] if "Waiting" in line]
    assert used_home.postmaster == server


def test_a_server_whose_socket_was_swept_away_makes_way_for_a_new_one(used_home: Home) -> None:
    holder = used_home.hold()
    (Path(holder.told()["conninfo"].split("'")[1]) / SOCKET_NAME).unlink()
    assert used_home.use()["role"] == "gbrain"


def test_a_cluster_of_another_major_is_refused_with_what_to_do(used_home: Home) -> None:
    used_home.use()
    until(lambda: used_home.postmaster is None)
    (used_home.places.data / "PG_VERSION").write_text("16\n")
    told = used_home.use()
    assert told["error"] == "DatabaseUnusable"
    assert "PostgreSQL 16" in told["message"]
    assert "gbrain destroy" in told["hint"]


def test_a_start_that_fails_quotes_the_log_and_says_where_it_is(used_home: Home) -> None:
    used_home.use()
    until(lambda: used_home.postmaster is None)
    (used_home.places.data / "global" / "pg_control").unlink()
    told = used_home.use()
    assert told["error"] == "DatabaseUnusable"
    assert "pg_control" in told["message"]
    assert str(used_home.places.log) in told["hint"]


def test_a_log_that_has_grown_large_is_emptied(used_home: Home) -> None:
    used_home.use()
    with used_home.places.log.open("ab") as log:
        log.truncate(11_000_000)
    used_home.use()
    assert used_home.places.log.stat().st_size < 1_000_000


def test_a_full_disk_is_told_as_such_and_all_is_well_when_room_is_made(home: Home) -> None:
    base = home.places.base
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not mounted(base, "30m"):
        pytest.skip("this user may not mount a file system")
    try:
        assert home.use()["error"] == "DiskFull"
        subprocess.run(["mount", "-o", "remount,size=120m", str(base)], check=True)
        assert home.use()["role"] == "gbrain"
        until(lambda: home.postmaster is None)
        _fill(base / "filler")
        assert home.use()["error"] == "DiskFull"
        (base / "filler").unlink()
        assert home.use()["role"] == "gbrain"
        home.clean()
    finally:
        subprocess.run(["umount", str(base)], check=True)


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
