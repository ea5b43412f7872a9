"""URL sources: mirrors, and remotes that move, vanish, hang and die."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gbrain.git.acquired import Acquired, Fetched, FetchProblem, NotAsked
from gbrain.git.mirror import mirror_of
from gbrain.git.problems import Problem

SYNC = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from gbrain.domain.locations import UrlLocation
from gbrain.git.acquire import acquire
url, mirrors, source_id, times = sys.argv[1:]
async def main():
    for _ in range(int(times)):
        acquired = await acquire(UrlLocation(url=url), source_id=source_id, mirrors=Path(mirrors), pull=True,
            branch=None, fetch_stall=timedelta(seconds=30), allow_private_hosts=True, report=lambda progress: None)
        print(acquired.revision.commit, type(acquired.fetch).__name__)
asyncio.run(main())
"""


@pytest.fixture
def origin(make_repo):
    repo = make_repo("origin")
    repo.commit({"one": "1"})
    return repo


@pytest.fixture
def big(make_repo):
    """A repository of a megabyte that does not compress."""
    repo = make_repo("big")
    repo.commit({b"%d" % i: os.urandom(50_000) for i in range(20)})
    return repo


def sync(url: str, mirrors: Path, source_id: str, times: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", SYNC, url, str(mirrors), source_id, str(times)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


async def until(condition, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.01)


async def test_a_remote_is_mirrored_and_its_news_follow(origin, ask):
    url = f"file://{origin.path}"
    assert (await ask(url)).revision.commit == origin.git("rev-parse", "HEAD")
    news = origin.commit({"two": "2"})
    acquired = await ask(url)
    assert (acquired.revision.commit, acquired.fetch) == (news, Fetched())
    assert [e.path async for some in acquired.repository.list_tree(acquired.revision.tree) for e in some] == [
        b"one",
        b"two",
    ]


async def test_without_asking_the_last_fetched_is_read_and_nothing_is_no_commit(origin, ask):
    url = str(origin.path)
    assert (await ask(url, pull=False)).code == "no_commit"
    fetched = (await ask(url)).revision
    origin.commit({"two": "2"})
    acquired = await ask(url, pull=False)
    assert (acquired.revision, acquired.fetch) == (fetched, NotAsked())


async def test_the_remotes_head_is_followed_when_it_is_renamed(origin, ask):
    origin.git("branch", "-m", "main", "master")
    await ask(str(origin.path))
    origin.git("checkout", "-q", "-b", "main")
    news = origin.commit({"two": "2"})
    assert (await ask(str(origin.path))).revision.commit == news
    assert (await ask(str(origin.path), branch="master")).revision.commit == origin.git("rev-parse", "master")


async def test_a_forced_push_and_a_replaced_repository_are_followed(origin, make_repo, ask):
    url = str(origin.path)
    origin.commit({"two": "2"})
    await ask(url)
    origin.git("reset", "-q", "--hard", "HEAD~")
    forced = origin.commit({"other": "o"})
    assert (await ask(url)).revision.commit == forced
    shutil.rmtree(origin.path)
    unrelated = make_repo("origin").commit({"unrelated": "u"})
    acquired = await ask(url)
    assert (acquired.revision.commit, acquired.fetch) == (unrelated, Fetched())


async def test_a_remote_replaced_by_one_in_another_object_format_is_followed(origin, make_repo, ask):
    url = str(origin.path)
    await ask(url)
    shutil.rmtree(origin.path)
    commit = make_repo("origin", "--object-format=sha256").commit({"one": "1"})
    acquired = await ask(url)
    assert len(commit) == 64
    assert (acquired.revision.commit, acquired.fetch) == (commit, Fetched())
    assert isinstance((await ask(url)).fetch, Fetched)


async def test_an_empty_remote_has_no_commit_and_a_missing_one_is_gone(make_repo, ask, tmp_path):
    assert (await ask(str(make_repo().path))).code == "no_commit"
    assert (await ask(str(tmp_path / "nowhere"))).code == "remote_gone"


async def test_a_branch_that_is_gone_is_said_and_the_last_fetched_is_read(origin, ask):
    origin.git("branch", "dev")
    fetched = (await ask(str(origin.path), branch="dev")).revision
    origin.git("branch", "-D", "dev")
    acquired = await ask(str(origin.path), branch="dev")
    assert acquired.revision == fetched
    assert acquired.fetch.problem.code == "branch_gone"
    assert (await ask(str(origin.path), branch="never")).code == "branch_gone"


async def test_sources_of_one_remote_share_a_mirror_and_keep_their_own_branches(origin, ask):
    origin.git("branch", "dev")
    main = origin.commit({"two": "2"})
    found = await asyncio.gather(
        *(ask(str(origin.path), source_id=f"s{i}", branch="dev" if i % 2 else None) for i in range(8))
    )
    assert {a.revision.commit for a in found[::2]} == {main}
    assert {a.revision.commit for a in found[1::2]} == {origin.git("rev-parse", "dev")}
    assert len({a.repository.place for a in found}) == 1


async def test_many_fetches_do_not_leave_many_packs(origin, ask):
    for i in range(55):
        origin.commit({"one": str(i)})
        acquired = await ask(str(origin.path))
    assert acquired.revision.commit == origin.git("rev-parse", "HEAD")
    assert len(list(acquired.repository.place.glob("objects/pack/*.pack"))) <= 10


async def test_two_processes_share_one_mirror(origin, ask, tmp_path):
    url = f"file://{origin.path}"
    running = [sync(url, ask.mirrors, source_id, 5) for source_id in ("one", "two")]
    for process in running:
        output, _ = process.communicate(timeout=30)
        assert output.splitlines() == [f"{origin.git('rev-parse', 'HEAD')} Fetched"] * 5


async def test_a_hung_remote_is_given_up_after_the_stall_time(remote, ask, leaves_no_children):
    started = time.monotonic()
    problem = await ask(remote.url("/origin"), stall=1.0)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.message) == ("fetch_timeout", "no data from the remote for 1 s")
    assert time.monotonic() - started < 4


async def test_a_remote_that_stops_in_the_middle_of_a_pack_is_given_up(big, remote, play, ask, leaves_no_children):
    remote.handler = play(big.path.parent, stop_after=300_000)
    assert (await ask(remote.url("/big"), stall=1.0)).code == "fetch_timeout"
    remote.handler = play(big.path.parent)
    assert isinstance((await ask(remote.url("/big"))).fetch, Fetched)


async def test_a_slow_remote_that_moves_is_not_given_up(big, remote, play, ask):
    remote.handler = play(big.path.parent, pause_s=0.003)
    started = time.monotonic()
    acquired = await ask(remote.url("/big"), stall=0.8)
    assert isinstance(acquired, Acquired)
    assert time.monotonic() - started > 2.0
    assert any(p.phase == "Receiving objects" and p.total == 22 for p in ask.reports)


async def test_a_remote_that_dies_in_the_middle_is_a_failed_fetch(big, remote, play, ask):
    remote.handler = play(big.path.parent, stop_after=300_000, then="die")
    assert (await ask(remote.url("/big"))).code == "fetch_failed"


async def test_a_remote_that_refuses_the_connection_is_a_failed_fetch(ask, origin):
    problem = await ask("git://127.0.0.1:1/origin")
    assert (problem.code, "Connection refused" in problem.message) == ("fetch_failed", True)


async def test_a_cancelled_fetch_leaves_no_child_and_no_held_lock(origin, remote, play, ask, leaves_no_children):
    task = asyncio.create_task(ask(remote.url("/origin"), stall=60))
    await until(lambda: remote.connections == 1)
    waiting = asyncio.create_task(ask(remote.url("/origin"), source_id="other"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: remote.connections == 2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    remote.handler = play(origin.path.parent)
    assert isinstance(await ask(remote.url("/origin")), Acquired)


async def test_a_task_that_waits_for_the_mirror_can_be_cancelled(remote, ask):
    first = asyncio.create_task(ask(remote.url("/origin")))
    await until(lambda: remote.connections == 1)
    waiting = asyncio.create_task(ask(remote.url("/origin"), source_id="other"))
    await asyncio.sleep(0)
    for task in (waiting, first):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert remote.connections == 1


async def test_a_process_killed_in_the_middle_of_a_fetch_blocks_nobody(big, remote, play, ask):
    remote.handler = play(big.path.parent, stop_after=300_000)
    url = remote.url("/big")
    running = sync(url, ask.mirrors, "wiki", 1)
    folder = mirror_of(ask.mirrors, url).folder
    await until(lambda: list(folder.glob("objects/pack/tmp_pack_*")))
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert running.stdout is not None
    running.stdout.close()
    remote.handler = play(big.path.parent)
    acquired = await ask(url)
    assert (acquired.revision.commit, acquired.fetch) == (big.git("rev-parse", "HEAD"), Fetched())
    assert list(folder.glob("objects/pack/tmp_*")) == []


async def test_locks_that_a_killed_fetch_left_are_removed(origin, ask):
    url = str(origin.path)
    place = (await ask(url)).repository.place
    ref = next(p for p in (place / "refs" / "gbrain").rglob("*") if p.is_file())
    for lock in ("shallow.lock", "packed-refs.lock", "config.lock", str(ref.relative_to(place)) + ".lock"):
        (place / lock).write_text("")
    news = origin.commit({"two": "2"})
    acquired = await ask(url)
    assert (acquired.revision.commit, acquired.fetch) == (news, Fetched())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: (place / "HEAD").unlink(),
        lambda place: (place / "HEAD").write_text(""),
        lambda place: shutil.rmtree(place / "objects"),
        lambda place: (place / "config").write_text("[core"),
        lambda place: [p.write_bytes(b"") for p in place.glob("objects/pack/*.idx")],
        lambda place: [p.unlink() for p in place.glob("objects/pack/*")],
        lambda place: [p.write_text("") for p in (place / "refs/gbrain").rglob("*") if p.is_file()],
        lambda place: [p.write_text("1" * 40) for p in (place / "refs/gbrain").rglob("*") if p.is_file()],
    ],
    ids=["no HEAD", "empty HEAD", "no objects", "config", "pack index", "no packs", "empty ref", "ref to nothing"],
)
async def test_a_damaged_mirror_is_made_anew(origin, ask, spoil):
    url = str(origin.path)
    place = (await ask(url)).repository.place
    for path in place.rglob("*"):
        path.chmod(0o700)
    spoil(place)
    acquired = await ask(url)
    assert (acquired.revision.commit, acquired.fetch) == (origin.git("rev-parse", "HEAD"), Fetched())
    assert [e.path async for some in acquired.repository.list_tree(acquired.revision.tree) for e in some] == [b"one"]
    assert sorted(p.name for p in ask.mirrors.iterdir()) == [
        place.with_suffix(".git").name,
        place.with_suffix(".lock").name,
    ]


async def test_leavings_of_a_killed_init_are_in_nobodys_way(origin, ask):
    folder = mirror_of(ask.mirrors, str(origin.path)).folder
    for suffix in (".init", ".fresh", ".old", ".git"):
        (folder.with_suffix(suffix) / "objects").mkdir(parents=True)
    assert isinstance((await ask(str(origin.path))).fetch, Fetched)


async def test_a_mirror_that_is_damaged_where_no_fetch_looks_is_made_anew_where_that_is_asked_for(origin, ask):
    acquired = await ask(str(origin.path))
    damaged = origin.git("ls-tree", "-r", "HEAD").split()[2]
    for path in (acquired.repository.place / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    again = await ask(str(origin.path), anew=True)
    async with again.repository.blobs() as blobs:
        assert await blobs.read([bytes.fromhex(damaged)]) != [None]


async def test_a_mirror_is_kept_where_making_it_anew_fails(origin, ask):
    acquired = await ask(str(origin.path))
    origin.path.rename(origin.path.with_suffix(".away"))
    again = await ask(str(origin.path), anew=True)
    assert (type(again.fetch), again.revision) == (FetchProblem, acquired.revision)


async def test_loopback_and_private_hosts_are_refused_unless_allowed(remote, ask):
    for url in (remote.url("/x"), f"git://localhost:{remote.port}/x", "https://127.0.0.1/x", "https://2130706433/x"):
        problem = await ask(url, allow_private_hosts=False)
        assert (problem.code, "allow_private_hosts" in problem.hint) == ("fetch_failed", True)
    assert remote.connections == 0


async def test_the_host_after_insteadof_is_the_one_that_is_checked(remote, ask, home):
    with (home / ".gitconfig").open("a") as file:
        file.write(f'[url "{remote.url("/")}"]\n\tinsteadOf = https://example.org/\n')
    problem = await ask("https://example.org/x", allow_private_hosts=False)
    assert (problem.code, "127.0.0.1" in problem.message) == ("fetch_failed", True)
    assert remote.connections == 0


async def test_a_fetch_problem_beside_an_older_revision_is_told_with_it(origin, ask):
    fetched = (await ask(str(origin.path))).revision
    origin.path.rename(origin.path.with_name("moved"))
    acquired = await ask(str(origin.path))
    assert acquired.revision == fetched
    assert isinstance(acquired.fetch, FetchProblem)
    assert acquired.fetch.problem.code == "remote_gone"
