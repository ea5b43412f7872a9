"""`sync --watch`: each source when it moved or its interval passed, through failures, until a signal."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest

from gbrain.app.syncing import Synced
from gbrain.domain.events import Progress
from gbrain.postgres import postmaster
from gbrain.postgres.paths import places_of
from support import looking
from support.commands import BrainCommand, Completed
from support.databases import ask
from support.documents import checked, checked_error
from support.driven import poll
from support.endpoint import endpoint
from support.inside import Inside
from support.remotes import git_daemon, silent_server
from support.repositories import Repository
from support.servers import Server, free_port
from support.vectors import served_by

DEADLINE_S = 60
QUICK = 'allow_private_hosts = true\nwatch_poll = "1s"\n'


class Watching:
    """A watch under way."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self) -> str:
        """The next line of standard output."""
        return self._lines.get(timeout=DEADLINE_S)

    def round(self) -> dict[str, dict[str, Any]]:
        """The rows of the next document, by source."""
        line = self.line()
        document = checked(Completed(code=0, out=line, err=""), "sync")
        return {row["source_id"]: row for row in document["sources"]}

    def until(self, wanted: Callable[[dict[str, dict[str, Any]]], Any]) -> dict[str, dict[str, Any]]:
        """The rows of the first document that is as wanted."""
        while not wanted(rows := self.round()):
            pass
        return rows

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Tell it to stop, which is no failure; what it said on standard error."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode()
        assert code == 0, said
        return said

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.decode())


def test_each_source_is_synced_when_it_moved_and_only_that_one(brain: BrainCommand, tmp_path: Path) -> None:
    brain.configure(QUICK)
    near, far = (Repository.create(tmp_path / name, {"a.md": "# A\n"}) for name in ("near", "far"))
    bare = far.bare_clone(tmp_path / "served" / "far.git")
    far.git("remote", "add", "origin", str(bare))
    with git_daemon(tmp_path / "served") as port:
        brain.add("near", near.folder)
        brain.run("sources", "add", "far", "--url", f"git://127.0.0.1:{port}/far.git")
        with _watch(brain) as watching:
            assert {name: row["sync_status"] for name, row in watching.round().items()} == {
                "far": "first_sync",
                "near": "first_sync",
            }
            near.commit({"b.md": "# B\n"})
            assert {name: row["added"] for name, row in watching.round().items()} == {"near": 1}
            far.commit({"b.md": "# B\n", "c.md": "# C\n"})
            far.git("push", "-q", "origin", "main")
            assert {name: row["added"] for name, row in watching.round().items()} == {"far": 2}
            assert "stopped watching" in watching.stop()


def test_each_round_says_what_it_embedded_and_only_once_why_the_rest_waits(
    brain: BrainCommand, repository: Repository
) -> None:
    with endpoint(key="sesame") as provider:
        served = served_by(provider, brain, head=QUICK, api_key_env="TEST_KEY")
        served.environ["TEST_KEY"] = "sesame"
        served.add("wiki", repository.folder)
        with _watch(served, json_wanted=False) as watching:
            assert watching.line().startswith("[wiki] first sync")
            assert watching.line() == "embedded 2 chunks (test:test-model)\n"
            assert watching.line() == "1 ok\n"
            provider.tell(key="another")
            repository.commit({"b.md": "# B\n"})
            assert watching.line().startswith("[wiki] synced")
            assert re.match(r"1 chunk waits for its embedding: .*401.*; .*TEST_KEY", watching.line())
            repository.commit({"c.md": "# C\n"})
            assert watching.line().startswith("[wiki] synced")
            poll(lambda: sum(sent.status == 401 for sent in provider.journal()) == 2, "it is refused again")
            provider.tell(key="sesame")
            repository.commit({"d.md": "# D\n"})
            assert watching.line().startswith("[wiki] synced")
            assert re.fullmatch(r"embedded 3 chunks \(test:test-model, \d\d:\d\d:\d\d\)\n", watching.line())
            watching.stop()


def test_what_is_registered_changed_or_disabled_meanwhile_is_seen(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    brain.configure(QUICK)
    brain.add("wiki", repository.folder)
    with _watch(brain) as watching:
        watching.round()
        inside.run(brain, "sources", "add", "late", "--path", str(repository.folder))
        assert {name: row["sync_status"] for name, row in watching.round().items()} == {"late": "first_sync"}
        inside.run(brain, "sources", "set", "wiki", "--exclude", "docs/")
        assert {name: row["deleted"] for name, row in watching.round().items()} == {"wiki": 1}
        inside.run(brain, "sources", "disable", "wiki")
        inside.run(brain, "sources", "set", "late", "--exclude", "docs/")
        repository.commit({"new.md": "# New\n"})
        watching.until(lambda rows: rows.get("late", {}).get("added"))
        assert ask(brain.url or "", "SELECT pages FROM gbrain.states WHERE source_id = 'wiki'") == [(1,)]
        watching.stop()


def test_one_source_is_watched_alone(brain: BrainCommand, repository: Repository, tmp_path: Path) -> None:
    brain.configure(QUICK)
    other = Repository.create(tmp_path / "other", {"a.md": "# A\n"})
    brain.add("wiki", repository.folder)
    brain.add("other", other.folder)
    with _watch(brain, sources=("--source", "wiki")) as watching:
        assert {name: row["sync_status"] for name, row in watching.round().items()} == {"wiki": "first_sync"}
        other.commit({"b.md": "# B\n"})
        repository.commit({"new.md": "# New\n"})
        assert {name: row["added"] for name, row in watching.round().items()} == {"wiki": 1}
        watching.stop()


def test_the_interval_passes_whether_or_not_anything_moved(brain: BrainCommand, repository: Repository) -> None:
    brain.add("often", repository.folder, "--interval", "2s")
    brain.add("rarely", repository.folder)
    with _watch(brain, "--interval", "1h") as watching:
        assert set(watching.round()) == {"often", "rarely"}
        for _ in range(2):
            assert {name: row["sync_status"] for name, row in watching.round().items()} == {"often": "up_to_date"}
        watching.stop()


def test_a_failing_source_is_tried_again_until_it_comes_back(brain: BrainCommand, tmp_path: Path) -> None:
    brain.configure(QUICK)
    repository = Repository.create(tmp_path / "far", {"a.md": "# A\n"})
    repository.bare_clone(tmp_path / "served" / "far.git")
    with git_daemon(tmp_path / "served") as port:
        brain.run("sources", "add", "far", "--url", f"git://127.0.0.1:{port}/far.git")
        with _watch(brain) as watching:
            assert watching.round()["far"]["status"] == "ok"
            shutil.move(tmp_path / "served" / "far.git", tmp_path / "away.git")
            gone = watching.until(lambda rows: rows["far"]["status"] != "ok")
            assert gone["far"]["error_code"] in ("remote_gone", "fetch_failed")
            shutil.move(tmp_path / "away.git", tmp_path / "served" / "far.git")
            assert watching.until(lambda rows: rows["far"]["status"] == "ok")["far"]["sync_status"] == "up_to_date"
            watching.stop()


def test_a_hung_remote_holds_up_nobodys_next_round(brain: BrainCommand, repository: Repository) -> None:
    brain.configure(QUICK + 'fetch_stall = "50s"\n')
    brain.add("wiki", repository.folder)
    with silent_server() as port:
        brain.run("sources", "add", "hung", "--url", f"git://127.0.0.1:{port}/x")
        with _watch(brain) as watching:
            query = "SELECT bookmark_commit FROM gbrain.states WHERE source_id = 'wiki'"
            poll(lambda: ask(brain.url or "", query)[0][0], "the wiki is in")
            repository.commit({"new.md": "# New\n"})
            assert {name: row["added"] for name, row in watching.round().items()} == {"wiki": 1}
            watching.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_of_a_run_stops_it_cleanly(
    brain: BrainCommand, repository: Repository, number: signal.Signals
) -> None:
    brain.add("wiki", repository.folder)
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("SELECT FROM gbrain.states FOR UPDATE")
        with _watch(brain) as watching:
            poll(lambda: ask(brain.url or "", "SELECT FROM gbrain.runs WHERE phase = 'write'"), "it writes")
            said = watching.stop(number)
    assert said.splitlines() == ["[wiki] stopped while writing: 0 of 2 are done", "stopped watching"]
    assert ask(brain.url or "", "SELECT error_code FROM gbrain.runs") == [("interrupted",)]
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.leases WHERE expires_at > now()") == [(0,)]


def test_a_database_that_goes_away_is_waited_for(embedded_brain: BrainCommand, repository: Repository) -> None:
    embedded_brain.configure(QUICK)
    embedded_brain.add("wiki", repository.folder)
    with _watch(embedded_brain) as watching:
        watching.round()
        server = postmaster.find(places_of(embedded_brain.home).data)
        assert server is not None
        os.kill(server, signal.SIGKILL)
        repository.commit({"new.md": "# New\n"})
        assert watching.until(lambda rows: rows["wiki"]["status"] == "ok")["wiki"]["sync_status"] == "synced"
        watching.stop()
    assert embedded_brain.run("sources", "verify", "--all").code == 0


def test_in_text_only_news_are_told_after_the_first_round(brain: BrainCommand, repository: Repository) -> None:
    brain.configure(QUICK)
    brain.add("wiki", repository.folder, "--interval", "1s")
    brain.add("quiet", repository.folder, "--interval", "1s", "--subdir", "docs")
    with _watch(brain, json_wanted=False) as watching:
        first = sorted(watching.line().split()[0] for _ in range(2))
        assert (first, watching.line()) == (["[quiet]", "[wiki]"], "2 ok\n")
        repository.commit({"new.md": "# New\n"})
        line = watching.line()
        assert line.startswith("[wiki] synced ")
        assert "1 added" in line
        watching.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--interval", "5m"),
        ("--watch", "--dry-run"),
        ("--watch", "--full"),
        ("--watch", "--retry-failed"),
        ("--watch", "--interval", "soon"),
        ("--watch", "--interval", "0"),
    ],
    ids=" ".join,
)
def test_what_does_not_go_with_a_watch_is_a_usage_error(
    brain: BrainCommand, inside: Inside, arguments: tuple[str, ...]
) -> None:
    checked_error(inside.run(brain, "sync", "--all", *arguments, "--json", code=2), "usage")


def test_a_watch_over_no_such_source_ends_at_once(brain: BrainCommand, inside: Inside) -> None:
    checked_error(inside.run(brain, "sync", "--source", "nobody", "--watch", "--json", code=4), "not_found")


def test_a_watch_whose_reader_has_gone_ends(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder, "--interval", "1s")
    process = brain.start("sync", "--all", "--watch", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(DEADLINE_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_a_question_that_cannot_be_asked_ends_no_watch(
    brain: BrainCommand, repository: Repository, tmp_path: Path
) -> None:
    brain.configure(QUICK)
    far = Repository.create(tmp_path / "far", {"a.md": "# A\n"}).bare_clone(tmp_path / "far.git")
    brain.add("wiki", repository.folder)
    brain.run("sources", "add", "far", "--url", far.as_uri())
    with _watch(brain) as watching:
        watching.round()
        shutil.rmtree(brain.home / "mirrors")
        (brain.home / "mirrors").touch()
        assert watching.until(lambda rows: "far" in rows)["far"]["status"] == "error"
        repository.commit({"new.md": "# New\n"})
        assert watching.until(lambda rows: "wiki" in rows)["wiki"]["added"] == 1
        watching.stop()


def test_a_watch_that_waits_for_its_database_stops_in_order(
    brain: BrainCommand, repository: Repository, server: Server
) -> None:
    brain.configure(QUICK)
    brain.add("wiki", repository.folder)
    database = (brain.url or "").rpartition("/")[2]
    with _watch(brain) as watching:
        watching.round()
        with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false".encode())
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
        assert watching.process.stderr is not None
        said = watching.process.stderr.readline().decode()
        assert said.startswith("the brain cannot be reached and is tried again in 1 s: ")
        watching.stop(signal.SIGTERM)


def test_a_newer_schema_ends_a_watch_so_that_the_newer_program_can_start(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.add("wiki", repository.folder, "--interval", "1s")
    with _watch(brain) as watching:
        watching.round()
        with psycopg.connect(brain.url or "", autocommit=True) as conn:
            conn.execute("INSERT INTO gbrain.schema_versions (version) VALUES (999)")
        assert watching.process.wait(DEADLINE_S) == 6


def test_a_remote_that_is_away_keeps_nobody_from_taking_in_local_commits(brain: BrainCommand, tmp_path: Path) -> None:
    brain.configure(QUICK)
    bare = Repository.create(tmp_path / "origin", {"a.md": "# A\n"}).bare_clone(tmp_path / "origin.git")
    clone = Repository(tmp_path / "clone")
    subprocess.run(["git", "clone", "-q", str(bare), str(clone.folder)], check=True)
    brain.add("wiki", clone.folder)
    with _watch(brain) as watching:
        assert watching.round()["wiki"]["status"] == "ok"
        shutil.move(bare, tmp_path / "away.git")
        assert watching.until(lambda rows: rows["wiki"]["status"] != "ok")["wiki"]["status"] == "partial"
        clone.commit({"mine.md": "# Mine\n"})
        assert watching.until(lambda rows: rows["wiki"]["added"])["wiki"]["status"] == "partial"
        watching.stop()


def test_a_question_that_takes_long_is_answered_by_a_sync_that_everybody_sees(
    brain: BrainCommand, repository: Repository, tmp_path: Path
) -> None:
    brain.configure(QUICK)
    repository.bare_clone(tmp_path / "served" / "far.git")
    port = free_port()
    with ExitStack() as remotes:
        remotes.enter_context(git_daemon(tmp_path / "served", port=port))
        brain.run("sources", "add", "far", "--url", f"git://127.0.0.1:{port}/far.git")

        def hang(first: Synced) -> None:
            assert [result.status for result in first.results] == ["ok"]
            remotes.close()
            remotes.enter_context(silent_server(port=port))

        with mock.patch("gbrain.services.watching.ANSWER_S", 0.5):
            looking.watch(
                brain.env(),
                ended=hang,
                until=lambda event: isinstance(event, Progress) and (event.kind, event.phase) == ("heartbeat", "fetch"),
            )
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.runs WHERE source_id = 'far'") == [(2,)]


def test_a_second_ctrl_c_disturbs_no_end(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("SELECT FROM gbrain.states FOR UPDATE")
        with _watch(brain) as watching:
            poll(lambda: ask(brain.url or "", "SELECT FROM gbrain.runs WHERE phase = 'write'"), "it writes")
            for _ in range(3):
                watching.process.send_signal(signal.SIGINT)
            said = watching.stop(signal.SIGINT)
    assert said.splitlines()[-1] == "stopped watching"
    assert "Traceback" not in said
    assert ask(brain.url or "", "SELECT error_code FROM gbrain.runs") == [("interrupted",)]
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.leases WHERE expires_at > now()") == [(0,)]


@contextmanager
def _watch(
    brain: BrainCommand, *arguments: str, json_wanted: bool = True, sources: tuple[str, ...] = ("--all",)
) -> Iterator[Watching]:
    process = brain.start("sync", *sources, "--watch", *arguments, *(["--json"] if json_wanted else []))
    try:
        yield Watching(process)
    finally:
        process.kill()
        process.wait(DEADLINE_S)
