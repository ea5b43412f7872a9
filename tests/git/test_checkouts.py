"""Path sources: what is read of a checkout, and what becomes of its upstream's news."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gbrain.git import process
from gbrain.git.acquired import Acquired, Fetched, FetchProblem, NoRemote, NotAsked
from gbrain.git.problems import Problem


async def paths_of(acquired: Acquired) -> list[bytes]:
    return [entry.path async for some in acquired.repository.list_tree(acquired.revision.tree) for entry in some]


@pytest.fixture
def upstream(make_repo):
    repo = make_repo("upstream")
    repo.commit({"one": "1"})
    return repo


@pytest.fixture
def children(monkeypatch):
    """The subcommands of every git child, as they are started."""
    started: list[str] = []
    start = process._start

    async def counted(arguments, **options):
        started.append(process._subcommand(arguments[1:]))
        return await start(arguments, **options)

    monkeypatch.setattr(process, "_start", counted)
    return started


@pytest.mark.parametrize("options", [(), ("--bare",)])
async def test_a_checkout_and_a_bare_repository_without_a_remote_are_read_at_head(upstream, ask, options):
    repo = upstream.clone("copy", *options)
    repo.git("remote", "remove", "origin")
    acquired = await ask(repo.path)
    assert acquired.fetch == NoRemote()
    assert acquired.revision.commit == upstream.git("rev-parse", "HEAD")
    assert await paths_of(acquired) == [b"one"]


async def test_an_unchanged_checkout_without_a_remote_costs_one_child(upstream, ask, children):
    await ask(upstream.path)
    children.clear()
    await ask(upstream.path)
    assert children == ["for-each-ref"]


async def test_folders_inside_worktrees_and_repositories_lead_to_their_repository(upstream, ask):
    upstream.commit({"deep/er/file": "x"})
    upstream.git("worktree", "add", "-q", "-b", "other", "../tree")
    for place in (upstream.path / "deep" / "er", upstream.path.parent / "tree"):
        acquired = await ask(place)
        assert await paths_of(acquired) == [b"deep/er/file", b"one"]


async def test_a_detached_head_is_read_where_it_stands(upstream, ask):
    first = upstream.git("rev-parse", "HEAD")
    upstream.commit({"two": "2"})
    upstream.git("checkout", "-q", "--detach", first)
    acquired = await ask(upstream.path)
    assert (acquired.revision.commit, acquired.fetch) == (first, NoRemote())


async def test_a_broken_branch_beside_the_current_one_is_in_nobodys_way(upstream, ask):
    checkout = upstream.clone("copy")
    (checkout.path / ".git" / "refs" / "heads" / "broken").write_text("1" * 40 + "\n")
    news = upstream.commit({"two": "2"})
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (news, Fetched())


async def test_the_working_tree_and_index_are_not_what_is_read(upstream, ask):
    (upstream.path / "one").write_text("edited")
    (upstream.path / "staged").write_text("staged")
    upstream.git("add", "staged")
    assert await paths_of(await ask(upstream.path)) == [b"one"]


async def test_a_repository_with_no_commit_is_told_how_to_make_one(make_repo, ask):
    repo = make_repo()
    problem = await ask(repo.path)
    assert problem.code == "no_commit"
    assert problem.hint == f"make the first: git -C {repo.path} add -A && git -C {repo.path} commit -m 'First commit'"


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("missing", "path_missing", "mounted"),
        ("empty", "path_missing", "mounted"),
        ("plain", "not_a_repository", "git -C"),
        ("file", "not_a_repository", "folder"),
    ],
)
async def test_a_path_that_is_no_repository_is_a_problem_with_the_right_advice(tmp_path, ask, name, code, word):
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "note.md").write_text("x")
    (tmp_path / "file").write_text("x")
    problem = await ask(tmp_path / name)
    assert isinstance(problem, Problem)
    assert problem.code == code
    assert word in problem.hint


async def test_an_empty_folder_inside_a_repository_is_a_disk_that_is_not_mounted(upstream, ask):
    (upstream.path / "mount").mkdir()
    assert (await ask(upstream.path / "mount")).code == "path_missing"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
async def test_a_strangers_repository_is_refused_with_gits_own_advice(upstream, ask, home):
    for place in (upstream.path, *upstream.path.rglob("*")):
        os.chown(place, 12345, 12345)
    problem = await ask(upstream.path)
    assert problem.code == "not_a_repository"
    assert f"git config --global --add safe.directory {upstream.path}" in problem.hint
    with (home / ".gitconfig").open("a") as file:
        file.write(f"[safe]\n\tdirectory = {upstream.path}\n")
    assert isinstance(await ask(upstream.path), Acquired)


async def test_news_of_the_upstream_are_read_without_touching_the_checkout(upstream, ask):
    checkout = upstream.clone("copy", "--no-hardlinks")
    before = snapshot(checkout.path)
    news = upstream.commit({"two": "2"})
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (news, Fetched())
    assert await paths_of(acquired) == [b"one", b"two"]
    assert snapshot(checkout.path) == before


def snapshot(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {p: (p.lstat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


async def test_without_asking_the_upstream_stays_where_it_was_last_fetched(upstream, ask):
    checkout = upstream.clone("copy")
    fetched = upstream.commit({"two": "2"})
    await ask(checkout.path)
    upstream.commit({"three": "3"})
    acquired = await ask(checkout.path, pull=False)
    assert (acquired.revision.commit, acquired.fetch) == (fetched, NotAsked())


async def test_a_fetch_that_fails_leaves_the_upstream_where_it_was_last_fetched(upstream, ask):
    checkout = upstream.clone("copy")
    fetched = upstream.commit({"two": "2"})
    await ask(checkout.path)
    upstream.path.rename(upstream.path.with_name("moved"))
    acquired = await ask(checkout.path)
    assert acquired.revision.commit == fetched
    assert acquired.fetch.problem.code == "remote_gone"


async def test_commits_of_the_checkout_ahead_of_or_beside_its_upstream_are_wanted(upstream, ask):
    checkout = upstream.clone("copy")
    ahead = checkout.commit({"mine": "m"})
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (ahead, Fetched())
    upstream.commit({"theirs": "t"})
    acquired = await ask(checkout.path)
    assert acquired.revision.commit == ahead
    assert await paths_of(acquired) == [b"mine", b"one"]


async def test_a_forced_push_that_drops_head_leaves_head_wanted(upstream, ask):
    upstream.commit({"two": "2"})
    checkout = upstream.clone("copy")
    head = checkout.git("rev-parse", "HEAD")
    upstream.git("reset", "-q", "--hard", "HEAD~")
    upstream.commit({"other": "o"})
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (head, Fetched())


@pytest.mark.parametrize(
    "options", [("--no-local", "--depth=1"), ("--no-local", "--filter=blob:none", "--no-checkout")]
)
async def test_a_shallow_or_partial_checkout_is_read_through_a_whole_mirror(upstream, ask, options):
    upstream.commit({"two": "2"})
    upstream.git("config", "uploadpack.allowFilter", "true")
    checkout = upstream.clone("copy", *options)
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (upstream.git("rev-parse", "HEAD"), Fetched())
    news = upstream.commit({"three": "3"})
    acquired = await ask(checkout.path)
    assert acquired.revision.commit == news
    shutil.rmtree(checkout.path / ".git" / "objects" / "pack")
    entries = [entry async for some in acquired.repository.list_tree(acquired.revision.tree) for entry in some]
    async with acquired.repository.blobs() as blobs:
        assert await blobs.read([entry.blob for entry in entries]) == [b"1", b"3", b"2"]


async def test_local_commits_on_a_shallow_checkout_are_read(upstream, ask):
    upstream.commit({"two": "2"})
    checkout = upstream.clone("copy", "--no-local", "--depth=1")
    ahead = checkout.commit({"mine": "m"})
    upstream.git("checkout", "-q", "--orphan", "anew")
    upstream.git("branch", "-D", "main")
    upstream.commit({"anew": "x"})
    upstream.git("branch", "-m", "main")
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (ahead, Fetched())
    assert await paths_of(acquired) == [b"mine", b"one", b"two"]


async def test_another_branch_of_the_checkout_never_gets_the_news_of_the_first(upstream, ask):
    upstream.git("branch", "dev")
    checkout = upstream.clone("copy")
    main = upstream.commit({"main": "m"})
    assert (await ask(checkout.path)).revision.commit == main
    checkout.git("checkout", "-q", "-b", "dev", "origin/dev")
    acquired = await ask(checkout.path, pull=False)
    assert acquired.revision.commit == checkout.git("rev-parse", "HEAD") != main


async def test_an_upstream_named_by_a_relative_path_is_found_from_the_checkout(upstream, ask):
    checkout = upstream.clone("copy")
    checkout.git("config", "remote.origin.url", "../upstream")
    (checkout.path / "sub").mkdir()
    (checkout.path / "sub" / "file").write_text("x")
    news = upstream.commit({"two": "2"})
    for place in (checkout.path, checkout.path / "sub"):
        acquired = await ask(place)
        assert (acquired.revision.commit, acquired.fetch) == (news, Fetched())


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("ext::sh -c 'touch canary'", "transport"),
        ("https://me:secret@example.org/x", "credentials"),
        ("-ucanary", "begin"),
    ],
)
async def test_an_upstream_that_could_not_be_added_is_not_fetched_from(upstream, ask, url, word):
    checkout = upstream.clone("copy")
    checkout.git("config", "remote.origin.url", url)
    acquired = await ask(checkout.path)
    assert acquired.revision.commit == checkout.git("rev-parse", "HEAD")
    assert isinstance(acquired.fetch, FetchProblem)
    assert acquired.fetch.problem.code == "fetch_failed"
    assert word in acquired.fetch.problem.message
    assert "secret" not in repr(acquired)


async def test_an_upstream_whose_branch_is_gone_is_said_and_head_is_read(upstream, ask):
    checkout = upstream.clone("copy")
    upstream.git("branch", "-m", "main", "trunk")
    acquired = await ask(checkout.path)
    assert acquired.revision.commit == checkout.git("rev-parse", "HEAD")
    assert acquired.fetch.problem.code == "branch_gone"


async def test_a_checkout_in_sha256_gets_its_upstreams_news(make_repo, ask):
    upstream = make_repo("upstream", "--object-format=sha256")
    upstream.commit({"one": "1"})
    checkout = upstream.clone("copy")
    news = upstream.commit({"two": "2"})
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (news, Fetched())


async def test_a_mirror_survives_that_the_checkout_it_borrows_from_was_cloned_anew(upstream, ask):
    upstream.commit({"two": "2"})
    checkout = upstream.clone("copy")
    await ask(checkout.path)
    shutil.rmtree(checkout.path)
    upstream.git("checkout", "-q", "--orphan", "anew")
    upstream.git("branch", "-D", "main")
    upstream.git("branch", "-m", "main")
    upstream.commit({"anew": "x"})
    upstream.clone("copy", "--no-local")
    news = upstream.commit({"newer": "x"})
    acquired = await ask(checkout.path)
    assert (acquired.revision.commit, acquired.fetch) == (news, Fetched())
    assert b"newer" in await paths_of(acquired)


async def test_a_branch_by_name_is_read_instead_of_the_current_one(upstream, ask):
    first = upstream.git("rev-parse", "HEAD")
    upstream.git("branch", "feature/a")
    upstream.commit({"two": "2"})
    assert (await ask(upstream.path, branch="feature/a")).revision.commit == first
    assert (await ask(upstream.path, branch="feature")).code == "branch_gone"
