"""Histories that begin with a given tree, as values; and repositories that live through them step by step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from support.forest import FOLDER, LINK, MODULE, Tree, page
from support.repositories import Repository
from support.trees import File

_REGULAR = (0o100644, 0o100755)


class Commit(NamedTuple):
    """A commit: its tree, and its parents by their numbers."""

    tree: Tree
    parents: tuple[int, ...]


class Step(NamedTuple):
    """Where the branches stand, by the numbers of commits, and which of them is the current one."""

    main: int
    side: int
    head: str = "main"


@dataclass
class History:
    """Commits, and the steps that a repository of them takes."""

    commits: list[Commit] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def commit(self, tree: Tree, *parents: int) -> int:
        """One more commit; its number."""
        self.commits.append(Commit(tree, parents))
        return len(self.commits) - 1

    def step(self, main: int, side: int = 0, head: str = "main") -> None:
        """One more step."""
        self.steps.append(Step(main, side, head))

    def tree_at(self, step: Step) -> Tree:
        """What the current branch holds."""
        return self.commits[step.main if step.head == "main" else step.side].tree


def _linear(*trees: Tree) -> History:
    history = History()
    for number, tree in enumerate(trees):
        history.commit(tree, *([number - 1] if number else []))
        history.step(number, max(0, number - 1))
    return history


def _merge(first: Tree) -> History:
    history = History()
    base = history.commit(first)
    mine, theirs = history.commit(_edited(first), base), history.commit(_grown(first), base)
    merged = history.commit(_grown(first) | _edited(first), mine, theirs)
    for main, side in (
        (base, base),
        (mine, theirs),
        (merged, theirs),
        (history.commit(_thinned(first), merged), merged),
    ):
        history.step(main, side)
    return history


def _force_push(first: Tree) -> History:
    history = _linear(first, _edited(first))
    other = history.commit(_grown(_turned(_thinned(first))))
    history.step(other, 1)
    history.step(history.commit(_edited(_turned(first)), other), other)
    return history


def _branch_switch(first: Tree) -> History:
    history = History()
    base = history.commit(first)
    side = history.commit(_edited(_grown(first)), base)
    later = history.commit(_thinned(_grown(first)), side)
    for main, at, head in ((base, side, "main"), (base, side, "side"), (base, later, "side"), (base, later, "main")):
        history.step(main, at, head)
    return history


def _amended(first: Tree) -> History:
    history = _linear(first, _edited(first))
    amended = history.commit(_grown(_edited(first)), 0)
    history.step(amended, 1)
    history.step(history.commit(_edited(_grown(first)), 0), amended)
    return history


def _backwards(first: Tree) -> History:
    history = _linear(first, _edited(first), _thinned(_grown(first)))
    history.step(0, 2)
    history.step(1, 0)
    return history


HISTORIES: Mapping[str, Callable[[Tree], History]] = {
    "linear": lambda first: _linear(first, _edited(first), _grown(first), _thinned(_grown(first)), _edited(first)),
    "merge": _merge,
    "revert": lambda first: _linear(first, _thinned(_edited(first)), first, _grown(first)),
    "force push to an unrelated root": _force_push,
    "branch switch": _branch_switch,
    "cycles of renames": lambda first: _linear(
        first, _turned(first), _swapped(_turned(first)), _turned(_turned(first))
    ),
    "all but one deleted and restored": lambda first: _linear(
        first, _alone(first), _edited(first), _alone(first), first
    ),
    "file to folder to file": lambda first: _linear(first, _unfolded(first), _folded(first), _unfolded(first), first),
    "modes": lambda first: _linear(first, _flipped(first), _linked(first), _flipped(first), _linked(_edited(first))),
    "amended tip": _amended,
    "shallow checkout": lambda first: _linear(first, _edited(first), _grown(first), _thinned(_edited(first))),
    "backwards": _backwards,
}


@dataclass
class Living:
    """A repository at some step of its history, with a plain folder that holds the same."""

    repository: Repository
    plain: Path
    history: History
    ids: list[str]
    checkout: Path
    """What sources by path follow: the repository itself, unless another is put there."""

    @classmethod
    def create(cls, folder: Path, history: History) -> Living:
        """A repository with all commits of the history, at its first step."""
        repository = Repository.create(folder / "repository")
        lines = [part for number, commit in enumerate(history.commits) for part in _fed(number, commit)]
        repository.git("fast-import", "--quiet", "--force", fed=b"".join(lines))
        ids = repository.git("for-each-ref", "--format=%(objectname)", "refs/commits").split()
        (folder / "plain").mkdir()
        living = cls(repository, folder / "plain", history, ids, repository.folder)
        living.go(0)
        return living

    def go(self, number: int) -> None:
        """Take the step of this number."""
        step = self.history.steps[number]
        moved = [
            f"update refs/heads/{name} {self.ids[at]}\n" for name, at in (("main", step.main), ("side", step.side))
        ]
        self.repository.git("update-ref", "--stdin", fed="".join(moved).encode())
        self.repository.git("symbolic-ref", "HEAD", f"refs/heads/{step.head}")
        _write(os.fsencode(self.plain), self.history.tree_at(step))


def _fed(number: int, commit: Commit) -> list[bytes]:
    head = b"commit refs/commits/%03d\nmark :%d\ncommitter T <t@example.org> %d +0000\ndata 1\nx\n"
    lines = [head % (number, number + 1, 1_700_000_000 + number)]
    lines += [b"%b :%d\n" % (b"merge" if place else b"from", of + 1) for place, of in enumerate(commit.parents)]
    lines.append(b"deleteall\n")
    for path, file in commit.tree.items():
        name = b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'
        if file.mode == MODULE:
            lines.append(b"M 160000 %b %b\n" % (file.content, name))
        elif file.mode != FOLDER:
            lines.append(b"M %o inline %b\ndata %d\n%b\n" % (file.mode, name, len(file.content), file.content))
    return lines


def _write(root: bytes, tree: Tree) -> None:
    for name in os.listdir(root):
        full = os.path.join(root, name)
        shutil.rmtree(full) if os.path.isdir(full) and not os.path.islink(full) else os.unlink(full)
    for path, file in tree.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if file.mode == LINK:
            os.symlink(file.content, full)
        elif file.mode in (MODULE, FOLDER):
            os.makedirs(os.path.join(full, b".git") if file.mode == MODULE else full)
        else:
            with open(full, "wb") as place:
                place.write(file.content)
            os.chmod(full, file.mode & 0o777)


def _files(tree: Tree) -> list[bytes]:
    """Paths of files, the one in `sub` that always stays first."""
    files = sorted(path for path, file in tree.items() if file.mode in _REGULAR)
    return sorted(files, key=lambda path: path != _anchor(tree))


def _anchor(tree: Tree) -> bytes:
    return b"sub/keep.md" if b"sub/keep.md" in tree else min(path for path in tree if path.startswith(b"sub/"))


def _edited(tree: Tree) -> Tree:
    return tree | {path: page(b"Edited " + path[:9].hex().encode()) for path in _files(tree)[::3]}


def _grown(tree: Tree) -> Tree:
    copies = {path + b".new.md": tree[path] for path in _files(tree)[:3] if len(path.rpartition(b"/")[2]) < 200}
    return tree | copies | {b"sub/grown.md": page(b"Grown"), b"sub3/grown.py": File(b"grown = 1\n")}


def _thinned(tree: Tree) -> Tree:
    gone = _files(tree)[1::4]
    return {path: file for path, file in tree.items() if path not in gone}


def _turned(tree: Tree) -> Tree:
    """Each file holds what the one before it held."""
    files = _files(tree)
    return tree | {path: tree[before] for path, before in zip(files, [files[-1], *files[:-1]], strict=True)}


def _swapped(tree: Tree) -> Tree:
    """The folders `sub` and `sub2` have each other's names, where there are both."""
    if not any(path.startswith(b"sub2/") for path in tree):
        return tree
    names = {b"sub": b"sub2", b"sub2": b"sub"}
    return {
        names.get(top, top) + slash + rest: tree[path] for path in tree for top, slash, rest in [path.partition(b"/")]
    }


def _alone(tree: Tree) -> Tree:
    return {_anchor(tree): tree[_anchor(tree)]}


def _unfolded(tree: Tree) -> Tree:
    """Every second file is a folder with a file in it."""
    folders = _files(tree)[1::2]
    return {path + b"/inner.md" if path in folders else path: file for path, file in tree.items()}


def _folded(tree: Tree) -> Tree:
    """Every folder but `sub` is a file."""
    tops = {path.partition(b"/")[0] for path in tree if b"/" in path} - {b"sub"}
    kept = {path: file for path, file in tree.items() if path.partition(b"/")[0] not in tops}
    return kept | {top: page(b"A file now") for top in tops} | {top + b".md": page(b"Beside it") for top in tops}


def _flipped(tree: Tree) -> Tree:
    return {
        path: File(file.content, file.mode ^ 0o111 if file.mode in _REGULAR else file.mode)
        for path, file in tree.items()
    }


def _linked(tree: Tree) -> Tree:
    """Every second file is a symbolic link, whose target is what the file held."""
    fit = [
        path for path in _files(tree)[1::2] if 0 < len(tree[path].content) < 1000 and b"\0" not in tree[path].content
    ]
    return tree | {path: File(tree[path].content, LINK) for path in fit}
