"""The installed command, run as a user runs it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gbrain.app.brain import open_brain, reach_database
from gbrain.app.settings import read_settings
from gbrain.services.registry import add_source
from gbrain.services.source_settings import Told
from support.prepared import Forked, can_fork

GBRAIN = str(Path(sys.executable).with_name("gbrain"))
DEADLINE_S = 120
_AS_FORKED = {"cwd", "stdin", "stdout", "stderr", "start_new_session"}
"""What may be said of a process that is forked."""


@dataclass(frozen=True)
class Completed:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as exactly one JSON document."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def sources(self) -> dict[str, dict[str, Any]]:
        """The document's sources by id."""
        return {row["source_id"]: row for row in self.document["sources"]}


@dataclass(frozen=True)
class BrainCommand:
    """The command with a home and, where it is served, a database of its own.

    Embedding is switched off, unless `environ` says otherwise: most tests are about something else.
    """

    home: Path
    url: str | None = None
    environ: dict[str, str] = field(default_factory=dict)

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GBRAIN_", "GIT_"))}
        kept |= {
            "GBRAIN_HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GBRAIN_EMBEDDER": "none",
        }
        if self.url:
            kept["GBRAIN_DATABASE_URL"] = self.url
        return kept | self.environ

    def run(self, *arguments: str, cwd: Path | None = None, code: int | None = 0) -> Completed:
        """Run to the end; the exit code must be `code`, unless that is None."""
        completed = run(arguments, self.env(), cwd)
        assert code is None or completed.code == code, (
            f"exit {completed.code}, not {code}\n{completed.out}\n{completed.err}"
        )
        return completed

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start and return at once; its own session, pipes for output."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        settled = {"stdin": subprocess.DEVNULL, "start_new_session": True, **pipes, **options}
        return process_of([GBRAIN, *arguments], env=self.env(), **settled)

    def configure(self, text: str) -> None:
        """Write `config.toml`."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "config.toml").write_text(text)

    def add(self, source_id: str, repository: Path, *more: str) -> None:
        """Register a path: by the command where flags, an embedded server or a running loop ask for one."""
        if more or self.url is None or asyncio._get_running_loop() is not None:
            self.run("sources", "add", source_id, "--path", str(repository), *more)
        else:
            register(self.env(), source_id, repository)

    def destroy(self) -> None:
        """Leave nothing behind, on a served brain nothing in the home."""
        if self.url is None:
            self.run("destroy", "--yes", code=None)
        shutil.rmtree(self.home, ignore_errors=True)


def run(arguments: Sequence[str], environ: Mapping[str, str], cwd: Path | None = None) -> Completed:
    """Run the command to its end, in a process of its own."""
    with process_of(
        [GBRAIN, *arguments],
        env=dict(environ),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            out, err = process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Completed(
        code=process.returncode,
        out=out.decode("utf-8", "surrogateescape"),
        err=err.decode("utf-8", "surrogateescape"),
    )


def process_of(command: Sequence[str], *, env: dict[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """A process of the installed command, of the driver or of an endpoint: as `Popen` starts it, or the same forked."""
    is_plain = not options.keys() - _AS_FORKED and options.get("stdin") is not None
    start = Forked if is_plain and can_fork(env) else subprocess.Popen
    return start(command, env=env, **options)


def register(environ: Mapping[str, str], source_id: str, repository: Path) -> None:
    """What `gbrain sources add` does, without a process of its own: most tests only need it done."""

    async def work(conninfo: str) -> None:
        async with open_brain(settings, conninfo, connections=1) as brain:
            told = Told(path=repository)
            await brain.ask(lambda conn: add_source(conn, source_id, told, allow_private_hosts=False))

    settings = read_settings(environ)
    with reach_database(settings, lambda text: None) as conninfo:
        asyncio.run(work(conninfo))
