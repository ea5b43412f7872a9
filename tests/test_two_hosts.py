"""Two hosts on one served brain: two homes, two machine ids, each with paths of its own and remotes they share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.commands import GBRAIN, BrainCommand
from support.databases import ask
from support.fresh import Fresh
from support.repositories import Repository

MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Host:
    """The command on a machine with an id of its own: in its namespace of mounts another file tells it."""

    brain: BrainCommand
    machine_id: Path

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        mounted = f'mount --bind {self.machine_id} {MACHINE_ID} && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mounted, "sh", GBRAIN, *arguments, "--json"]
        done = subprocess.run(command, env=self.brain.env(), capture_output=True, timeout=120, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def sync(self, *arguments: str, code: int = 0) -> dict[str, tuple[str, str | None]]:
        document = self.run("sync", *(arguments or ("--all",)), code=code)
        return {row["source_id"]: (row["status"], row["error_code"]) for row in document["sources"]}


@pytest.fixture
def hosts(brain: BrainCommand, tmp_path: Path) -> tuple[Host, Host]:
    can_mount = shutil.which("unshare") is not None and os.geteuid() == 0 and MACHINE_ID.exists()
    if not can_mount or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("needs a namespace of mounts of its own")
    made = []
    for digit in "12":
        file = tmp_path / f"machine-{digit}"
        file.write_text(digit * 32 + "\n")
        made.append(Host(BrainCommand(home=tmp_path / f"home-{digit}", url=brain.url), file))
    return made[0], made[1]


def test_each_host_syncs_its_own_paths_and_what_they_share(
    hosts: tuple[Host, Host], brain: BrainCommand, tmp_path: Path, fresh: Fresh
) -> None:
    one, two = hosts
    repositories = {name: Repository.create(tmp_path / name, {"page.md": f"# {name}\n"}) for name in ("a", "b", "c")}
    one.run("sources", "add", "a", "--path", str(repositories["a"].folder))
    two.run("sources", "add", "b", "--path", str(repositories["b"].folder))
    one.run("sources", "add", "shared", "--url", f"file://{repositories['c'].folder}")
    assert one.sync() == {"a": ("ok", None), "b": ("skipped", "other_host"), "shared": ("ok", None)}
    assert two.sync() == {"a": ("skipped", "other_host"), "b": ("ok", None), "shared": ("ok", None)}
    assert two.sync("--source", "a", code=1) == {"a": ("error", "other_host")}
    repositories["c"].commit({"late.md": "# Late\n"})
    assert two.run("sync", "--source", "shared")["sources"][0]["sync_status"] == "synced"
    assert one.run("sync", "--source", "shared")["sources"][0]["sync_status"] == "up_to_date"
    assert all(any((host.brain.home / "mirrors").glob("*.git")) for host in hosts)
    verified = two.run("sources", "verify", "--all", code=1)
    assert {row["source_id"]: row["status"] for row in verified["sources"]} == {
        "a": "cannot_verify",
        "b": "ok",
        "shared": "ok",
    }


def test_setting_the_path_moves_a_source_to_the_host_that_says_so(
    hosts: tuple[Host, Host], brain: BrainCommand, tmp_path: Path
) -> None:
    one, two = hosts
    here = Repository.create(tmp_path / "here", {"page.md": "# Page\n", "old.md": "# Old\n"})
    there = Repository.create(tmp_path / "there", {"page.md": "# Page\n", "new.md": "# New\n"})
    one.run("sources", "add", "a", "--path", str(here.folder))
    one.sync()
    page = ask(brain.url or "", "SELECT id FROM gbrain.pages WHERE path = 'page.md'")
    two.run("sources", "set", "a", "--path", str(there.folder))
    assert one.sync() == {"a": ("skipped", "other_host")}
    assert two.sync() == {"a": ("ok", None)}
    assert ask(brain.url or "", "SELECT path FROM gbrain.pages ORDER BY path") == [(b"new.md",), (b"page.md",)]
    assert ask(brain.url or "", "SELECT id FROM gbrain.pages WHERE path = 'page.md'") == page


def test_a_path_counts_for_this_folder_only_on_its_own_host(
    hosts: tuple[Host, Host], brain: BrainCommand, tmp_path: Path
) -> None:
    one, two = hosts
    repository = Repository.create(tmp_path / "here", {"page.md": "# Page\n"})
    one.run("sources", "add", "a", "--path", str(repository.folder))
    one.run("sources", "add", "b", "--url", f"file://{repository.folder}")
    before = Path.cwd()
    os.chdir(repository.folder)
    try:
        assert one.run("sources", "current")["sources"][0]["source_id"] == "a"
        two.run("sources", "current", code=2)
    finally:
        os.chdir(before)
