"""Nothing a repository brings along is ever run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gbrain.git.acquired import Acquired


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A program that leaves a file with its arguments when it is run."""
    program = tmp_path / "canary"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path / "sung"}\nexit 1\n')
    program.chmod(0o755)
    return program


def arm(repo, canary: Path) -> None:
    """Every setting and hook of a repository that makes some git command run a program."""
    settings = {
        "core.fsmonitor": str(canary),
        "core.hooksPath": str(repo.path / "hooks"),
        "core.sshCommand": str(canary),
        "core.gitProxy": str(canary),
        "core.askPass": str(canary),
        "core.pager": str(canary),
        "core.editor": str(canary),
        "core.alternateRefsCommand": str(canary),
        "pager.for-each-ref": str(canary),
        "credential.helper": str(canary),
        "diff.external": str(canary),
        "diff.x.textconv": str(canary),
        "filter.x.smudge": str(canary),
        "filter.x.clean": str(canary),
        "filter.x.process": str(canary),
        "gpg.program": str(canary),
        "log.showSignature": "true",
        "remote.origin.uploadpack": str(canary),
        "uploadpack.packObjectsHook": str(canary),
        "gc.auto": "1",
    }
    for key, value in settings.items():
        repo.git("config", key, value)
    for folder in (repo.path / "hooks", repo.path / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for hook in ("post-checkout", "post-merge", "reference-transaction", "pre-auto-gc", "post-index-change"):
            (folder / hook).write_bytes(canary.read_bytes())
            (folder / hook).chmod(0o755)


@pytest.fixture
def hostile(make_repo, canary):
    """A checkout, armed, and its upstream, armed too, which is one commit ahead."""
    upstream = make_repo("upstream")
    upstream.commit({".gitattributes": "* filter=x diff=x\n", "one": "1"})
    checkout = upstream.clone("copy")
    upstream.commit({"two": "2"})
    arm(upstream, canary)
    arm(checkout, canary)
    return checkout


async def read_all(acquired: Acquired) -> None:
    repository, revision = acquired.repository, acquired.revision
    entries = [entry async for some in repository.list_tree(revision.tree) for entry in some]
    async with repository.blobs() as blobs:
        await blobs.sizes([entry.blob for entry in entries])
        await blobs.read([entry.blob for entry in entries])
    assert [some async for some in repository.diff_trees(revision.tree, revision.tree)] == []
    assert await repository.has_tree(revision.tree)


async def test_a_hostile_checkout_and_upstream_run_nothing(hostile, ask, tmp_path):
    for pull in (True, False):
        acquired = await ask(hostile.path, pull=pull)
        assert len([e async for some in acquired.repository.list_tree(acquired.revision.tree) for e in some]) == 3
        await read_all(acquired)
    await read_all(await ask(str(hostile.path)))
    assert not (tmp_path / "sung").exists()


async def test_a_hostile_partial_clone_fetches_nothing_lazily(hostile, ask, tmp_path):
    blob = hostile.git("rev-parse", "HEAD:one")
    (hostile.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    hostile.git("config", "extensions.partialClone", "origin")
    hostile.git("config", "remote.origin.promisor", "true")
    hostile.git("config", "core.repositoryFormatVersion", "1")
    acquired = await ask(hostile.path, pull=False)
    async with acquired.repository.blobs() as blobs:
        assert await blobs.read([bytes.fromhex(blob)]) == [None]
    assert not (tmp_path / "sung").exists()


def test_the_canary_sings_where_git_is_run_plainly(hostile, tmp_path):
    subprocess.run(["git", "-C", hostile.path, "status"], capture_output=True, check=False)
    subprocess.run(["git", "-C", hostile.path, "fetch"], capture_output=True, check=False)
    assert "canary" in (tmp_path / "sung").read_text()
