"""`--json`: standard output is exactly one document that its schema allows, on every way out."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.commands import BrainCommand, Completed
from support.documents import ERROR_LINE, checked, checked_error
from support.inside import Inside
from support.remotes import silent_server
from support.repositories import Repository
from support.servers import free_port

EVERY_COMMAND = [
    ("init",),
    ("sync", "--all"),
    ("sources", "add", "more", "--path", "/"),
    ("sources", "list"),
    ("sources", "show", "wiki"),
    ("sources", "remove", "wiki", "--yes"),
    ("sources", "status"),
    ("sources", "verify", "--all"),
    ("sources", "failures"),
    ("show", "readme"),
    ("tokens", "add", "x", "--scope", "read"),
    ("tokens", "list"),
    ("tokens", "revoke", "x"),
    ("models",),
    ("models", "list", "--refused"),
    ("models", "drop", "local", "--yes"),
]
USAGE_ERRORS = [
    ("nonsense", "--json"),
    ("sync", "--json", "--nonsense"),
    ("sync", "--json", "more", "words"),
    ("sync", "--json", "--source"),
    ("sync", "--json", "--all", "--source", "wiki"),
    ("sync", "--json", "--all", "--parallel", "0"),
    ("sources", "--json"),
    ("sources", "nonsense", "--json"),
    ("sources", "add", "--json"),
    ("sources", "add", "wiki", "--json", "--strategy", "everything", "--path", "/"),
    ("sources", "add", "wiki", "--json", "--max-age", "soon", "--path", "/"),
    ("sources", "add", "wiki", "--json", "--max-age", "0", "--path", "/"),
    ("sources", "show", "--json"),
    ("sources", "remove", "--json"),
    ("sources", "verify", "wiki", "--all", "--json"),
    ("sources", "verify", "--all", "--json", "--sample", "some"),
    ("show", "--json"),
    ("models", "--json", "nonsense"),
    ("models", "--json", "list"),
    ("models", "--refused", "list", "--json"),
    ("models", "use", "--json"),
    ("models", "drop", "--json"),
    ("embed", "--json", "more", "words"),
    ("tokens", "--json"),
    ("tokens", "nonsense", "--json"),
    ("tokens", "add", "x", "--json"),
    ("tokens", "add", "x", "--scope", "all", "--json"),
    ("tokens", "revoke", "--json"),
    ("serve", "--json"),
    ("mcp", "--json"),
    ("--log-format", "loud", "sources", "list", "--json"),
    ("--nonsense", "sources", "list", "--json"),
]
LATER = [
    *[("sync", "--all", "--json", flag) for flag in ("--timeout=soon", "--progress=loud", "--interval=5m")],
    *[("sources", word, "--json") for word in ("webhook", "nonsense")],
    *[(word, "--json") for word in ("code", "doctor", "jobs")],
]


def test_each_command_answers_with_the_document_of_its_schema(brain: BrainCommand, repository: Repository) -> None:
    repository.commit({"broken.md": "---\na: [\n---\nBody\n"})
    answered = checked(brain.run("init", "--json"), "init")["brain"]
    assert answered["kind"] == "served"
    added = checked(brain.run("sources", "add", "wiki", "--path", str(repository.folder), "--json"), "sources")
    assert [source["source_id"] for source in added["sources"]] == ["wiki"]
    assert checked(brain.run("sources", "list", "--json"), "sources")["sources"] == added["sources"]
    before = checked(brain.run("sources", "status", "--json"), "sources-status")["sources"][0]
    assert (before["health"], before["reasons"], before["running"]) == ("unknown", ["never_synced"], None)
    unverified = checked(brain.run("sources", "verify", "--json", code=1), "sources-verify")["sources"][0]
    assert (unverified["status"], unverified["commit"]) == ("cannot_verify", None)
    for arguments in (("--all",), ("--source", "wiki")):
        synced = checked(brain.run("sync", *arguments, "--json", code=1), "sync")
        assert (synced["ok_count"], len(synced["sources"]), synced["sources"][0]["failures_open"]) == (1, 1, 1)
    shown = checked(brain.run("sources", "show", "wiki", "--json"), "sources")["sources"][0]
    assert shown["last_commit"] == repository.git("rev-parse", "HEAD")
    status = checked(brain.run("sources", "status", "--json"), "sources-status")
    assert (status["unacknowledged_failures"], status["embedding_column"]) == (1, None)
    checked(brain.run("sources", "status", "--check", "--json", code=1), "sources-status")
    failures = checked(brain.run("sources", "failures", "wiki", "--json"), "sources-failures")["failures"]
    assert [(failure["path"], failure["reason"]) for failure in failures] == [("broken.md", "front_matter_broken")]
    verified = checked(brain.run("sources", "verify", "--all", "--json"), "sources-verify")["sources"][0]
    assert (verified["status"], verified["findings"]) == ("ok", [])
    assert checked(brain.run("show", "wiki:readme", "--json"), "show")["page"]["path"] == "README.md"
    would = checked(brain.run("sources", "remove", "wiki", "--dry-run", "--json"), "sources-remove")["sources"][0]
    did = checked(brain.run("sources", "remove", "wiki", "--yes", "--json"), "sources-remove")["sources"][0]
    assert would == did | {"removed": False}
    assert (did["removed"], did["pages"], did["failures"], did["runs"]) == (True, 2, 1, 2)
    assert checked(brain.run("sync", "--all", "--json"), "sync")["sources"] == []


def test_the_rows_of_a_sync_are_sorted_and_counted_by_status(brain: BrainCommand, tmp_path: Path) -> None:
    for name in ("c", "a", "b"):
        brain.add(name, Repository.create(tmp_path / name, {"page.md": f"# {name}\n"}).folder)
    (tmp_path / "b" / ".git").rename(tmp_path / "elsewhere")
    document = checked(brain.run("sync", "--all", "--json", code=1), "sync")
    assert [row["source_id"] for row in document["sources"]] == ["a", "b", "c"]
    assert [row["status"] for row in document["sources"]] == ["ok", "error", "ok"]
    assert (document["ok_count"], document["error_count"], document["skipped_count"]) == (2, 1, 0)
    assert document["parallel"] == 3
    assert 1 <= document["connections_peak"] <= 3 + 2


@pytest.mark.parametrize("arguments", [*USAGE_ERRORS, *LATER], ids=" ".join)
def test_words_that_are_not_understood_give_one_error_document_and_exit_2(
    inside: Inside, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    checked_error(inside.run(BrainCommand(home=tmp_path / "home"), *arguments, code=2), "usage")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("sources", "add", "Wiki", "--path", "/"),
        ("sources", "add", "wiki"),
        ("sources", "add", "wiki", "--path", "/", "--url", "https://example.org/a.git"),
        ("sources", "add", "wiki", "--url", "ext::sh -c id"),
        ("sources", "add", "wiki", "--url", "https://me:secret@example.org/a.git"),
        ("sources", "add", "wiki", "--url", "http://127.0.0.1/a.git"),
        ("sources", "add", "wiki", "--path", "/nowhere/at/all"),
        ("sources", "add", "wiki", "--path", "{repository}", "--name", "\udcff"),
        ("sync",),
        ("sources", "verify"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_registered_or_resolved_is_a_usage_error_and_changes_nothing(
    brain: BrainCommand, inside: Inside, repository: Repository, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "page.md").write_text("# Page\n")
    words = [word.format(repository=repository.folder, folder=tmp_path / "plain") for word in arguments]
    done = inside.run(brain, *words, "--json", code=2, cwd=tmp_path)
    error = checked_error(done, "usage")
    assert "secret" not in done.out + done.err
    if "plain" in words[-1]:
        assert "git" in error["hint"]
        assert "init" in error["hint"]
    assert _value(brain, "SELECT count(*) FROM gbrain.sources") == 0


def test_a_repository_without_a_commit_is_told_how_to_make_one(brain: BrainCommand, tmp_path: Path) -> None:
    empty = Repository.create(tmp_path / "empty")
    (empty.folder / "page.md").write_text("# Page\n")
    done = brain.run("sources", "add", "wiki", "--path", str(empty.folder), "--json", code=2)
    assert "commit -m" in checked_error(done, "usage")["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "--source", "nosuch"),
        ("sync", "--source", ""),
        ("sources", "show", "nosuch"),
        ("sources", "remove", "nosuch"),
        ("sources", "remove", "nosuch", "--yes"),
        ("sources", "verify", "nosuch"),
        ("sources", "verify", ""),
        ("sources", "failures", "nosuch"),
        ("show", "nosuch"),
        ("show", "wiki:nosuch"),
        ("show", "nosuch:readme"),
        ("show", "\udcff"),
    ],
    ids=lambda arguments: ascii(" ".join(arguments)),
)
def test_no_such_source_or_page_is_exit_4(
    brain: BrainCommand, inside: Inside, repository: Repository, arguments: tuple[str, ...]
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    error = checked_error(inside.run(brain, *arguments, "--json", code=4), "not_found")
    assert "nosuch" in error["message"] or arguments[-1] in ("", "\udcff")


def test_removing_without_a_confirmation_is_exit_3_and_removes_nothing(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.add("wiki", repository.folder)
    error = checked_error(brain.run("sources", "remove", "wiki", "--json", code=3), "confirmation_needed")
    assert "--yes" in error["hint"]
    assert len(checked(brain.run("sources", "list", "--json"), "sources")["sources"]) == 1


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=" ".join)
def test_a_database_that_nobody_serves_is_exit_6_at_once(
    inside: Inside, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    brain = BrainCommand(home=tmp_path / "home", url=f"postgresql://gbrain@127.0.0.1:{free_port()}/brain")
    started = time.monotonic()
    checked_error(inside.run(brain, *arguments, "--json", code=6), "database")
    assert time.monotonic() - started < 30


def test_a_database_url_that_cannot_be_understood_is_a_usage_error_that_does_not_repeat_it(tmp_path: Path) -> None:
    brain = BrainCommand(home=tmp_path / "home", url="host=somewhere user=me hunter2")
    done = brain.run("sources", "list", "--json", code=2)
    checked_error(done, "usage")
    assert "hunter2" not in done.out + done.err


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=" ".join)
def test_a_schema_newer_than_the_program_is_exit_6(
    brain: BrainCommand, inside: Inside, arguments: tuple[str, ...]
) -> None:
    _sql(brain, "INSERT INTO gbrain.schema_versions (version) VALUES (9999)")
    error = checked_error(inside.run(brain, *arguments, "--json", code=6), "schema_too_new")
    assert "9999" in error["message"]


def test_a_role_that_may_not_read_the_schema_is_exit_6(brain: BrainCommand) -> None:
    _sql(brain, "CREATE ROLE stranger LOGIN" if not _has_role(brain) else "SELECT 1")
    assert brain.url is not None
    stranger = BrainCommand(home=brain.home, url=brain.url.replace("gbrain@", "stranger@"))
    checked_error(stranger.run("sources", "list", "--json", code=6), "database")


def test_a_source_that_another_process_holds_is_exit_5_alone_and_0_among_all(
    brain: BrainCommand, inside: Inside, repository: Repository
) -> None:
    brain.add("wiki", repository.folder)
    _sql(
        brain,
        """UPDATE gbrain.leases SET token = token + 1, expires_at = clock_timestamp() + interval '1 hour',
           holder_host = 'far', holder_boot = 'another', holder_pids = 'another', holder_pid = 7""",
    )
    for arguments, code in ((("--source", "wiki"), 5), (("--all",), 0), ((), 5)):
        document = checked(inside.run(brain, "sync", *arguments, "--json", code=code), "sync")
        row = document["sources"][0]
        assert (row["status"], row["error_code"], document["busy_count"]) == ("busy", "lease_held", 1)
        assert "process 7 on far" in row["error"]


@pytest.mark.parametrize("arguments", EVERY_COMMAND[:2], ids=" ".join)
def test_a_home_that_is_a_file_or_below_one_is_exit_6(
    brain: BrainCommand, inside: Inside, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    for home in (tmp_path / "file", tmp_path / "file" / "home", Path("/proc/nowhere")):
        for url in (brain.url, None):
            checked_error(inside.run(BrainCommand(home=home, url=url), *arguments, "--json", code=6), "home")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("fetch_stall = ", "TOML"),
        ("no_such_setting = 1", "no_such_setting"),
        ("fetch_slots = 0", "fetch_slots"),
        ("fetch_slots = true", "fetch_slots"),
        ('lease_term = "soon"', "lease_term"),
        ("allow_private_hosts = 1", "allow_private_hosts"),
    ],
)
def test_a_setting_that_is_wrong_is_a_usage_error_that_names_it(
    inside: Inside, tmp_path: Path, text: str, named: str
) -> None:
    brain = BrainCommand(home=tmp_path / "home")
    brain.configure(text)
    assert named in checked_error(inside.run(brain, "sources", "list", "--json", code=2), "usage")["message"]


def test_a_brain_is_made_on_first_use_and_destroyed_only_when_told(embedded_brain: BrainCommand) -> None:
    first = embedded_brain.run("sources", "list", "--json")
    assert checked(first, "sources")["sources"] == []
    assert len([line for line in first.err.splitlines() if "database in /" in line]) == 1
    again = embedded_brain.run("init", "--json")
    assert checked(again, "init")["brain"]["kind"] == "embedded"
    assert again.err == ""
    error = checked_error(embedded_brain.run("destroy", "--json", code=3), "confirmation_needed")
    assert "--yes" in error["hint"]
    assert checked(embedded_brain.run("destroy", "--yes", "--json"), "destroy")["destroyed"] is True
    assert checked(embedded_brain.run("destroy", "--yes", "--json"), "destroy")["destroyed"] is False


def test_a_served_brain_is_not_destroyed_from_here(brain: BrainCommand) -> None:
    checked_error(brain.run("destroy", "--yes", "--json", code=2), "usage")


@pytest.mark.parametrize(
    ("number", "code", "name"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_sync_that_is_stopped_ends_with_an_error_document(
    brain: BrainCommand, number: int, code: int, name: str
) -> None:
    brain.configure('allow_private_hosts = true\nfetch_stall = "60s"\n')
    with silent_server() as port:
        brain.run("sources", "add", "hung", "--url", f"git://127.0.0.1:{port}/hung.git")
        process = brain.start("sync", "--all", "--json")
        _wait_until(lambda: _value(brain, "SELECT count(*) FROM gbrain.runs WHERE finished_at IS NULL") == 1)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    checked_error(Completed(code=process.returncode, out=out.decode(), err=err.decode()), name)
    assert process.returncode == code
    assert _value(brain, "SELECT expires_at <= clock_timestamp() FROM gbrain.leases")


def test_a_home_whose_name_is_not_utf_8_can_be_told_in_json(brain: BrainCommand, tmp_path: Path) -> None:
    home = Path(os.fsdecode(os.fsencode(tmp_path) + b"/h\xff"))
    checked(BrainCommand(home=home, url=brain.url).run("init", "--json"), "init")
    checked(BrainCommand(home=home).run("destroy", "--yes", "--json"), "destroy")


def test_the_error_line_stands_alone_without_json(brain: BrainCommand) -> None:
    done = brain.run("sync", "--source", "no\nsuch\x1b[31m", code=4)
    assert done.out == ""
    assert ERROR_LINE.fullmatch(done.err.rstrip("\n")), done.err
    assert "\x1b" not in done.err


def test_json_behind_a_double_dash_is_a_word_and_no_flag(brain: BrainCommand) -> None:
    done = brain.run("show", "--", "--json", code=4)
    assert done.out == ""


def test_a_full_standard_output_is_no_traceback(brain: BrainCommand) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*_program(), "sources", "list", "--json"], env=brain.env(), stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 6
    assert b"Traceback" not in done.stderr
    assert b"error: " in done.stderr


def _program() -> list[str]:
    from support.commands import GBRAIN

    return [GBRAIN]


def _has_role(brain: BrainCommand) -> bool:
    return bool(_value(brain, "SELECT count(*) FROM pg_roles WHERE rolname = 'stranger'"))


def _sql(brain: BrainCommand, statement: str) -> None:
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute(statement.encode())


def _value(brain: BrainCommand, query: str) -> Any:
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
        return row[0] if row else None


def _wait_until(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
