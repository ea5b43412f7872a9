"""A plain folder that is edited with no regard for what is there."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any


class Vault:
    """The folder, and the edits it knows. An edit that needs something where there is nothing does nothing."""

    def __init__(self, folder: Path, outside: Path) -> None:
        self.folder = folder
        self.root = os.fsencode(folder)
        self._aside = os.fsencode(outside) + b"/aside"
        folder.mkdir(parents=True)
        outside.mkdir()
        (outside / "outside.md").write_bytes(b"# Outside\n")
        self._targets = [b"a.md", b"sub", b"nosuch.md", b".", os.fsencode(outside / "outside.md"), b"/dev/zero"]

    def apply(self, edit: tuple[Any, ...]) -> None:
        """Carry out one edit."""
        match edit:
            case "write", name, content:
                _write(self._cleared(name), content)
            case "large", name, size:
                _truncated(self._cleared(name), size)
            case "link", name, which:
                os.symlink(self._targets[which % len(self._targets)], self._cleared(name))
            case "loop", name, _:
                os.symlink(name.rpartition(b"/")[2], self._cleared(name))
            case "special", name, which:
                _special(self._cleared(name), which)
            case "nest", name, which:
                self._nest(name, which)
            case action, which, other if files := self.files():
                self._apply_to(action, os.path.join(self.root, files[which % len(files)]), files, other)

    def files(self) -> list[bytes]:
        """Everything that is not a folder, in byte order; what lies in locked folders and in `.git` is left out."""
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name != b".git"]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in (*files, *links)]
        return sorted(found)

    def unlock(self) -> None:
        """Give everything its usual permissions back."""
        for folder, folders, files in os.walk(self.root):
            for name in (*folders, *files):
                full = os.path.join(folder, name)
                if not os.path.islink(full):
                    mode = stat.S_IMODE(os.lstat(full).st_mode)
                    os.chmod(full, mode | (0o700 if name in folders else 0o600))

    def clear(self) -> None:
        """Take away all that is in it."""
        self.unlock()
        for name in os.listdir(self.root):
            self._cleared(name)

    def remake(self) -> None:
        """The same anew: folders and files of another identity with the same names, contents, modes and times."""
        self.unlock()
        moved = self._aside + b"-remade"
        os.rename(self.root, moved)
        _copy_folder(moved, self.root)
        shutil.rmtree(moved)

    def _apply_to(self, action: str, full: bytes, files: list[bytes], other: Any) -> None:
        is_file = stat.S_ISREG(os.lstat(full).st_mode)
        match action:
            case "remove":
                os.unlink(full)
            case "remove folder":
                self._cleared(os.path.relpath(full, self.root).partition(b"/")[0])
            case "touch" if is_file:
                os.utime(full, ns=(0, [0, 1_000_000_000, 4_000_000_000_000_000_000][other % 3]))
            case "execute" if is_file:
                os.chmod(full, os.stat(full).st_mode ^ 0o111)
            case "lock" if is_file:
                os.chmod(full, 0o000)
            case "disguise" if is_file and os.path.getsize(full) < 1_000_000:
                _disguise(full)
            case "swap":
                self._swap(full, os.path.join(self.root, files[other % len(files)]))
            case "rename" | "rename folder" | "copy" | "hard link":
                self._carry(action, full, other)

    def _carry(self, action: str, full: bytes, name: bytes) -> None:
        if action == "rename folder":
            full = os.path.join(self.root, os.path.relpath(full, self.root).partition(b"/")[0])
        if action in ("rename", "rename folder"):
            os.rename(full, self._aside)
        elif os.path.islink(full) or not os.path.isfile(full):
            return
        else:
            (os.link if action == "hard link" else shutil.copy2)(full, self._aside)
        os.rename(self._aside, self._cleared(name))

    def _swap(self, one: bytes, other: bytes) -> None:
        os.rename(one, self._aside)
        if one != other:
            os.rename(other, one)
        os.rename(self._aside, other)

    def _nest(self, name: bytes, which: int) -> None:
        """Make the folder of that name a repository, or one no more."""
        mark = os.path.join(self.root, name, b".git")
        if os.path.isdir(mark):
            shutil.rmtree(mark)
        elif os.path.lexists(mark):
            os.unlink(mark)
        elif which % 2:
            os.makedirs(self._cleared(name + b"/.git"))
        else:
            _write(self._cleared(name + b"/.git"), b"gitdir: /nosuch\n")

    def _cleared(self, name: bytes) -> bytes:
        """The full path of a name, with its folder there and nothing in its place."""
        full = self.root
        *folders, _ = name.split(b"/")
        for folder in folders:
            full = os.path.join(full, folder)
            if os.path.lexists(full) and (os.path.islink(full) or not os.path.isdir(full)):
                os.unlink(full)
            os.makedirs(full, exist_ok=True)
        full = os.path.join(self.root, name)
        if os.path.isdir(full) and not os.path.islink(full):
            shutil.rmtree(full)
        elif os.path.lexists(full):
            os.unlink(full)
        return full


def _write(full: bytes, content: bytes) -> None:
    with open(full, "wb") as file:
        file.write(content)


def _truncated(full: bytes, size: int) -> None:
    with open(full, "wb") as file:
        file.truncate(size)


def _special(full: bytes, which: int) -> None:
    if which % 2 and sys.platform == "linux":
        os.mknod(full, stat.S_IFSOCK | 0o600)
    else:
        os.mkfifo(full)


def _disguise(full: bytes) -> None:
    """Change a file's content, neither its size nor its time of change."""
    before = os.stat(full)
    os.chmod(full, 0o600)
    with open(full, "r+b") as file:
        content = file.read()
        file.seek(0)
        file.write(content.swapcase())
    os.chmod(full, stat.S_IMODE(before.st_mode))
    os.utime(full, ns=(before.st_atime_ns, before.st_mtime_ns))


def _copy_folder(source: bytes, target: bytes) -> None:
    os.mkdir(target)
    for name in os.listdir(source):
        one, other = os.path.join(source, name), os.path.join(target, name)
        status = os.lstat(one)
        if stat.S_ISDIR(status.st_mode):
            _copy_folder(one, other)
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            shutil.copy2(one, other, follow_symlinks=False)
        else:
            os.mknod(other, status.st_mode)
