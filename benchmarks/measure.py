"""Timing whole processes, sampling their memory, and naming the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

GBRAIN = str(Path(sys.executable).with_name("gbrain"))


@dataclass(frozen=True)
class Home:
    """A brain to measure on: a home folder, and a URL where it is served."""

    folder: Path
    url: str | None = None

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GBRAIN_", "GIT_"))}
        kept |= {"GBRAIN_HOME": str(self.folder), "GIT_CONFIG_GLOBAL": os.devnull}
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

    def destroy(self) -> None:
        """Delete an embedded brain."""
        if self.url is None:
            subprocess.run([GBRAIN, "destroy", "--yes"], env=self.env(), capture_output=True)


def machine() -> str:
    """One line about the machine the figures are from."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} × {model}, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


@dataclass
class MemorySampler:
    """The most memory (sum of PSS, in MiB) that a process and its descendants took together; PostgreSQL apart."""

    pid: int
    peak_mib: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> MemorySampler:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.1):
            self.peak_mib = max(self.peak_mib, sum(_pss_kib(pid) for pid in _family(self.pid)) / 1024)


def sample_until(process: subprocess.Popen[bytes], look: Callable[[], None], every_s: float) -> None:
    """Call `look` again and again until the process has ended."""
    while process.poll() is None:
        look()
        time.sleep(every_s)


def _family(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            name, _, rest = text.partition("(")[2].rpartition(")")
            if name != "postgres":
                parents[int(entry.name)] = int(rest.split()[1])
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family and pid not in family}:
        family |= more
    return family


def _pss_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
