"""Trees and blobs as git stores them, whatever their names and formats."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from gbrain.domain.tree import TreeEntry
from gbrain.git.process import GitError
from gbrain.git.repository import Repository

ODD = [
    b"a b.md",
    b'quo"te.md',
    b"back\\slash",
    b"tab\there",
    b"new\nline",
    b"\xf0\x9f\x8e\x89.md",
    b"latin-\xe4.txt",
    b"-dash",
    b"a.b",
    b"a/b",
    b"a-b",
    "Ünïcode/日本.md".encode(),
    b" lead",
]


async def entries(repository: Repository, tree: str) -> list[TreeEntry]:
    return [entry async for some in repository.list_tree(tree) for entry in some]


async def test_names_of_every_kind_come_as_bytes_in_byte_order(make_repo):
    repo = make_repo()
    repo.commit({name: name * 3 for name in ODD})
    found = await entries(Repository(place=repo.path), repo.git("rev-parse", "HEAD^{tree}"))
    assert [entry.path for entry in found] == sorted(ODD)
    assert [entry.size_bytes for entry in found] == [3 * len(name) for name in sorted(ODD)]
    assert {entry.mode for entry in found} == {0o100644}


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
async def test_modes_sizes_and_contents_are_told_in_both_object_formats(make_repo, object_format):
    repo = make_repo("repo", f"--object-format={object_format}")
    repo.commit({"file": "text", "tool": "#!"})
    (repo.path / "tool").chmod(0o755)
    (repo.path / "link").symlink_to("file")
    commit = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    repo.git("add", "link", "tool")
    repo.git("commit", "-qm", "modes")
    repository = Repository(place=repo.path)
    revision = await repository.revision("HEAD")
    found = {entry.path: entry for entry in await entries(repository, revision.tree)}
    assert {path: entry.mode for path, entry in found.items()} == {
        b"file": 0o100644,
        b"link": 0o120000,
        b"module": 0o160000,
        b"tool": 0o100755,
    }
    assert found[b"module"].size_bytes == -1
    assert found[b"module"].blob.hex() == commit
    async with repository.blobs() as blobs:
        assert await blobs.read([found[b"link"].blob, found[b"file"].blob]) == [b"file", b"text"]
        assert await blobs.sizes([found[b"tool"].blob]) == [2]


async def test_a_large_tree_streams_in_lists_and_can_be_left_early(make_repo, leaves_no_children):
    repo = make_repo()
    files = "".join(f"M 644 inline d{i % 50}/f{i}\ndata 1\nx\n" for i in range(12_000))
    repo.git("fast-import", "--quiet", fed=f"commit refs/heads/main\ncommitter A <a> 1 +0000\ndata 0\n{files}".encode())
    repository = Repository(place=repo.path)
    tree = repo.git("rev-parse", "main^{tree}")
    lengths = [len(some) async for some in repository.list_tree(tree)]
    assert lengths == [5_000, 5_000, 2_000]
    async with contextlib.aclosing(repository.list_tree(tree)) as lists:
        async for some in lists:
            assert len(some) == 5_000
            break


async def test_a_diff_tells_what_is_added_changed_removed_and_of_another_type(make_repo):
    repo = make_repo()
    repo.commit({"keep": "1", "edit": "1", "old\tname": "moved text", "type": "t", "dir": "file"})
    before = repo.git("rev-parse", "HEAD^{tree}")
    (repo.path / "type").unlink()
    (repo.path / "type").symlink_to("keep")
    (repo.path / "old\tname").rename(repo.path / "new name")
    (repo.path / "dir").unlink()
    repo.commit({"edit": "2", "dir/file": "now a folder"})
    after = repo.git("rev-parse", "HEAD^{tree}")
    repository = Repository(place=repo.path)
    changes = {change.path: change.after async for some in repository.diff_trees(before, after) for change in some}
    now = {entry.path: entry._replace(size_bytes=-1) for entry in await entries(repository, after)}
    assert changes == {
        b"edit": now[b"edit"],
        b"type": now[b"type"],
        b"new name": now[b"new name"],
        b"old\tname": None,
        b"dir": None,
        b"dir/file": now[b"dir/file"],
    }


async def test_a_submodule_is_not_hidden_from_a_diff_by_configuration(make_repo):
    repo = make_repo()
    commit = repo.commit({".gitmodules": '[submodule "m"]\n\tpath = m\n\turl = x\n\tignore = all\n'})
    before = repo.git("rev-parse", "HEAD^{tree}")
    repo.git("config", "submodule.m.ignore", "all")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},m")
    repo.git("commit", "-qm", "m")
    changes = Repository(place=repo.path).diff_trees(before, repo.git("rev-parse", "HEAD^{tree}"))
    assert [change.path async for some in changes for change in some] == [b"m"]


async def test_a_tree_that_is_missing_is_an_error_with_gits_words(make_repo, leaves_no_children):
    repo = make_repo()
    repo.commit({"a": "1"})
    repository = Repository(place=repo.path)
    assert await repository.has_tree(repo.git("rev-parse", "HEAD^{tree}"))
    assert not await repository.has_tree("0" * 39 + "1")
    with pytest.raises(GitError, match="not a tree object"):
        await entries(repository, "0" * 39 + "1")


async def test_a_forged_tree_with_entries_out_of_order_is_refused(make_repo):
    repo = make_repo()
    blob = repo.git("hash-object", "-w", "--stdin", fed=b"x")
    raw = b"".join(b"100644 %s\0%s" % (name, bytes.fromhex(blob)) for name in (b"b", b"a"))
    tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", fed=raw)
    with pytest.raises(GitError, match="out of order"):
        await entries(Repository(place=repo.path), tree)


@pytest.mark.parametrize("word", ["--all", "HEAD", "", "A" * 40])
async def test_only_ids_of_objects_are_taken_for_trees(make_repo, word):
    with pytest.raises(ValueError, match="not the id"):
        await Repository(place=make_repo().path).has_tree(word)


async def test_a_revision_has_its_tree_and_instant_and_a_missing_one_is_none(make_repo, monkeypatch):
    repo = make_repo()
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0530")
    commit = repo.commit({"a": "1"})
    repository = Repository(place=repo.path)
    revision = await repository.revision(commit)
    assert revision.commit == commit
    assert revision.tree == repo.git("rev-parse", "HEAD^{tree}")
    assert revision.committed_at.isoformat() == "2023-11-14T22:13:20+00:00"
    assert await repository.revision("1" * 40) is None
    assert await repository.revisions(["2" * 40, commit]) == [None, revision]


async def test_thousands_of_blobs_and_large_ones_come_in_order_without_deadlock(make_repo):
    repo = make_repo()
    contents = [b"%d\n" % i * (i % 40) for i in range(5_000)] + [os.urandom(5 << 20), b"", b"last"]
    marks = b"".join(b"blob\nmark :%d\ndata %d\n%s\n" % (i + 1, len(c), c) for i, c in enumerate(contents))
    repo.git("fast-import", "--quiet", "--export-marks=marks", fed=marks)
    lines = [line.split() for line in (repo.path / "marks").read_text().splitlines()]
    ids = [bytes.fromhex(blob) for _, blob in sorted((int(mark[1:]), blob) for mark, blob in lines)]
    async with Repository(place=repo.path).blobs() as blobs:
        assert await blobs.read(ids) == contents
        assert await blobs.sizes(ids) == [len(content) for content in contents]


async def test_missing_objects_and_other_kinds_of_objects_are_none(make_repo):
    repo = make_repo()
    commit = bytes.fromhex(repo.commit({"a": "text"}))
    blob = bytes.fromhex(repo.git("rev-parse", "HEAD:a"))
    async with Repository(place=repo.path).blobs() as blobs:
        assert await blobs.read([bytes(20), blob, commit, blob]) == [None, b"text", None, b"text"]
        assert await blobs.sizes([bytes(20), blob, commit]) == [-1, 4, -1]
        assert await blobs.read([]) == []


async def test_a_damaged_blob_is_none_and_those_around_it_are_read(make_repo):
    repo = make_repo()
    repo.commit({str(i): f"text {i} " * 500 for i in range(6)})
    ids = [repo.git("rev-parse", f"HEAD:{i}") for i in range(6)]
    damaged = repo.path / ".git" / "objects" / ids[3][:2] / ids[3][2:]
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:30])
    async with Repository(place=repo.path).blobs() as blobs:
        found = await blobs.read([bytes.fromhex(blob) for blob in ids])
    assert found == [None if i == 3 else (f"text {i} " * 500).encode() for i in range(6)]


async def test_a_repository_that_vanished_is_an_error_and_not_a_list_of_missing_blobs(tmp_path):
    with pytest.raises(GitError, match="cannot change to"):
        async with Repository(place=tmp_path / "gone").blobs() as blobs:
            await blobs.read([bytes(20)] * 3)


async def test_objects_of_alternates_are_read_whatever_their_folders_name(make_repo):
    repo = make_repo('odd: "name"\\')
    repo.commit({"a": "text"})
    bare = make_repo("bare.git", "--bare")
    repository = Repository(place=bare.path, is_ours=True, alternates=(Path(repo.path, ".git", "objects"),))
    async with repository.blobs() as blobs:
        assert await blobs.read([bytes.fromhex(repo.git("rev-parse", "HEAD:a"))]) == [b"text"]


async def test_replaced_objects_are_read_as_they_were_committed(make_repo):
    repo = make_repo()
    repo.commit({"a": "true", "b": "false"})
    repo.git("replace", repo.git("rev-parse", "HEAD:a"), repo.git("rev-parse", "HEAD:b"))
    async with Repository(place=repo.path).blobs() as blobs:
        assert await blobs.read([bytes.fromhex(repo.git("rev-parse", "HEAD:a"))]) == [b"true"]
