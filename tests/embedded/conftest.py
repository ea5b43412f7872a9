"""Homes to try the embedded server in, and processes that use it: as this user, and as one without privileges."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import gbrain
from gbrain.postgres import postmaster
from gbrain.postgres.account import account_of
from gbrain.postgres.embedded import destroy
from gbrain.postgres.paths import Places, places_of

_HOLDER = Path(__file__).with_name("holder.py")
_DEADLINE_S = 60.0


@dataclass
class Holder:
    """A process with a reference to the server of a home."""

    process: subprocess.Popen[str]
    _told: dict[str, Any] | None = None

    def told(self) -> dict[str, Any]:
        """What it said when it had its answer, or its error."""
        if self._told is None:
            assert self.process.stdout is not None
            self._told = json.loads(self.process.stdout.readline())
        return self._told

    def leave(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(_DEADLINE_S)

    def signal_group(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def end(self) -> None:
        if self.process.poll() is None:
            self.signal_group(signal.SIGKILL)
        self.process.wait(_DEADLINE_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


@dataclass
class Home:
    """A home, and as whom its processes run."""

    path: Path
    python: str = sys.executable
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    holders: list[Holder] = field(default_factory=list)

    @property
    def places(self) -> Places:
        return places_of(self.path)

    @property
    def postmaster(self) -> int | None:
        return postmaster.find(self.places.data)

    def hold(self, *, rounds: int = 0, as_caller: bool = False) -> Holder:
        switch: dict[str, Any] = {}
        if self.user is not None and not as_caller:
            switch = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
        process = subprocess.Popen(
            [sys.executable if as_caller else self.python, str(_HOLDER), str(self.path), str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": import_path(), "PYTHONUTF8": "1", **self.environment},
            start_new_session=True,
            **switch,
        )
        self.holders.append(Holder(process))
        return self.holders[-1]

    def use(self, **how: Any) -> dict[str, Any]:
        """One process that opens, asks and leaves."""
        holder = self.hold(**how)
        told = holder.told()
        holder.leave()
        return told

    def clean(self) -> None:
        for holder in self.holders:
            holder.end()
        destroy(self.path)


def until(condition: Callable[[], object]) -> None:
    """Waits for a condition, failing after a minute."""
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass within a minute"
        time.sleep(0.005)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A new home of the user who runs the tests, below a folder that is that user's alone."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    made = Home(path)
    yield made
    made.clean()


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home of the user who runs the tests that has been used once, and is left alone from then on."""
    path = tmp_path_factory.mktemp("made") / "home"
    path.mkdir(mode=0o700)
    made = Home(path)
    made.use()
    until(lambda: made.postmaster is None)
    yield made
    made.clean()


@pytest.fixture
def used_home(home: Home, made_home: Home) -> Home:
    """A home with a cluster, a copy of one, for tests of what comes after its making."""
    account_of(home.places, lambda _: None)
    subprocess.run(["cp", "-a", made_home.places.data, home.places.data], check=True)
    return home


@pytest.fixture
def plain_home() -> Iterator[Home]:
    """A new home of a user without privileges."""
    with tempfile.TemporaryDirectory(prefix="gbrain-test-", dir="/tmp") as folder:
        user, python = _unprivileged()
        os.chmod(folder, 0o755)
        path = Path(folder) / "home"
        path.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        made = Home(path, user=user, python=python)
        yield made
        made.clean()


@pytest.fixture(params=["home", "plain_home"])
def anyones_home(request: pytest.FixtureRequest) -> Home:
    """Both in turn."""
    made = request.getfixturevalue(request.param)
    assert isinstance(made, Home)
    return made


def renamed(home: Home, name: str) -> Home:
    """The same home under another name, before its first use."""
    target = home.path.parent / name
    target.parent.mkdir(parents=True, exist_ok=True)
    home.path = home.path.rename(target)
    return home


def mounted(folder: Path, size: str) -> bool:
    """Mounts a small file system in memory, or says that this is not allowed here."""
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return (
        shutil.which("mount") is not None and subprocess.run(["mount", *options], capture_output=True).returncode == 0
    )


def _unprivileged() -> tuple[str | None, str]:
    """A user and a Python that it can run the holder with; no user where we have no privileges ourselves."""
    if os.geteuid() != 0:
        return None, sys.executable
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        probe = "import sys, psycopg, gbrain.postgres.embedded; assert sys.version_info >= (3, 11)"
        try:
            tried = subprocess.run(
                [python, "-c", probe],
                capture_output=True,
                cwd="/",
                env={"PYTHONPATH": import_path(), "PATH": os.environ["PATH"]},
                user="nobody",
                group=pwd.getpwnam("nobody").pw_gid,
                extra_groups=[],
            )
        except (OSError, KeyError):
            continue
        if tried.returncode == 0:
            return "nobody", python
    pytest.skip("no Python with our packages that the user nobody can run")


def import_path() -> str:
    """Where a bare Python finds this package and what it needs."""
    spec = importlib.util.find_spec("psycopg")
    assert spec is not None
    assert spec.origin is not None
    assert gbrain.__file__ is not None
    return os.pathsep.join([str(Path(gbrain.__file__).parents[1]), str(Path(spec.origin).parents[1])])
