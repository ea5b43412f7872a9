"""A prepared machine on which a page of the documentation is played: what the page speaks of is really there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gbrain.postgres.binaries import wheel_binaries
from support.commands import GBRAIN
from support.shell import Shell

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin"
_GIT = """[user]
	name = You
	email = you@example.org
[init]
	defaultBranch = main
[safe]
	directory = *
[url "{remotes}/"]
	insteadOf = https://git.example.org/
"""


@dataclass(kw_only=True)
class Stage:
    """A home, remotes, and shells; `names` says what stands for a name that pages use, `typed` what a person types.

    `by_hand` holds what is done where a page has a person do something, by the text of the block; `others` the
    processes of others, by the ids pages use; `unplayed` the blocks for which there is no shell here.
    """

    folder: Path
    names: dict[str, str]
    by_hand: Mapping[str, Callable[[Stage], None]]
    typed: dict[str, str] = field(default_factory=dict)
    environs: dict[str, dict[str, str]] = field(default_factory=dict)
    others: dict[str, subprocess.Popen[Any]] = field(default_factory=dict)
    unplayed: list[str] = field(default_factory=list)
    closing: ExitStack = field(default_factory=ExitStack)
    _enters: dict[str, Sequence[str]] = field(default_factory=dict)
    _shells: dict[str, Shell] = field(default_factory=dict)

    @classmethod
    def prepare(cls, folder: Path, by_hand: Mapping[str, Callable[[Stage], None]]) -> Stage:
        """A machine with an empty home, git as its user has set it up, and gbrain installed as the tutorial says."""
        stage = cls(folder=folder, names={"/home/you": str(folder / "you")}, by_hand=by_hand)
        stage.remotes.mkdir()
        stage.inhabit("you")
        return stage

    @property
    def home(self) -> Path:
        """The home of whoever reads the page."""
        return self.folder / "you"

    @property
    def brain_home(self) -> Path:
        """Where the brain of that home is."""
        return self.home / ".local/share/gbrain"

    @property
    def remotes(self) -> Path:
        """The repositories of git.example.org."""
        return self.folder / "remotes"

    def inhabit(self, name: str, enter: Sequence[str] = ()) -> Path:
        """Make a home, and a shell of that name in it; the home."""
        home = self.folder / name
        (home / ".gbrain-venv/bin").mkdir(parents=True)
        (home / ".gbrain-venv/bin/gbrain").symlink_to(GBRAIN)
        (home / ".gitconfig").write_text(_GIT.format(remotes=self.remotes.as_uri()))
        path = f"{home}/.gbrain-venv/bin:{wheel_binaries().installation}/bin:{_SYSTEM_PATH}"
        self.environs[name] = self.bare_environ(home) | {"PATH": path, "LANG": "C.UTF-8"}
        self._enters[name] = enter
        return home

    def bare_environ(self, home: Path) -> dict[str, str]:
        """What every process has; `PYTHONPATH` says which gbrain is meant, where whoever runs the tests says so."""
        kept = {"PYTHONPATH": path} if (path := os.environ.get("PYTHONPATH")) else {}
        resolver = {"RES_OPTIONS": "timeout:1 attempts:1"}
        return {"HOME": str(home), "TZ": "UTC", "GIT_CONFIG_NOSYSTEM": "1"} | resolver | kept

    def shell(self, name: str) -> Shell:
        """The shell of that name."""
        if name not in self._shells:
            environ = self.environs[name]
            folder, home = self.folder / f"{name}-typed", Path(environ["HOME"])
            self._shells[name] = Shell(folder, home=home, environ=environ, enter=self._enters[name])
        return self._shells[name]

    def real(self, text: str) -> str:
        """What a page says, with what is here in place of the names it uses."""
        return _replaced(text, self.names)

    def as_written(self, text: str) -> str:
        """What was said here, as a page would have it."""
        homes = {environ["HOME"]: "/home/you" for environ in self.environs.values()}
        return _replaced(text, homes | {here: name for name, here in self.names.items()})

    def close(self) -> None:
        """End everything that was started."""
        with self.closing:
            for terminal in self._shells.values():
                terminal.close()
            for process in self.others.values():
                process.kill()
                process.wait()


def _replaced(text: str, names: Mapping[str, str]) -> str:
    """The text with each whole name replaced, the longest first, and nothing replaced twice."""
    pattern = "|".join(map(_whole, sorted(names, key=len, reverse=True)))
    return re.sub(pattern, lambda match: names[match[0]], text)


def _whole(name: str) -> str:
    before, after = (r"(?<!\w)" if name[0].isalnum() else ""), (r"(?!\w)" if name[-1].isalnum() else "")
    return f"{before}{re.escape(name)}{after}"
