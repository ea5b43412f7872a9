"""A brain to measure on: its commands run as whole processes, timed from their start."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gbrain.postgres.paths import places_of

GBRAIN = str(Path(sys.executable).with_name("gbrain"))

_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f]")
"""What moves a terminal's cursor or changes its colour, and shows nothing."""


@dataclass(frozen=True)
class Home:
    """A brain to measure on: a home folder, a URL where it is served, and what makes vectors, if anything."""

    folder: Path
    url: str | None = None
    embedder: str = "none"

    def env(self) -> dict[str, str]:
        unwanted = ("GBRAIN_", "GIT_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        kept |= {"GBRAIN_HOME": str(self.folder), "GIT_CONFIG_GLOBAL": os.devnull}
        kept |= {"GBRAIN_EMBEDDER": self.embedder}
        return kept | ({"GBRAIN_DATABASE_URL": self.url} if self.url else {})

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command; its standard output. Any other exit code is an error."""
        done = subprocess.run([GBRAIN, *arguments], env=self.env(), capture_output=True, text=True)
        if done.returncode != code:
            raise RuntimeError(
                f"gbrain {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def timed(self, *arguments: str) -> float:
        """Seconds of the whole process, start-up included."""
        started = time.perf_counter()
        self.run(*arguments)
        return time.perf_counter() - started

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own and return."""
        return subprocess.Popen(
            [GBRAIN, *arguments],
            env=self.env(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def configure(self, text: str) -> None:
        """Write `config.toml`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(text)

    def register(self, flag: str, places: Mapping[str, str]) -> None:
        """Register sources by id, with what stands behind `--path` or `--url`: one by hand, the others like it."""
        first = next(iter(places))
        self.run("sources", "add", first, f"--{flag}", places[first])
        file = self.folder / "sources.json"
        self.run("export", str(file))
        document = json.loads(file.read_text())
        like = document["sources"][0]
        document["sources"] = [like | {"id": one, "name": one, flag: place} for one, place in places.items()]
        file.write_text(json.dumps(document))
        self.run("import", str(file))

    def finishes(self, *arguments: str) -> dict[str, Finish]:
        """Run a sync, that may leave something to attend to, in a pipe; when each source was done, by id."""
        started = time.perf_counter()
        process = subprocess.Popen(
            [GBRAIN, *arguments], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        found = {}
        for line in process.stdout:
            at = time.perf_counter() - started
            source_id, is_line, text = line.decode().removeprefix("[").partition("] ")
            if is_line:
                found[source_id] = Finish(at, text.strip())
        if process.wait() not in (0, 1):
            raise RuntimeError(f"gbrain {' '.join(arguments)} ended with {process.returncode}")
        return found

    def first_line(self, *arguments: str) -> float:
        """Seconds until a terminal shows something; the command is run to its end."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        started = time.perf_counter()
        process = subprocess.Popen(
            [GBRAIN, *arguments],
            env=self.env() | {"TERM": "xterm-256color"},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        shown, first = b"", 0.0
        while piece := _read(ours):
            shown += piece
            if not first and _CONTROL.sub(b"", shown).strip():
                first = time.perf_counter() - started
        os.close(ours)
        if process.wait() != 0 or not first:
            raise RuntimeError(f"gbrain {' '.join(arguments)} ended with {process.returncode}, showing {shown!r}")
        return first

    def wait_until_stopped(self) -> None:
        """Until no server of an embedded home is left, so that the next run starts its own."""
        while self.url is None and (places_of(self.folder).data / "postmaster.pid").exists():
            time.sleep(0.01)
        time.sleep(0.3)

    def destroy(self) -> None:
        """Delete an embedded brain."""
        if self.url is None:
            subprocess.run([GBRAIN, "destroy", "--yes"], env=self.env(), capture_output=True)


@dataclass(frozen=True)
class Finish:
    """When a source was done, in seconds from the start of the process, and what was said of it."""

    at: float
    said: str


def _read(terminal: int) -> bytes:
    """What the terminal shows next; nothing when all who had it open are gone."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""
