"""Git children: their environment, their end, and what their words mean."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from gbrain.domain.redaction import redact
from gbrain.errors import CouldNotRun, DiskFull
from gbrain.git import settings, version
from gbrain.git.acquired import Acquired, Fetched
from gbrain.git.environment import FLAGS, environment, transport
from gbrain.git.failures import classify, is_broken
from gbrain.git.hosts import Admitted, admit
from gbrain.git.process import GitError, complaint, run
from gbrain.git.progress import FetchProgress, ProgressLines


@pytest.fixture
def fake_git(tmp_path, monkeypatch):
    """A `git` that a test writes."""

    def write(body: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "git").write_text(f"#!/bin/sh\n{body}\n")
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    monkeypatch.setattr(version, "_asked", [])
    return write


def test_nothing_of_the_callers_git_variables_is_inherited():
    env = environment(base={"GIT_DIR": "/x", "GIT_SSH_COMMAND": "x", "GIT_TRACE": "1", "HOME": "/h", "LANGUAGE": "de"})
    assert env["HOME"] == "/h"
    assert env["GIT_TERMINAL_PROMPT"] == "0"
    assert env["GIT_ALLOW_PROTOCOL"] == "https:ssh:git:file"
    assert (env["LC_ALL"], env["GIT_ASKPASS"], env["SSH_ASKPASS"]) == ("C", "", "")
    assert not {"GIT_DIR", "GIT_SSH_COMMAND", "GIT_TRACE", "LANGUAGE"} & set(env)


def test_plain_http_and_our_ssh_are_there_only_where_they_belong():
    env = environment(base={})
    assert transport(env, allow_http=True, has_own_ssh=True)["GIT_ALLOW_PROTOCOL"].endswith(":http")
    assert "GIT_SSH_COMMAND" not in transport(env, allow_http=False, has_own_ssh=True)
    assert "BatchMode=yes" in transport(env, allow_http=False, has_own_ssh=False)["GIT_SSH_COMMAND"]


async def test_every_child_has_the_flags_a_session_of_its_own_and_no_input(fake_git):
    fake_git('echo "$@"; ps -o sid= -p $$; echo $$; cat | wc -c; pwd')
    completed = await run(["any"], env=environment())
    words, session, pid, size, folder = completed.stdout.decode().split("\n")[:5]
    assert words == " ".join((*FLAGS, "any"))
    assert (session.strip(), size.strip(), folder) == (pid.strip(), "0", "/")


async def test_a_child_past_its_deadline_is_killed_with_its_whole_group(fake_git, tmp_path):
    fake_git(f"sleep 600 & echo $! > {tmp_path / 'pid'}; sleep 600")
    with pytest.raises(GitError, match="gave nothing for"):
        await run(["any"], env=environment(), deadline_s=0.5)
    await gone(int((tmp_path / "pid").read_text()))


async def test_a_cancelled_child_is_killed_with_its_whole_group(fake_git, tmp_path):
    fake_git(f"sleep 600 & echo $! > {tmp_path / 'new'}; mv {tmp_path / 'new'} {tmp_path / 'pid'}; sleep 600")
    task = asyncio.create_task(run(["any"], env=environment()))
    await until((tmp_path / "pid").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(int((tmp_path / "pid").read_text()))


async def gone(pid: int) -> None:
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - processes set no events
            await asyncio.sleep(0.01)


async def test_a_missing_git_and_one_that_is_too_old_say_what_to_install(fake_git, monkeypatch, tmp_path):
    fake_git("echo git version 2.39.3")
    with pytest.raises(CouldNotRun, match=r"2\.39\.3 is too old") as caught:
        await version.git_version()
    assert "2.39.4" in caught.value.hint
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(CouldNotRun, match="not found"):
        await version.git_version()


async def test_the_version_is_asked_once(fake_git, tmp_path):
    fake_git(f"echo x >> {tmp_path / 'asked'}; echo 'git version 2.51.0 (Apple Git-200)'")
    assert await version.git_version() == await version.git_version() == (2, 51, 0)
    assert (tmp_path / "asked").read_text() == "x\n"


@pytest.mark.parametrize(
    ("stderr", "code", "message"),
    [
        (
            "remote: Invalid username or token.\nfatal: Authentication failed for 'https://me:pw@h.org/x/'",
            "auth_failed",
            "remote: Invalid username or token.",
        ),
        (
            "fatal: could not read Username for 'https://h.org': terminal prompts disabled",
            "auth_failed",
            "could not read Username for 'https://h.org': terminal prompts disabled",
        ),
        (
            "git@h.org: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "auth_failed",
            "git@h.org: Permission denied (publickey).",
        ),
        ("Host key verification failed.\nfatal: Could not read", "auth_failed", "Host key verification failed."),
        (
            "fatal: unable to access 'https://h.org/x/': The requested URL returned error: 403",
            "auth_failed",
            "unable to access 'https://h.org/x/': The requested URL returned error: 403",
        ),
        (
            "remote: Repository not found.\nfatal: repository 'https://h.org/x/' not found",
            "remote_gone",
            "remote: Repository not found.",
        ),
        (
            "ERROR: Repository not found.\nfatal: Could not read from remote repository.",
            "remote_gone",
            "ERROR: Repository not found.",
        ),
        (
            "fatal: remote error: access denied or repository not exported: /x",
            "remote_gone",
            "remote error: access denied or repository not exported: /x",
        ),
        ("fatal: couldn't find remote ref refs/heads/x", "branch_gone", "couldn't find remote ref refs/heads/x"),
        (
            "fatal: unable to access 'https://h.org/x/': Could not resolve host: h.org",
            "fetch_failed",
            "unable to access 'https://h.org/x/': Could not resolve host: h.org",
        ),
        ("fatal: early EOF\n", "fetch_failed", "early EOF"),
        ("\x1b[31mwhat\r\n", "fetch_failed", "\\x1b[31mwhat"),
        ("", "fetch_failed", "it said nothing"),
    ],
)
def test_gits_words_get_a_code_one_line_and_a_hint(stderr, code, message):
    problem = classify(stderr)
    assert (problem.code, problem.message) == (code, message)
    assert problem.hint


def test_a_full_disk_is_no_fault_of_the_remote():
    with pytest.raises(DiskFull):
        classify("fatal: write error: No space left on device\nfatal: index-pack failed")


def test_damage_that_the_remote_tells_of_is_not_the_mirrors():
    assert is_broken("fatal: bad object refs/gbrain/x/y")
    assert not is_broken("remote: fatal: loose object 12 (stored in x) is corrupt\nfatal: early EOF")


def test_a_complaint_is_the_first_fatal_line_without_credentials():
    assert complaint("warning: x\nfatal: no 'https://a:b@h.org'\nfatal: y") == redact("no 'https://a:b@h.org'")


def test_progress_is_read_however_it_is_cut():
    text = (
        "remote: Counting objects:  50% (1/2)\rremote: Counting objects: 100% (2/2), done.\x1b[K\n"
        "Receiving objects:  45% (9/20), 1.50 MiB | 2 MiB/s\rremote: hello\nResolving deltas: 100% (3/3), done.\n"
        "remote: Enumerating objects: 12, done.\nfatal: x"
    )
    for size in (1, 7, 1000):
        lines = ProgressLines()
        found = [p for at in range(0, len(text), size) for p in lines.take(text[at : at + size])]
        assert lines.finish() == "remote: hello\nfatal: x\n"
        assert [(p.phase, p.done, p.total) for p in found] == [
            ("Counting objects", 1, 2),
            ("Counting objects", 2, 2),
            ("Receiving objects", 9, 20),
            ("Resolving deltas", 3, 3),
            ("Enumerating objects", 12, None),
        ]
        assert found[2] == FetchProgress(phase="Receiving objects", done=9, total=20, received_bytes=1572864)


async def test_the_users_configuration_is_known_and_no_repositorys(home, make_repo, monkeypatch):
    repo = make_repo()
    repo.git("config", "core.sshCommand", "x")
    monkeypatch.chdir(repo.path)
    assert not (await settings._ask()).has_own_ssh
    with (home / ".gitconfig").open("a") as file:
        file.write(
            '[core]\n\tsshCommand = x\n[http "https://h.org"]\n\tproxy = x\n[url "https://h.org/"]\n\tinsteadOf = h:\n'
        )
    known = await settings._ask()
    assert known == settings.UserSettings(rewrites_urls=True, has_own_ssh=True, has_proxy=True)
    assert await settings.effective_url("h:x", known) == "https://h.org/x"


async def test_a_checked_address_is_pinned_for_https_and_unknown_hosts_are_told(monkeypatch):
    async def resolved(host: str, port: int) -> list[str]:
        return {"good.example": ["8.8.8.8", "2606:4700::1"], "mixed.example": ["8.8.8.8", "10.0.0.1"]}.get(host, [])

    monkeypatch.setattr("gbrain.git.hosts._resolved", resolved)
    good = await admit("https://good.example/x", allow_private_hosts=False, has_proxy=False)
    assert good == Admitted(flags=("-c", "http.curloptResolve=good.example:443:8.8.8.8,[2606:4700::1]"))
    mixed = await admit("https://mixed.example/x", allow_private_hosts=False, has_proxy=False)
    assert "10.0.0.1" in mixed.message
    assert (await admit("https://no.example/x", allow_private_hosts=False, has_proxy=False)).code == "fetch_failed"
    assert await admit("https://no.example/x", allow_private_hosts=False, has_proxy=True) == Admitted(flags=())
    assert await admit("git@alias:x", allow_private_hosts=False, has_proxy=False) == Admitted(flags=())


class Backend(BaseHTTPRequestHandler):
    """Plays a host over HTTP with git's own http-backend."""

    def do_GET(self) -> None:
        self.serve(b"")

    def do_POST(self) -> None:
        self.serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def serve(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/private/"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()
            return
        if path.startswith("/moved/"):
            self.send_response(301)
            self.send_header("Location", self.path.replace("/moved/", "/"))
            self.end_headers()
            return
        env = os.environ | {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        if self.headers.get("Content-Encoding"):
            env["HTTP_CONTENT_ENCODING"] = self.headers["Content-Encoding"]
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=env, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def http_host(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    server.root = tmp_path
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_repository_is_fetched_over_http_where_allowed(http_host, make_repo, ask):
    commit = make_repo("origin").commit({"one": "1"})
    acquired = await ask(f"{http_host}/origin/.git")
    assert isinstance(acquired, Acquired)
    assert (acquired.revision.commit, acquired.fetch) == (commit, Fetched())


@pytest.mark.parametrize(
    ("path", "code"),
    [("/private/x", "auth_failed"), ("/missing", "remote_gone"), ("/moved/origin/.git", "fetch_failed")],
)
async def test_a_host_that_refuses_knows_not_or_sends_elsewhere_is_told_apart(http_host, make_repo, ask, path, code):
    make_repo("origin").commit({"one": "1"})
    assert (await ask(http_host + path)).code == code


def test_importing_the_package_loads_no_database_or_web_module():
    script = (
        "import sys, gbrain.git.acquire; print([m for m in ('psycopg', 'rich', 'typer', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
