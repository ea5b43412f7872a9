"""What a source's trouble does to its own row, and that it does nothing to the others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.commands import BrainCommand
from support.documents import checked
from support.fresh import Fresh
from support.inside import Inside
from support.remotes import git_daemon, locked_server, silent_server
from support.repositories import Repository
from support.servers import free_port

PRIVATE = 'allow_private_hosts = true\nfetch_stall = "1s"\n'


def test_sources_that_cannot_be_read_leave_all_others_alone(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    brain.configure(PRIVATE)
    folders = {
        name: Repository.create(tmp_path / name, {"page.md": f"# {name}\n\nText of {name}.\n"}).folder
        for name in ("good", "other", "broken", "empty", "emptied", "missing", "plain")
    }
    for name, folder in folders.items():
        if name != "other":
            _add(inside, brain, name, "--path", str(folder))
    _add(inside, brain, "other", "--url", str(folders["other"]))
    shutil.rmtree(folders["broken"] / ".git" / "objects")
    (folders["broken"] / ".git" / "objects").mkdir()
    shutil.rmtree(folders["empty"] / ".git")
    Repository.create(folders["empty"])
    shutil.rmtree(folders["emptied"])
    folders["emptied"].mkdir()
    shutil.rmtree(folders["missing"])
    shutil.rmtree(folders["plain"] / ".git")
    with silent_server() as port:
        _add(inside, brain, "hung", "--url", f"git://127.0.0.1:{port}/hung.git")
        done = brain.run("sync", "--all", "--json", code=1)
    document = checked(done, "sync")
    rows = done.sources()
    assert {name: (row["status"], row["error_code"]) for name, row in rows.items()} == {
        "good": ("ok", None),
        "other": ("ok", None),
        "broken": ("error", "not_a_repository"),
        "empty": ("error", "no_commit"),
        "emptied": ("error", "path_missing"),
        "hung": ("error", "fetch_timeout"),
        "missing": ("error", "path_missing"),
        "plain": ("error", "not_a_repository"),
    }
    assert (document["ok_count"], document["error_count"], document["partial_count"]) == (2, 6, 0)
    assert "no data from the remote" in rows["hung"]["error"]
    assert "commit -m" in rows["empty"]["hint"]
    assert "git -C" in rows["plain"]["hint"]
    assert str(folders["missing"]) in rows["missing"]["error"]
    for name in ("good", "other"):
        assert inside.run(brain, "show", f"{name}:page").out.rstrip().endswith(f"Text of {name}.")
    status = _status(inside, brain)
    for name, row in rows.items():
        bad = row["status"] == "error"
        assert status[name]["health"] == ("failing" if bad else "ok")
        assert status[name]["reasons"] == ([row["error_code"], "never_synced"] if bad else [])
        assert (status[name]["last_sync_at"] is None) == bad


def test_a_source_asked_for_alone_that_cannot_be_read_is_exit_1(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    _add(inside, brain, "wiki", "--path", str(repository.folder))
    _sync(inside, brain)
    shutil.rmtree(repository.folder)
    row = checked(inside.run(brain, "sync", "--source", "wiki", "--json", code=1), "sync")["sources"][0]
    assert (row["status"], row["error_code"], row["sync_status"]) == ("error", "path_missing", None)
    assert row["from_revision"] == row["to_revision"] is not None
    assert _status(inside, brain)["wiki"]["pages"] == 2


def test_a_blob_that_is_gone_leaves_its_path_out_until_it_is_back(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    blob = repository.git("rev-parse", "HEAD:docs/guide.md")
    found = repository.folder / ".git" / "objects" / blob[:2] / blob[2:]
    hidden = found.rename(repository.folder / "hidden")
    _add(inside, brain, "wiki", "--path", str(repository.folder))
    row = _sync(inside, brain, code=1)["wiki"]
    assert (row["status"], row["error_code"], row["added"], row["failures_open"]) == ("error", "not_a_repository", 1, 0)
    assert "docs/guide.md" in row["error"]
    hidden.rename(found)
    row = _sync(inside, brain)["wiki"]
    assert (row["status"], row["added"]) == ("ok", 1)


def test_a_fetch_that_fails_is_an_error_at_first_and_partial_once_something_is_in(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh, tmp_path: Path
) -> None:
    brain.configure(PRIVATE)
    bare, port = repository.bare_clone(tmp_path / "served" / "wiki.git"), free_port()
    _add(inside, brain, "wiki", "--url", f"git://127.0.0.1:{port}/wiki.git")
    row = _sync(inside, brain, "--no-pull", code=1)["wiki"]
    assert (row["status"], row["error_code"]) == ("error", "no_commit")
    row = _sync(inside, brain, code=1)["wiki"]
    assert (row["status"], row["error_code"], row["to_revision"]) == ("error", "fetch_failed", None)
    with git_daemon(tmp_path / "served", port=port):
        assert _sync(inside, brain)["wiki"]["sync_status"] == "first_sync"
        assert fresh.differences(brain) == []
        before = _status(inside, brain)["wiki"]
        shutil.rmtree(bare)
        row = _sync(inside, brain, code=1)["wiki"]
        assert (row["status"], row["error_code"], row["sync_status"]) == ("partial", "remote_gone", None)
    row = _sync(inside, brain, code=1)["wiki"]
    assert (row["status"], row["error_code"]) == ("partial", "fetch_failed")
    with silent_server(port=port):
        row = _sync(inside, brain, code=1)["wiki"]
        assert (row["status"], row["error_code"]) == ("partial", "fetch_timeout")
        row = _sync(inside, brain, "--no-pull")["wiki"]
        assert (row["status"], row["sync_status"]) == ("ok", "up_to_date")
    after = _status(inside, brain)["wiki"]
    assert (after["last_sync_at"], after["pages"]) == (before["last_sync_at"], 2)
    assert after["last_attempt_at"] > before["last_attempt_at"]
    _sync(inside, brain, code=1)
    after = _status(inside, brain)["wiki"]
    assert (after["last_sync_at"], after["health"]) == (before["last_sync_at"], "attention")
    assert after["reasons"] == ["fetch_failed"]


def test_a_remote_that_wants_a_password_is_auth_failed_and_nobody_is_asked(brain: BrainCommand, inside: Inside) -> None:
    brain.configure(PRIVATE)
    with locked_server() as port:
        _add(inside, brain, "wiki", "--url", f"http://127.0.0.1:{port}/wiki.git")
        row = _sync(inside, brain, code=1)["wiki"]
    assert (row["status"], row["error_code"]) == ("error", "auth_failed")


def test_local_commits_come_in_though_the_remote_is_gone_and_freshness_waits(
    brain: BrainCommand, repository: Repository, inside: Inside, tmp_path: Path
) -> None:
    bare = repository.bare_clone(tmp_path / "remote.git")
    repository.git("clone", "-q", str(bare), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    _add(inside, brain, "wiki", "--path", str(clone.folder))
    _sync(inside, brain)
    before = _status(inside, brain)["wiki"]["last_sync_at"]
    tip = Repository(bare).git("rev-parse", "main")
    Repository(bare).git("update-ref", "-d", "refs/heads/main", tip)
    head = clone.commit({"new.md": "# New\n"})
    row = _sync(inside, brain, code=1)["wiki"]
    assert (row["status"], row["error_code"]) == ("partial", "branch_gone")
    assert (row["sync_status"], row["to_revision"], row["added"]) == ("synced", head, 1)
    assert _status(inside, brain)["wiki"]["last_sync_at"] == before
    clone.git("push", "-q", "origin", "main")
    assert _sync(inside, brain, "--no-pull")["wiki"]["sync_status"] == "up_to_date"
    assert _status(inside, brain)["wiki"]["last_sync_at"] == before
    assert _sync(inside, brain)["wiki"]["status"] == "ok"
    assert _status(inside, brain)["wiki"]["last_sync_at"] > before


def test_without_a_remote_no_pull_is_a_full_check(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    _add(inside, brain, "wiki", "--path", str(repository.folder))
    assert _sync(inside, brain, "--no-pull")["wiki"]["sync_status"] == "first_sync"
    first = _status(inside, brain)["wiki"]["last_sync_at"]
    assert _sync(inside, brain, "--no-pull")["wiki"]["sync_status"] == "up_to_date"
    assert _status(inside, brain)["wiki"]["last_sync_at"] > first


def test_a_path_of_another_host_is_skipped_among_all_and_an_error_alone(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    _add(inside, brain, "wiki", "--path", str(repository.folder))
    _sync(inside, brain)
    _sql(brain, "UPDATE gbrain.sources SET host_id = 'elsewhere', host_name = 'far'")
    row = _sync(inside, brain)["wiki"]
    assert (row["status"], row["error_code"]) == ("skipped", "other_host")
    row = _sync(inside, brain, "--source", "wiki", code=1)["wiki"]
    assert (row["status"], row["error_code"]) == ("error", "other_host")
    report = checked(inside.run(brain, "sources", "verify", "wiki", "--json", code=1), "sources-verify")["sources"][0]
    assert report["status"] == "cannot_verify"
    assert "another host" in report["error"]


def test_a_disabled_source_is_skipped_and_takes_no_part_in_parallel(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    for name in ("on", "off"):
        _add(inside, brain, name, "--path", str(repository.folder))
    _sql(brain, "UPDATE gbrain.sources SET enabled = false WHERE id = 'off'")
    document = checked(inside.run(brain, "sync", "--all", "--json"), "sync")
    rows = {row["source_id"]: row for row in document["sources"]}
    assert (rows["off"]["status"], rows["off"]["error_code"]) == ("skipped", "disabled")
    assert (rows["on"]["status"], document["skipped_count"], document["parallel"]) == ("ok", 1, 1)


def _amended(repository: Repository) -> None:
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.commit({"docs/other.md": "# Other\n\nAnother history.\n", "README.md": "# Wiki\n\nRewritten.\n"})


def _rebased(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "side", "HEAD~1")
    repository.commit({"base.md": "# Base\n"})
    repository.git("rebase", "-q", "side", "main")


def _orphaned(repository: Repository) -> None:
    repository.git("checkout", "-q", "--orphan", "anew")
    repository.git("rm", "-r", "-q", "-f", ".")
    repository.commit({"README.md": "# Anew\n\nNothing of old.\n", "docs/deep/page.md": "# Deep\n"})
    repository.git("branch", "-q", "-D", "main")
    repository.git("branch", "-q", "-m", "main")
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "-q", "--prune=now")


def _replaced(repository: Repository) -> None:
    shutil.rmtree(repository.folder)
    Repository.create(repository.folder, {"README.md": "# Quite another\n", "Docs/guide.md": "# Guide\n\nHow to.\n"})


def _renamed_head(repository: Repository) -> None:
    repository.git("branch", "-q", "-m", "main", "trunk")
    repository.commit({"trunk.md": "# Trunk\n"})


@pytest.mark.parametrize("change", [_amended, _rebased, _orphaned, _replaced, _renamed_head], ids=lambda f: f.__name__)
def test_whatever_became_of_the_history_the_rows_are_those_of_a_fresh_sync(
    brain: BrainCommand,
    repository: Repository,
    inside: Inside,
    fresh: Fresh,
    tmp_path: Path,
    change: Callable[[Repository], None],
) -> None:
    repository.commit({"docs/third.md": "# Third\n\nOne more.\n"})
    bare = repository.bare_clone(tmp_path / "served" / "wiki.git")
    _add(inside, brain, "path", "--path", str(repository.folder))
    _add(inside, brain, "file", "--url", f"file://{bare}")
    _sync(inside, brain)
    old = repository.git("rev-parse", "HEAD^{tree}")
    change(repository)
    shutil.rmtree(bare)
    repository.bare_clone(bare)
    rows = _sync(inside, brain)
    assert {row["sync_status"] for row in rows.values()} == {"synced"}
    assert {row["to_revision"] for row in rows.values()} == {repository.git("rev-parse", "HEAD")}
    if change is _orphaned:
        assert old not in repository.git("cat-file", "--batch-all-objects", "--batch-check")
    assert fresh.differences(brain) == []
    verified = checked(inside.run(brain, "sources", "verify", "--all", "--json"), "sources-verify")
    assert {report["status"] for report in verified["sources"]} == {"ok"}


def test_a_shallow_clone_follows_its_remote(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh, tmp_path: Path
) -> None:
    repository.commit({"docs/third.md": "# Third\n"})
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    _add(inside, brain, "wiki", "--path", str(tmp_path / "shallow"))
    assert _sync(inside, brain)["wiki"]["added"] == 3
    head = repository.commit({"docs/third.md": None, "docs/fourth.md": "# Fourth\n"})
    row = _sync(inside, brain)["wiki"]
    assert (row["sync_status"], row["to_revision"], row["added"], row["deleted"]) == ("synced", head, 1, 1)
    assert fresh.differences(brain) == []


def _add(inside: Inside, brain: BrainCommand, source_id: str, *more: str) -> None:
    inside.run(brain, "sources", "add", source_id, *more)


def _sync(inside: Inside, brain: BrainCommand, *flags: str, code: int = 0) -> dict[str, dict[str, Any]]:
    every = () if "--source" in flags else ("--all",)
    done = inside.run(brain, "sync", *every, *flags, "--json", code=code)
    checked(done, "sync")
    return done.sources()


def _status(inside: Inside, brain: BrainCommand) -> dict[str, dict[str, Any]]:
    done = inside.run(brain, "sources", "status", "--json")
    checked(done, "sources-status")
    return done.sources()


def _sql(brain: BrainCommand, statement: str) -> None:
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute(os.fsencode(statement))
