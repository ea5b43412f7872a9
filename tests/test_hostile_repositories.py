"""Repositories that would have a program run, or another content read, through the whole command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.inside import Inside
from support.repositories import Repository


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A program that leaves a file where it was run."""
    program = tmp_path / "canary"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/sang'\nexit 1\n")
    program.chmod(0o755)
    return program


def texts(brain: BrainCommand) -> str:
    return "\n".join(text for (text,) in ask(brain.url or "", "SELECT text FROM gbrain.texts ORDER BY text"))


def test_replaced_objects_are_not_what_is_read(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    real = repository.git("rev-parse", "HEAD:README.md")
    other = repository.git("hash-object", "-w", "--stdin", fed=b"# Planted\n")
    repository.git("replace", real, other)
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    assert "Planted" not in texts(brain)
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


def test_submodules_are_named_and_their_urls_left_alone(
    brain: BrainCommand, repository: Repository, inside: Inside, canary: Path, tmp_path: Path
) -> None:
    repository.commit({".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::{canary}\n\tupdate = !{canary}\n'})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{repository.git('rev-parse', 'HEAD')},x")
    repository.git("commit", "-qm", "submodule")
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sources", "add", "remote", "--url", f"file://{repository.folder}")
    inside.run(brain, "sync", "--all")
    assert ask(brain.url or "", "SELECT DISTINCT path, reason FROM gbrain.ledger") == [(b"x", "submodule")]
    assert not (tmp_path / "sang").exists()


def test_the_configuration_of_a_repository_runs_nothing_by_any_command(
    brain: BrainCommand, repository: Repository, inside: Inside, canary: Path, tmp_path: Path
) -> None:
    repository.commit({".gitattributes": "* filter=x diff=x merge=x text=auto\n"})
    hooks = repository.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "fsmonitor-watchman"):
        (hooks / hook).write_bytes(canary.read_bytes())
        (hooks / hook).chmod(0o755)
    for key in (
        *(
            "core.fsmonitor",
            "core.sshCommand",
            "core.pager",
            "core.editor",
            "core.askPass",
            "core.alternateRefsCommand",
        ),
        *(
            "filter.x.clean",
            "filter.x.smudge",
            "filter.x.process",
            "diff.x.textconv",
            "diff.x.command",
            "diff.external",
        ),
        *("credential.helper", "gpg.program", "uploadpack.packObjectsHook", "remote.origin.uploadpack"),
    ):
        repository.git("config", key, str(canary))
    repository.git("config", "remote.origin.url", f"file://{repository.folder}")
    repository.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    repository.git("config", "branch.main.remote", "origin")
    repository.git("config", "branch.main.merge", "refs/heads/main")
    subprocess.run(["git", "status"], cwd=repository.folder, capture_output=True, check=False)
    assert (tmp_path / "sang").exists(), "the canary does not sing where git is run plainly"
    (tmp_path / "sang").unlink()
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    for command in (("sync", "--all", "--dry-run"), ("sync", "--all"), ("sync", "--all", "--full")):
        [row] = checked(inside.run(brain, *command, "--json"), "sync")["sources"]
        assert row["status"] == "ok"
    inside.run(brain, "sources", "set", "wiki", "--subdir", "docs")
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sources", "verify", "wiki")
    inside.run(brain, "sources", "remove", "wiki", "--yes")
    assert not (tmp_path / "sang").exists()


def test_names_that_look_like_options_or_revisions_are_names(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    files: dict[str | bytes, bytes | str | None] = {
        name: f"# {number}\n"
        for number, name in enumerate(
            [
                "--upload-pack=x.md",
                "-n.md",
                "HEAD.md",
                ":/x.md",
                "a..b.md",
                "@{u}.md",
                "--/deep.md",
                "*.md",
                "%(path).md",
            ]
        )
    }
    repository = Repository.create(tmp_path / "-odd", files)
    inside.run(brain, "sources", "add", "odd", "--path", str(repository.folder))
    inside.run(brain, "sources", "add", "part", "--path", str(repository.folder / "--"))
    inside.run(brain, "sync", "--all")
    found = ask(brain.url or "", "SELECT convert_from(path, 'UTF8') FROM gbrain.pages WHERE source_id = 'odd'")
    assert {path for (path,) in found} == set(files)
    assert ask(brain.url or "", "SELECT path FROM gbrain.pages WHERE source_id = 'part'") == [(b"deep.md",)]
