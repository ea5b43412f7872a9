"""Storing the snapshot of a plain folder: its blobs by `git fast-import`, its trees by `git mktree`.

`git fast-import` would make the trees too, in time that grows with the square of a folder's length.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from gbrain.git.environment import FLAGS, environment
from gbrain.git.folder_refs import REF, REF_BEFORE

_IDENTITY = {f"GIT_{who}_{what}": "gbrain" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Entry(NamedTuple):
    """A path as it stands in the snapshot's tree."""

    path: bytes
    mode: str
    blob: str


_Open = tuple[bytes, dict[bytes, bytes]]
"""A folder by its name, and its lines by theirs: one that is renamed while it is listed may be met twice."""


class Damaged(Exception):
    """Git cannot store: what is there already is damaged, or there is no room."""


class Store:
    """A bare repository of ours that takes one more snapshot. `lent` are object folders read beside its own."""

    def __init__(self, place: bytes, lent: Sequence[bytes], dot: Callable[[], None]) -> None:
        self._place = os.fsdecode(place)
        self._env = environment(alternates=[Path(os.fsdecode(objects)) for objects in lent]) | _IDENTITY
        self._dot = dot
        self._importer: subprocess.Popen[bytes] | None = None

    def blob(self, content: bytes) -> str:
        """Have git store a blob; its id."""
        if self._importer is None:
            self._importer = self._git("fast-import", "--quiet", "--done", "--force", stdin=subprocess.PIPE)
        try:
            _pipe(self._importer.stdin).write(b"blob\ndata %d\n%s\n" % (len(content), content))
        except BrokenPipeError:
            raise Damaged("git fast-import broke off") from None
        self._dot()
        return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()

    def end_blobs(self) -> None:
        """Have all of them stored."""
        importer, self._importer = self._importer, None
        if importer is None:
            return
        try:
            _pipe(importer.stdin).write(b"done\n")
            _pipe(importer.stdin).close()
        except BrokenPipeError:
            pass
        if importer.wait() != 0:
            raise Damaged(f"git fast-import ended with status {importer.returncode}")

    def give_up(self) -> None:
        """End what a look that breaks off has begun; of itself git would leave a report of each."""
        if self._importer is not None:
            self._importer.kill()
            self._importer.wait()

    def last(self) -> str | None:
        """The commit of the last snapshot."""
        asked = self._git("rev-parse", "-q", "--verify", f"{REF}^{{commit}}", stdout=subprocess.PIPE)
        return asked.communicate()[0].decode().strip() or None

    def is_folder(self, commit: str, path: bytes) -> bool:
        """Whether the path is a folder in a snapshot."""
        asked = self._git("cat-file", "-t", f"{commit}:{os.fsdecode(path)}", stdout=subprocess.PIPE)
        return asked.communicate()[0].strip() == b"tree"

    def commit(self, entries: Sequence[Entry], last: str | None) -> str:
        """Store the snapshot of entries in byte order of path; its commit. `last` is kept as the one before it."""
        # Without a parent: what was there before is nobody's business.
        commit = self._asked("commit-tree", "-m", "snapshot", self._tree(entries))
        moves = [f"update {REF} {commit}", *([f"update {REF_BEFORE} {last}"] if last else [])]
        self._asked("update-ref", "--stdin", fed="\n".join(moves).encode() + b"\n")
        return commit

    def _tree(self, entries: Sequence[Entry]) -> str:
        command = ("mktree", "-z", "--missing", "--batch")
        with self._git(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as maker:
            try:
                open_folders: list[_Open] = [(b"", {})]
                for entry in entries:
                    *above, name = entry.path.split(b"/")
                    self._close(open_folders, _common(open_folders, above), maker)
                    open_folders += [(folder, {}) for folder in above[len(open_folders) - 1 :]]
                    kind = "commit" if entry.mode == "160000" else "blob"
                    open_folders[-1][1][name] = f"{entry.mode} {kind} {entry.blob}\t".encode() + name
                self._close(open_folders, 0, maker)
                return self._made(maker, open_folders[0][1])
            except BrokenPipeError:
                raise Damaged("git mktree broke off") from None

    def _close(self, open_folders: list[_Open], left: int, maker: subprocess.Popen[bytes]) -> None:
        """Put the deepest folders into those around them until `left` are open below the first."""
        while len(open_folders) - 1 > left:
            name, lines = open_folders.pop()
            open_folders[-1][1][name] = f"040000 tree {self._made(maker, lines)}\t".encode() + name

    def _made(self, maker: subprocess.Popen[bytes], lines: Mapping[bytes, bytes]) -> str:
        stdin = _pipe(maker.stdin)
        stdin.write(b"".join(line + b"\0" for line in lines.values()) + b"\0")
        stdin.flush()
        self._dot()
        made = _pipe(maker.stdout).readline().decode().strip()
        if not made:
            raise Damaged("git mktree stored nothing")
        return made

    def _asked(self, *words: str, fed: bytes | None = None) -> str:
        stdin = subprocess.PIPE if fed is not None else subprocess.DEVNULL
        asked = self._git(*words, stdin=stdin, stdout=subprocess.PIPE)
        out, _ = asked.communicate(fed)
        if asked.returncode != 0:
            raise Damaged(f"git {words[0]} ended with status {asked.returncode}")
        return out.decode().strip()

    def _git(
        self, *words: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        command = ["git", *FLAGS, f"--git-dir={self._place}", *words]
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, env=self._env, cwd="/")


def _common(open_folders: Sequence[_Open], above: Sequence[bytes]) -> int:
    """How many of the open folders below the first are those above the next entry."""
    count = 0
    for (name, _), wanted in zip(open_folders[1:], above, strict=False):
        if name != wanted:
            break
        count += 1
    return count


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("git was started without a pipe")
    return pipe
