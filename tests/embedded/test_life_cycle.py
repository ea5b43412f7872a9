"""Who starts the server, who shares it, and who stops it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.conftest import Home, until
from gbrain.errors import CouldNotRun
from gbrain.postgres.embedded import EmbeddedServer, destroy, exists


def test_a_new_home_gets_a_cluster_and_a_server_that_lets_its_owner_in(anyones_home: Home) -> None:
    assert not exists(anyones_home.path)
    told = anyones_home.use()
    assert (told["role"], told["database"]) == ("gbrain", "gbrain")
    assert exists(anyones_home.path)
    assert [line for line in told["said"] if "Creating" in line]


def test_the_last_to_leave_stops_the_server_and_one_who_stays_keeps_it(anyones_home: Home) -> None:
    first, second = anyones_home.hold(), anyones_home.hold()
    assert first.told()["role"] == second.told()["role"] == "gbrain"
    server = anyones_home.postmaster
    assert server is not None
    first.leave()
    assert anyones_home.use()["role"] == "gbrain"
    assert anyones_home.postmaster == server
    second.leave()
    until(lambda: anyones_home.postmaster is None)


def test_many_processes_at_once_on_a_new_home_share_one_server(anyones_home: Home) -> None:
    holders = [anyones_home.hold() for _ in range(20 if anyones_home.user is None else 8)]
    assert {holder.told().get("role") for holder in holders} == {"gbrain"}
    assert len([line for holder in holders for line in holder.told()["said"] if "Creating" in line]) == 1
    for holder in holders:
        holder.leave()
    until(lambda: anyones_home.postmaster is None)


def test_processes_that_come_while_others_leave_always_find_a_server_that_stays(used_home: Home) -> None:
    used_home.use()
    holders = [used_home.hold(rounds=12) for _ in range(4)]
    for holder in holders:
        assert holder.told().get("role") == "gbrain", holder.told()
        holder.leave()


def test_a_reference_of_a_killed_process_does_not_keep_the_server(used_home: Home) -> None:
    killed = used_home.hold()
    killed.told()
    killed.end()
    used_home.use()
    until(lambda: used_home.postmaster is None)


def test_the_server_holds_no_lock_file_and_has_a_session_of_its_own(used_home: Home) -> None:
    holder = used_home.hold()
    holder.told()
    server = used_home.postmaster
    assert server is not None
    assert os.getsid(server) == server
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc to look at another process's files")
    opened = [os.readlink(file) for file in Path(f"/proc/{server}/fd").iterdir()]
    assert str(used_home.places.log) in opened
    assert not [name for name in opened if name.endswith(".lock")]


FORKING = """
import os, signal, sys
from pathlib import Path
from gbrain.postgres.embedded import EmbeddedServer
server = EmbeddedServer.open(Path(sys.argv[1]), say=lambda line: None)
child = os.fork()
if child == 0:
    signal.pause()
sys.stdout.write(f"{child}\\n")
sys.stdout.flush()
signal.pause()
"""


def test_a_child_forked_without_exec_does_not_hold_the_reference_of_its_dead_parent(used_home: Home) -> None:
    command = [sys.executable, "-c", FORKING, str(used_home.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        try:
            used_home.use()
            until(lambda: used_home.postmaster is None)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_process_that_leaves_lets_go_for_the_children_it_forked_too(used_home: Home) -> None:
    with EmbeddedServer.open(used_home.path, say=lambda _: None):
        child = os.fork()
        if child == 0:
            signal.pause()
    try:
        until(lambda: used_home.postmaster is None)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_settings_given_to_a_start_win_over_ours(used_home: Home) -> None:
    holder_settings = {"shared_buffers": "16MB"}
    with EmbeddedServer.open(used_home.path, say=lambda _: None, settings=holder_settings):
        server = used_home.postmaster
        assert b"shared_buffers=16MB" in Path(f"/proc/{server}/cmdline").read_bytes()


def test_destroy_refuses_while_another_process_uses_the_server(used_home: Home) -> None:
    holder = used_home.hold()
    holder.told()
    with pytest.raises(CouldNotRun, match="in use"):
        destroy(used_home.path)
    assert used_home.use()["role"] == "gbrain"


def test_destroy_leaves_nothing_and_a_new_brain_can_follow(anyones_home: Home) -> None:
    killed = anyones_home.hold()
    killed.told()
    killed.end()
    base = anyones_home.places.base
    destroy(anyones_home.path)
    assert not exists(anyones_home.path)
    assert sorted(path.name for path in anyones_home.path.iterdir()) == ["server.lock", "server.start.lock"]
    assert base == anyones_home.path or not base.exists()
    assert anyones_home.use()["role"] == "gbrain"


def test_destroying_a_home_without_a_brain_does_nothing(home: Home) -> None:
    destroy(home.path)
    destroy(home.path / "nowhere")
    assert not exists(home.path / "nowhere")
