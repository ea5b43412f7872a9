"""What a plain folder holds, by the tests' own look at it, and what a source of it must therefore hold.

Nothing here asks the program: the tree's id is worked out by git's own rule, reasons by what the tests write.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

LARGEST_BYTES = 5_000_000
NESTED, SPECIAL, UNREADABLE = "1" * 40, "22" * 20, "33" * 20
_LARGE = bytes(LARGEST_BYTES + 1)
_NO_FILES = (0o120000, 0o160000)
_MARKDOWN, _CODE = (b".md", b".txt"), (b".py",)


class Thing(NamedTuple):
    """What stands at a path: its mode and id as git would have them, and what a regular file holds."""

    mode: int
    blob: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What a source's settings select, in words that owe nothing to the program's."""

    subdir: bytes = b""
    is_left_in: Callable[[bytes], bool] = lambda path: True
    extensions: tuple[bytes, ...] = (*_MARKDOWN, *_CODE)

    def takes(self, path: bytes, mode: int) -> bool:
        """Whether a path below the subdirectory has a page or a row in the ledger."""
        return self.is_left_in(path) and (mode in _NO_FILES or path.endswith(self.extensions))


MARKDOWN_ALONE, CODE_ALONE, BOTH = _MARKDOWN, _CODE, (*_MARKDOWN, *_CODE)


class Wanted(NamedTuple):
    """What a source must hold: ids by path of its pages, reason, mode and id of its ledger, and its tree's id."""

    pages: dict[bytes, str]
    ledger: dict[bytes, tuple[str, int, str]]
    tree: str


def look(folder: bytes, *, is_bound: bool) -> dict[bytes, Thing] | None:
    """Everything in the folder by path; None where it, or a folder in it, cannot be read.

    `is_bound` says whether permissions bind whoever syncs, which they do not for root.
    """
    if os.path.islink(folder) or not os.path.isdir(folder):
        return None
    try:
        return dict(_things(folder, b"", is_bound))
    except PermissionError:
        return None


def wanted(things: Mapping[bytes, Thing] | None, selection: Selection) -> Wanted | None:
    """What a source must hold of these things; None where that is an error."""
    below = selection.subdir + b"/" if selection.subdir else b""
    some = {path[len(below) :]: thing for path, thing in (things or {}).items() if path.startswith(below)}
    if not some:
        return None
    taken = {path: thing for path, thing in some.items() if selection.takes(path, thing.mode)}
    reasons = {path: reason for path, thing in taken.items() if (reason := _reason(path, thing)) is not None}
    return Wanted(
        pages={path: thing.blob for path, thing in taken.items() if path not in reasons},
        ledger={path: (reason, taken[path].mode, taken[path].blob) for path, reason in reasons.items()},
        tree=tree_id(some),
    )


def tree_id(things: Mapping[bytes, Thing]) -> str:
    """The id of the tree that holds these things."""
    entries: dict[bytes, tuple[bytes, str]] = {}
    below: dict[bytes, dict[bytes, Thing]] = {}
    for path, thing in things.items():
        name, _, rest = path.partition(b"/")
        if rest:
            below.setdefault(name, {})[rest] = thing
        else:
            entries[name] = (b"%o %s" % (thing.mode, name), thing.blob)
    for name, some in below.items():
        entries[name + b"/"] = (b"40000 " + name, tree_id(some))
    body = b"".join(head + b"\0" + bytes.fromhex(blob) for _, (head, blob) in sorted(entries.items()))
    return _id(b"tree", body)


def blob_id(content: bytes) -> str:
    """The id git gives a file's content."""
    return _id(b"blob", content)


def failing(found: Wanted) -> int:
    """How many of the ledger's rows a person should look at."""
    return sum(reason in ("too_large", "front_matter_broken", "unreadable") for reason, _, _ in found.ledger.values())


def _things(folder: bytes, below: bytes, is_bound: bool) -> Iterator[tuple[bytes, Thing]]:
    inside = os.path.join(folder, below)
    if is_bound and os.stat(inside).st_mode & 0o500 != 0o500:
        raise PermissionError(inside)
    for name in os.listdir(inside):
        path, full = below + name, os.path.join(inside, name)
        status = os.lstat(full)
        if name == b".git":
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield path, _thing(full, status, is_bound)
        elif os.path.lexists(os.path.join(full, b".git")):
            yield path, Thing(0o160000, NESTED)
        else:
            yield from _things(folder, path + b"/", is_bound)


def _thing(full: bytes, status: os.stat_result, is_bound: bool) -> Thing:
    if stat.S_ISLNK(status.st_mode):
        return Thing(0o120000, blob_id(os.readlink(full)))
    if not stat.S_ISREG(status.st_mode):
        return Thing(0o160000, SPECIAL)
    if status.st_size > LARGEST_BYTES:
        return Thing(0o100644, blob_id(_LARGE), _LARGE)
    if is_bound and not status.st_mode & 0o400:
        return Thing(0o160000, UNREADABLE)
    with open(full, "rb") as file:
        content = file.read()
    return Thing(0o100755 if status.st_mode & 0o100 else 0o100644, blob_id(content), content)


def _reason(path: bytes, thing: Thing) -> str | None:
    if thing.mode == 0o120000:
        return "symlink"
    if thing.content is None:
        return {SPECIAL: "special_file", UNREADABLE: "unreadable"}.get(thing.blob, "submodule")
    if len(thing.content) > LARGEST_BYTES:
        return "too_large"
    if b"\0" in thing.content:
        return "binary"
    if thing.content.startswith(b"version https://git-lfs.github.com/spec/v1\n"):
        return "lfs_pointer"
    return "front_matter_broken" if path.endswith(b".md") and thing.content.startswith(b"---\nx: [\n---") else None


def _id(kind: bytes, body: bytes) -> str:
    return hashlib.sha1(b"%s %d\0%s" % (kind, len(body), body), usedforsecurity=False).hexdigest()
