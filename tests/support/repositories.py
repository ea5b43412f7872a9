"""Real repositories, made by git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IDENTITY = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Repository:
    """A repository that tests write commits to. Contents by path; None removes; a Link is a symbolic link."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, files: Mapping[str | bytes, bytes | str] | None = None) -> Repository:
        folder.mkdir(parents=True, exist_ok=True)
        repository = cls(folder)
        repository.git("init", "-q", "-b", "main")
        if files is not None:
            repository.commit(files)
        return repository

    def git(self, *arguments: str | bytes, fed: bytes | None = None) -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["git", *_IDENTITY, *arguments], cwd=self.folder, env=env, capture_output=True, input=fed)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(self, files: Mapping[str | bytes, bytes | str | None], message: str = "change") -> str:
        """Write the files into the work tree and commit; the commit's id."""
        for name, content in files.items():
            path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
            if content is None:
                os.unlink(path)
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if os.path.islink(path):
                os.unlink(path)
            with open(path, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
        return self.commit_all(message)

    def commit_all(self, message: str = "change") -> str:
        """Commit the work tree as it is."""
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def bare_clone(self, folder: Path) -> Path:
        """A bare copy, fit to be a remote."""
        self.git("clone", "-q", "--bare", str(self.folder), str(folder))
        return folder
