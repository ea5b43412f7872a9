"""Remotes that lie or hang: the fetch ends in time, says what it was, and leaves the mirror as it had been.

With GBRAIN_TORTURE=1 in the environment the floods go on until the real bound on memory stops them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest

from gbrain.git import fetch
from gbrain.git.acquire import Acquired, Fetched, FetchProblem
from gbrain.git.problems import Problem
from support import lying
from support.commands import BrainCommand
from support.documents import checked
from support.inside import Inside
from support.lying import (
    DELIMITER,
    FLUSH,
    Alteration,
    Words,
    altered_daemon,
    git_remote,
    http_remote,
    packfile,
    pkt,
    refs,
    send_head,
    told,
)

pytestmark = pytest.mark.usefixtures("leaves_no_children")

TORTURE = os.environ.get("GBRAIN_TORTURE") == "1"
SOON_S = 30.0
"""Far more than a fetch that ends by itself takes, and less than it takes to hang."""
NOBODY = "1" * 40
ESCAPE = "\x1b[31m\x07"

Spoil = Callable[[bytes], bytes]


@pytest.fixture
def origin(make_repo):
    repo = make_repo("origin")
    repo.commit({"zero.md": "# Zero\n\nOlder text.\n"})
    return repo


def words(repo, *, spoil: Spoil = bytes, without: Iterable[str] = (), also: Iterable[str] = (), **told: lying.Parts):
    """What an honest remote of the repository says, but for what is asked for."""
    head = repo.git("rev-parse", "HEAD")
    names = [line.split()[0] for line in repo.git("rev-list", "--objects", "HEAD").splitlines()]
    listed = "\n".join([*(name for name in names if name not in set(without)), *also])
    command = ["git", "-C", repo.path, "pack-objects", "--stdout", "-q"]
    pack = subprocess.run(command, input=listed.encode() + b"\n", capture_output=True, check=True).stdout
    honest = {"refs": refs(f"{head} HEAD symref-target:refs/heads/main", f"{head} refs/heads/main")}
    return Words(**(honest | {"pack": packfile(spoil(pack))} | told))


def flipped(where: float) -> Spoil:
    """Flips the byte there: 0.5 is the middle, 1 the last."""

    def spoil(pack: bytes) -> bytes:
        at = min(int(len(pack) * where), len(pack) - 1)
        return pack[:at] + bytes([pack[at] ^ 0x20]) + pack[at + 1 :]

    return spoil


def says(*parts: bytes) -> lying.Parts:
    return lambda: parts


def tree_of(repo) -> str:
    return repo.git("rev-parse", "HEAD^{tree}")


def cut_off(repo) -> list[bytes]:
    """Says that the history begins with a commit that the mirror has."""
    return [pkt("shallow-info\n"), pkt(f"shallow {repo.git('rev-parse', 'HEAD~')}\n"), DELIMITER]


def junk(repo) -> str:
    """A blob that no other attempt has sent."""
    return repo.git("hash-object", "-w", "--stdin", fed=os.urandom(50_000))


LIES = {
    "a byte in the middle": (lambda repo: words(repo, spoil=flipped(0.5)), "inflate"),
    "a byte of the sum": (lambda repo: words(repo, spoil=flipped(1)), "corrupt"),
    "a byte of the count": (lambda repo: words(repo, spoil=lambda p: p[:11] + b"\x7f" + p[12:]), ""),
    "a pack cut in two": (lambda repo: words(repo, spoil=lambda pack: pack[: len(pack) // 2]), "early EOF"),
    "no pack": (lambda repo: words(repo, spoil=lambda _: b""), "pack header"),
    "a page for a pack": (lambda repo: words(repo, spoil=lambda _: b"<html>" * 999), "pack header"),
    "no tree": (lambda repo: words(repo, without=[tree_of(repo)]), "tree"),
    "no blob": (lambda repo: words(repo, without=[repo.git("rev-parse", "HEAD:one.md")]), "missing blob"),
    "another blob": (
        lambda repo: words(repo, without=[repo.git("rev-parse", "HEAD:one.md")], also=[junk(repo)]),
        "missing blob",
    ),
    "no commit": (lambda repo: words(repo, without=[repo.git("rev-parse", "HEAD")]), "bad object"),
    "a commit of nobody": (lambda repo: words(repo, refs=refs(f"{NOBODY} HEAD")), "bad object"),
    "a refusal": (
        lambda repo: words(repo, pack=says(pkt(f"ERR not our ref {ESCAPE} https://me:secret@example.org/"))),
        "not our ref",
    ),
    "a full disk of its own": (
        lambda repo: words(repo, pack=says(pkt("packfile\n"), told("No space left on device\n"), FLUSH)),
        "pack header",
    ),
    "a full disk as its error": (lambda repo: words(repo, refs=says(pkt("ERR No space left on device"))), "No space"),
    "a broken mirror": (
        lambda repo: words(repo, refs=says(pkt(f"ERR bad object refs/heads/x{ESCAPE}"))),
        "bad object",
    ),
    "another format": (
        lambda repo: words(repo, refs=says(pkt("ERR mismatched algorithms: client x; server ../x"))),
        "mismatched",
    ),
    "garbage": (lambda repo: words(repo, refs=says(b"\0\xffzz garbage")), "bad line length"),
    "a line too long": (lambda repo: words(repo, refs=says(b"ffff" + b"x" * 65531)), "bad line length"),
    "a line too short": (lambda repo: words(repo, refs=says(b"0003")), "bad line length"),
    "half an id": (lambda repo: words(repo, refs=refs("12 HEAD")), "ls-refs"),
    "another protocol": (lambda repo: words(repo, hello=says(b"HTTP/1.1 200 OK\r\n\r\n")), "bad line length"),
    "a history cut off": (
        lambda repo: words(repo, pack=lambda: [*cut_off(repo), *words(repo, without=[tree_of(repo)]).pack()]),
        "tree",
    ),
    "a format for ids": (
        lambda repo: words(repo, hello=lying.hello("version 2", "ls-refs", "fetch", "object-format=../x")),
        "object format",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_a_failed_fetch_and_the_mirror_stays_as_it_was(origin, ask, lie):
    told_lie, message = LIES[lie]
    with git_remote() as remote:
        origin.commit({b"one.md": os.urandom(3000)})
        remote.words = told_lie(origin)
        problem = await ask(remote.url(), stall=SOON_S)
        assert_failed(problem, message)
        remote.words = words(origin)
        older = await fetched(ask, remote)
        origin.commit({b"one.md": os.urandom(3000)})
        remote.words = told_lie(origin)
        acquired = await ask(remote.url(), stall=SOON_S)
        assert acquired.revision == older
        assert_failed(acquired.fetch.problem, message)
        assert_whole(ask.mirrors, older.commit)
        remote.words = words(origin)
        assert (await fetched(ask, remote)).commit == origin.git("rev-parse", "HEAD")


async def test_names_of_refs_that_nobody_asked_for_are_nothing(origin, ask):
    names = [
        "refs/heads/../../x",
        "refs/heads/--upload-pack=x",
        "--upload-pack=x",
        f"refs/heads/{ESCAPE}",
        "../HEAD",
        "",
    ]
    lines = [f"{NOBODY} {name}" for name in names]
    with git_remote(words(origin, refs=refs(*lines))) as remote:
        problem = await ask(remote.url())
        assert (problem.code, "default branch" in problem.message) == ("no_commit", True)
        remote.words = words(origin, refs=refs(*lines, f"{origin.git('rev-parse', 'HEAD')} HEAD"))
        older = await fetched(ask, remote)
        assert_whole(ask.mirrors, older.commit)


@pytest.mark.parametrize("lie", ["another blob", "a byte in the middle", "no tree"])
async def test_disk_use_does_not_grow_with_each_attempt(origin, ask, lie):
    with git_remote(words(origin)) as remote:
        await fetched(ask, remote)
        used = []
        for _ in range(5):
            origin.commit({b"one.md": os.urandom(30_000)})
            remote.words = LIES[lie][0](origin)
            assert isinstance((await ask(remote.url())).fetch, FetchProblem)
            used.append(bytes_below(ask.mirrors))
        assert max(used) - min(used) < 10_000
        assert not [
            path.name for path in ask.mirrors.rglob("*") if path.name.startswith("tmp_") or ".keep" in path.name
        ]


@pytest.mark.parametrize(
    "alterations",
    [
        [Alteration(flip_at=at) for at in (2, 60, 300, 3_000, 50_000)],
        [Alteration(end_at=at) for at in (0, 3, 60, 300, 50_000)],
        [Alteration(end_at=at, reset=True) for at in (0, 3, 60, 300, 50_000)],
    ],
    ids=["flipped", "ended", "reset"],
)
async def test_a_connection_that_errs_or_ends_anywhere_leaves_the_mirror_whole(make_repo, ask, alterations):
    repo = make_repo("big")
    with altered_daemon(repo.path.parent) as remote:
        older = None
        for altered in alterations:
            news = repo.commit({b"one.md": os.urandom(100_000)})
            remote.words = altered
            acquired = await ask(remote.url("/big"), stall=SOON_S)
            problem = acquired if isinstance(acquired, Problem) else acquired.fetch
            if problem != Fetched():
                assert_failed(problem.problem if isinstance(problem, FetchProblem) else problem)
                assert_whole(ask.mirrors, older)
                remote.words = Alteration()
                older = (await fetched(ask, remote, "/big")).commit
            else:  # a letter of the remote's name, or of its progress
                assert altered.flip_at is not None
                older = acquired.revision.commit
            assert older == news
            assert_whole(ask.mirrors, older)


def chatter(remote) -> dict[str, Callable[[object], Words]]:
    """What a remote says without an end, now and then, by what it is."""
    counted = itertools.count()

    def after(*parts: bytes, then: Callable[[], bytes]) -> lying.Parts:
        return lambda: itertools.chain(parts, remote.endless(then, 0.15))

    def whole(repo) -> list[bytes]:
        return list(words(repo).pack())[:-1]

    begun = pkt("packfile\n")
    return {
        "keepalives": lambda repo: words(repo, pack=after(begun, then=lambda: pkt(b"\1"))),
        "words": lambda repo: words(repo, pack=after(begun, then=lambda: told("please wait\n"))),
        "counts": lambda repo: words(
            repo, pack=after(begun, then=lambda: told(f"Counting objects: {next(counted)}\r"))
        ),
        "steps": lambda repo: words(
            repo, pack=after(begun, then=lambda: told(f"Resolving deltas: 1% ({next(counted)}/99999)\r"))
        ),
        "refs": lambda repo: words(repo, refs=after(then=lambda: pkt(f"{NOBODY} refs/heads/{next(counted)}\n"))),
        "capabilities": lambda repo: words(
            repo, hello=after(pkt("version 2\n"), then=lambda: pkt(f"x={next(counted)}\n"))
        ),
        "bytes": lambda repo: words(
            repo, pack=lambda: itertools.chain([begun], dripping(remote, b"".join(p[5:] for p in whole(repo)[1:])))
        ),
        "keepalives at the end": lambda repo: words(repo, pack=after(*whole(repo), then=lambda: pkt(b"\1"))),
    }


def dripping(remote, pack: bytes) -> Iterable[bytes]:
    """The pack byte by byte."""
    for byte in pack:
        yield pkt(bytes([1, byte]))
        remote.stopped.wait(0.15)


async def test_a_remote_that_talks_without_sending_is_given_up_after_five_stall_times(make_repo, ask):
    repo = make_repo("origin")
    repo.commit({"zero.md": "0"})
    with contextlib.ExitStack() as stack:
        remotes = []
        for serve, names in ((git_remote, chatter(None)), (http_remote, ("keepalives", "refs", "bytes"))):
            remotes += [(stack.enter_context(serve(words(repo))), name) for name in names]
        older = [await fetched(ask, remote) for remote, _ in remotes[::2]]
        assert len({revision.commit for revision in older}) == 1
        repo.commit({b"one.md": os.urandom(3000)})
        for remote, name in remotes:
            remote.words = chatter(remote)[name](repo)
        started = time.monotonic()
        found = await asyncio.gather(*(ask(remote.url(), stall=0.6) for remote, _ in remotes))
        assert time.monotonic() - started < SOON_S
        messages = []
        for (_, name), acquired in zip(remotes, found, strict=True):
            problem = acquired.fetch.problem if isinstance(acquired, Acquired) else acquired
            assert (name, problem.code) == (name, "fetch_timeout")
            assert "fetch_stall" in problem.hint
            messages.append(problem.message)
        # One that a busy machine kept from its processor all the time has not moved at all.
        assert sum("sent next to nothing of its repository in 3 s" in each for each in messages) > len(messages) / 2
        assert [a.revision for a in found[::2]] == older
        assert_whole(ask.mirrors, older[0].commit)
        for remote, _ in remotes:
            remote.words = words(repo)
        again = [await fetched(ask, remote) for remote, _ in remotes]
        assert {revision.commit for revision in again} == {repo.git("rev-parse", "HEAD")}


async def test_a_remote_that_takes_its_time_and_then_sends_is_waited_for(make_repo, ask):
    repo = make_repo("origin")
    repo.commit({b"one.md": os.urandom(30_000)})
    with git_remote() as remote:
        slow = itertools.islice(remote.endless(lambda: told("Compressing objects: 1% (1/9)\r"), 0.2), 12)
        remote.words = words(
            repo, pack=lambda: itertools.chain([pkt("packfile\n")], slow, list(words(repo).pack())[1:])
        )
        assert (await fetched(ask, remote, stall=1.5)).commit == repo.git("rev-parse", "HEAD")


FLOODS = {
    "refs": lambda remote, counted: {
        "refs": lambda: remote.endless(
            lambda: b"".join(pkt(f"{NOBODY} refs/heads/{next(counted):060d}\n") for _ in range(1000)), 0
        )
    },
    "capabilities": lambda remote, counted: {
        "hello": lambda: itertools.chain(
            [pkt("version 2\n")], remote.endless(lambda: pkt(f"x={next(counted)}".ljust(60_000, "y")), 0)
        )
    },
}


@pytest.mark.parametrize("serve", [git_remote, http_remote])
@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_words_is_stopped_by_the_memory_it_takes(origin, ask, monkeypatch, flood, serve):
    most = fetch._MOST_HEARD_BYTES if TORTURE else 48 << 20
    monkeypatch.setattr(fetch, "_MOST_HEARD_BYTES", most)
    with serve(words(origin)) as remote:
        older = await fetched(ask, remote)
        remote.words = words(origin, **FLOODS[flood](remote, itertools.count()))
        acquired, peak = await with_peak(ask(remote.url(), stall=60 if TORTURE else 3.0))
        assert_failed(acquired.fetch.problem, f"more than {most >> 20} MB of memory")
        assert acquired.revision == older
        assert peak < most + (1 << 30)


async def test_a_small_answer_that_unpacks_without_an_end_is_stopped_too(origin, ask, monkeypatch):
    monkeypatch.setattr(fetch, "_MOST_HEARD_BYTES", 48 << 20)
    zipped = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        kind = "application/x-git-upload-pack-advertisement"
        send_head(request, 200, {"Content-Type": kind, "Content-Encoding": "gzip"})
        for part in remote.endless(lambda: zipped.compress(bytes(1 << 23)) + zipped.flush(zlib.Z_SYNC_FLUSH), 0.1):
            request.wfile.write(part)

    with http_remote(answer) as remote:
        assert_failed(await ask(remote.url(), stall=3.0), "more than 48 MB of memory")


def elsewhere(place: str, command: str, status: int, honest: Words):
    """Sends to another place when asked by this command."""

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        if request.command == command:
            send_head(request, status, {"Location": place, "Content-Length": "0"})
        else:
            lying.say(request, honest, body)

    return answer


def fixed(status: int, fields: dict[str, str], content: bytes = b""):
    """The same answer to everything."""

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        send_head(request, status, fields | {"Content-Length": str(len(content))})
        request.wfile.write(content)

    return answer


@pytest.mark.parametrize("command", ["GET", "POST"])
async def test_nobody_is_sent_elsewhere(origin, ask, command):
    honest = words(origin)
    with http_remote(honest) as other, http_remote(honest) as remote:
        older = await fetched(ask, remote)
        places = [
            other.url("/origin/info/refs"),
            f"file://{origin.path}/.git/info/refs",
            "https://192.0.2.1/x",
            "//[::1]/x",
        ]
        for place, status in itertools.product(places, (301, 307)):
            remote.words = elsewhere(place, command, status, honest)
            acquired = await ask(remote.url())
            assert_failed(acquired.fetch.problem, f"error: {status}")
            assert "not followed" in acquired.fetch.problem.hint
            assert acquired.revision == older
        assert other.requests == []


GIT = "application/x-git-upload-pack-advertisement"
ANSWERS = {
    "a page": (fixed(200, {"Content-Type": "text/html"}, b"<html>Log in</html>"), "no_commit"),
    "a page as git's": (fixed(200, {"Content-Type": GIT}, b"<html>Log in</html>"), "fetch_failed"),
    "a bad zip": (fixed(200, {"Content-Type": GIT, "Content-Encoding": "gzip"}, b"\x1f\x8bxx"), "fetch_failed"),
    "its own error": (fixed(500, {"Content-Type": "text/plain"}, b"\x1b[31m token=secret \xff"), "fetch_failed"),
    "no patience": (fixed(429, {"Retry-After": "9999"}), "fetch_failed"),
    "a login": (fixed(401, {"WWW-Authenticate": 'Basic realm="\x1b[31m"', "Set-Cookie": "a=b"}), "auth_failed"),
    "another login": (fixed(401, {"WWW-Authenticate": "Negotiate"}), "auth_failed"),
    "a login of no kind": (fixed(401, {}), "auth_failed"),
    "a proxy's login": (fixed(407, {"Proxy-Authenticate": "Basic realm=x"}), "fetch_failed"),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_host_that_answers_something_else_is_told(origin, ask, answer):
    with http_remote(words(origin)) as remote:
        older = await fetched(ask, remote)
        remote.requests.clear()
        remote.words, code = ANSWERS[answer]
        acquired = await ask(remote.url())
        assert_clean(acquired.fetch.problem)
        assert acquired.fetch.problem.code == code
        assert ("web page" in acquired.fetch.problem.hint) == (answer == "a page")
        assert acquired.revision == older
        assert len(remote.requests) <= 4
        assert_whole(ask.mirrors, older.commit)


def dumb(repo, *, without: str = "", **more: str):
    """Plays a host of plain files, without one of them, and with more of these contents."""

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        path = request.path.partition("?")[0].removeprefix("/origin/")
        content = more.get(path, "").encode()
        if path not in more and path != without and (repo.path / ".git" / path).is_file():
            content = (repo.path / ".git" / path).read_bytes()
        send_head(request, 200 if content else 404, {"Content-Type": "text/plain"})
        request.wfile.write(content)

    return answer


async def test_a_host_of_plain_files_is_read_and_sends_nobody_to_its_alternates(origin, make_repo, ask):
    secret = make_repo("secret")
    secret.commit({"secret.md": "Secret.\n"})
    blob = origin.git("rev-parse", "HEAD:zero.md")
    place = f"objects/{blob[:2]}/{blob[2:]}"
    origin.git("update-server-info")
    with http_remote(words(origin)) as other, http_remote() as remote:
        alternates = {
            "objects/info/http-alternates": f"{other.url('/origin/objects')}\n/origin/elsewhere\n",
            "objects/info/alternates": f"{origin.path}/.git/objects\n{secret.path}/.git/objects\n",
        }
        for _ in range(3):
            remote.words = dumb(origin, without=place, **alternates)
            assert_failed(await ask(remote.url()), "Unable to find")
            assert not list(ask.mirrors.rglob("objects/??/*"))
        remote.words = dumb(origin, **alternates)
        older = await fetched(ask, remote)
        assert_whole(ask.mirrors, older.commit)
        assert other.requests == []
        assert not list(ask.mirrors.rglob("*alternates"))


async def test_certificates_that_do_not_hold_are_told_and_one_that_does_is_taken(origin, ask, home, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificates, is not installed")
    good = lying.certificate(tmp_path / "good", "127.0.0.1")
    for made, message in (
        (good, "certificate"),
        (lying.certificate(tmp_path / "old", "127.0.0.1", days=-1), "certificate"),
        (lying.certificate(tmp_path / "wrong", "example.org"), "certificate"),
    ):
        with http_remote(words(origin), certificate=made) as remote:
            problem = await ask(remote.url())
            assert_failed(problem, message)
            assert remote.url("") in problem.message
            assert "http.sslCAInfo" in problem.hint
            if made != good:
                trust(home, made[0])
                assert_failed(await ask(remote.url()), message)
    trust(home, good[0])
    with http_remote(words(origin), certificate=good) as remote:
        await fetched(ask, remote)
        remote.words = fixed(302, {"Location": "http://127.0.0.1/"})
        assert "not followed" in (await ask(remote.url())).fetch.problem.hint


def trust(home: Path, certificate: Path) -> None:
    subprocess.run(
        ["git", "config", "--global", "http.sslCAInfo", certificate],
        check=True,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )


def test_a_lying_remote_keeps_its_old_pages_and_holds_up_no_other(brain: BrainCommand, inside: Inside, make_repo):
    brain.configure('allow_private_hosts = true\nfetch_stall = "1s"\n')
    good, other = make_repo("good"), make_repo("origin")
    for repo in (good, other):
        repo.commit({"zero.md": "# Zero\n\nOlder text.\n", "gone.md": "# Gone\n"})
    with contextlib.ExitStack() as stack:
        remotes = {
            "half": stack.enter_context(git_remote(words(other))),
            "talk": stack.enter_context(git_remote(words(other))),
            "page": stack.enter_context(http_remote(words(other))),
        }
        new = stack.enter_context(git_remote(words(other)))
        for name, remote in remotes.items():
            inside.run(brain, "sources", "add", name, "--url", remote.url())
        inside.run(brain, "sources", "add", "good", "--path", str(good.path))
        assert {row["status"] for row in inside.run(brain, "sync", "--all", "--json").sources().values()} == {"ok"}
        inside.run(brain, "sources", "add", "new", "--url", new.url())
        for repo in (good, other):
            (repo.path / "gone.md").unlink()
            repo.commit({"one.md": "# One\n\nNewer text.\n", "zero.md": "# Zero\n\nNewer text.\n"})
        remotes["half"].words = new.words = words(other, without=[other.git("rev-parse", "HEAD:one.md")])
        remotes["talk"].words = chatter(remotes["talk"])["keepalives"](other)
        remotes["page"].words = ANSWERS["a page as git's"][0]
        done = brain.run("sync", "--all", "--json", code=1)
        rows = {name: (row["status"], row["error_code"], row["added"]) for name, row in done.sources().items()}
        checked(done, "sync")
        assert rows == {
            "good": ("ok", None, 1),
            "half": ("partial", "fetch_failed", 0),
            "talk": ("partial", "fetch_timeout", 0),
            "page": ("partial", "fetch_failed", 0),
            "new": ("error", "fetch_failed", 0),
        }
        assert all(row["error"] and row["hint"] for name, row in done.sources().items() if name != "good")
        assert "Newer" in inside.run(brain, "show", "good:one").out
        for name in remotes:
            assert "Older" in inside.run(brain, "show", f"{name}:zero").out
            inside.run(brain, "show", f"{name}:one", code=4)
            inside.run(brain, "show", f"{name}:gone")
        status = inside.run(brain, "sources", "status", "--json").sources()
        assert {name: row["last_attempt_status"] for name, row in status.items()} == {
            n: s for n, (s, _, _) in rows.items()
        }
        assert not children_of(brain.home)
        for remote in (*remotes.values(), new):
            remote.words = words(other)
        inside.run(brain, "sync", "--all")
        assert "Newer" in inside.run(brain, "show", "half:one").out
        assert "as a fresh sync" in inside.run(brain, "sources", "verify", "--all").out


async def fetched(ask, remote, path: str = "/origin", stall: float = SOON_S):
    """The revision that a fetch brought."""
    acquired = await ask(remote.url(path), stall=stall)
    assert isinstance(acquired, Acquired), acquired
    assert acquired.fetch == Fetched()
    return acquired.revision


def assert_failed(problem, message: str = "") -> None:
    assert_clean(problem)
    assert problem.code == "fetch_failed"
    assert message in problem.message


def assert_clean(problem) -> None:
    """The problem is one line that can be shown, and says what to do."""
    assert isinstance(problem, Problem)
    assert problem.message.isprintable()
    assert "secret" not in problem.message
    assert problem.hint


def assert_whole(mirrors: Path, commit: str | None) -> None:
    """All refs of the mirrors are at this commit, none where it is None, and all that it needs is there."""
    for folder in mirrors.glob("*.git"):
        git = ["git", f"--git-dir={folder}"]
        listed = subprocess.run([*git, "for-each-ref", "--format=%(objectname)"], capture_output=True, check=True)
        assert set(listed.stdout.decode().split()) <= {commit}
        subprocess.run([*git, "rev-list", "--objects", "--quiet", "--all"], check=True, capture_output=True)
        subprocess.run([*git, "fsck", "--connectivity-only"], check=True, capture_output=True)
        assert not (folder / "shallow").exists()
    assert {path.suffix for path in mirrors.iterdir()} == {".git", ".lock"}


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def with_peak(asked):
    """What was awaited, and the most memory that one child took meanwhile, in bytes."""
    task, peak = asyncio.ensure_future(asked), 0
    while not task.done():
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                peak = max(peak, child.memory_info().rss)
        await asyncio.wait({task}, timeout=0.05)
    return task.result(), peak


def children_of(home: Path) -> list[list[str]]:
    """The command lines of all processes that work in a home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(home) in word for word in process.cmdline()):
                found.append(process.cmdline())
    return found
