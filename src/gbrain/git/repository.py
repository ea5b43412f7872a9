"""A repository that is only read: its trees, its commits, its blobs."""

from __future__ import annotations

import asyncio
import contextlib
import operator
import os
import re
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gbrain.domain.tree import Revision, TreeChange, TreeEntry
from gbrain.git import parse
from gbrain.git.blobs import BlobReader
from gbrain.git.environment import environment
from gbrain.git.process import DEADLINE_S, Completed, RepositoryDamaged, child, failed, run, said, stopped_answering

LIST_LENGTH = 5_000
"""About how many entries stream at a time."""

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_READ_BYTES = 1 << 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository on this disk. Whatever git complains about while it is read is raised as `GitError`."""

    place: Path
    """A checkout, a folder inside one, or a bare repository; absolute."""
    is_ours: bool = False
    """True for a bare repository in the home: git does not look around for it, nor ask who owns it."""
    alternates: tuple[Path, ...] = ()
    """Object folders read beside its own."""

    async def list_tree(self, tree: str) -> AsyncGenerator[list[TreeEntry], None]:
        """All entries of a tree with the sizes of their blobs, in byte order of path, in lists of about 5,000.

        Raises `GitError` also for a tree whose entries are out of order, which only a damaged or forged one is.
        """
        last = b""
        arguments = ("ls-tree", "-r", "-z", "-l", "--full-tree", _checked(tree))
        async with contextlib.aclosing(self._records(arguments, LIST_LENGTH)) as lists:
            async for records in lists:
                entries = parse.tree_entries(records)
                last = _last_in_order(last, [entry.path for entry in entries], tree)
                yield entries

    async def diff_trees(self, old: str, new: str) -> AsyncGenerator[list[TreeChange], None]:
        """Every path in which two trees differ, renames as a removal and an addition; sizes are -1."""
        options = ("-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none")
        arguments = ("diff-tree", *options, _checked(old), _checked(new))
        async with contextlib.aclosing(self._records(arguments, 2 * LIST_LENGTH)) as lists:
            last = b""
            async for fields in lists:
                changes = parse.tree_changes(fields)
                last = _last_in_order(last, [change.path for change in changes], new)
                yield changes

    async def subtree(self, tree: str, folder: bytes) -> str | None:
        """The tree of a folder below `tree`; None where there is no such folder."""
        listed = await self.git("ls-tree", "-z", "-d", "--full-tree", _checked(tree), "--", os.fsdecode(folder))
        if listed.returncode != 0:
            raise failed(self.arguments(), listed.stderr)
        found = [
            entry.split(b"\t")[0].split() for entry in listed.stdout.split(b"\0") if entry.endswith(b"\t" + folder)
        ]
        return found[0][2].decode() if found and found[0][1] == b"tree" else None

    async def has_tree(self, tree: str) -> bool:
        """True where the tree object itself is there and can be read."""
        return (await self.git("cat-file", "-e", f"{_checked(tree)}^{{tree}}")).returncode == 0

    async def revision(self, commit: str) -> Revision | None:
        """The revision a commit's id or a full ref name stands for; None where there is no such commit here."""
        found = await self.revisions([commit])
        return found[0]

    async def revisions(self, names: Sequence[str]) -> list[Revision | None]:
        """What `revision` gives, for several names by one child."""
        asked = "".join(f"{name}^{{commit}}\n" for name in names).encode("utf-8", "surrogateescape")
        arguments = (*self.arguments(), "cat-file", "--batch")
        completed = await run(arguments, env=self.env(), fed=asked)
        if completed.returncode != 0:
            raise failed(arguments, completed.stderr)
        return parse.revisions(completed.stdout, len(names))

    @contextlib.asynccontextmanager
    async def blobs(self) -> AsyncIterator[BlobReader]:
        """A reader of blobs for the length of the block, by one child."""
        reader = BlobReader(self.arguments(), self.env())
        try:
            yield reader
        finally:
            await reader.close()

    async def git(self, *arguments: str) -> Completed:
        """Runs one plumbing command that reads, to its end."""
        return await run((*self.arguments(), *arguments), env=self.env())

    def arguments(self) -> tuple[str, ...]:
        """What makes git read this repository and no other."""
        return (f"--git-dir={self.place}",) if self.is_ours else ("-C", str(self.place))

    def env(self) -> dict[str, str]:
        """The environment of a child that reads it."""
        return environment(alternates=self.alternates)

    async def _records(self, arguments: Sequence[str], length: int) -> AsyncGenerator[list[bytes], None]:
        """What a child prints, cut at its NULs, in lists of `length` and, at the end, of what is left."""
        async with child((*self.arguments(), *arguments), env=self.env()) as process:
            records: list[bytes] = []
            rest = b""
            while chunk := await _chunk(process, arguments):
                *pieces, rest = (rest + chunk).split(b"\0")
                records += pieces
                while len(records) >= length:
                    yield records[:length]
                    del records[:length]
            await _check_end(process, arguments)
            if records:
                yield records


async def _chunk(process: Process, arguments: Sequence[str]) -> bytes:
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await process.stdout.read(_READ_BYTES) if process.stdout is not None else b""
    except TimeoutError:
        raise stopped_answering(arguments, DEADLINE_S) from None


async def _check_end(process: Process, arguments: Sequence[str]) -> None:
    try:
        async with asyncio.timeout(DEADLINE_S):
            stderr = await process.stderr.read() if process.stderr is not None else b""
            if await process.wait() != 0:
                raise failed(arguments, said(stderr))
    except TimeoutError:
        raise stopped_answering(arguments, DEADLINE_S) from None


def _last_in_order(last: bytes, entries: Sequence[bytes], tree: str) -> bytes:
    paths = [last, *entries]
    if not all(map(operator.lt, paths, paths[1:])):
        raise RepositoryDamaged(f"tree {tree} has entries out of order", hint="run `git fsck` in the repository")
    return paths[-1]


def _checked(tree: str) -> str:
    if _ID.fullmatch(tree) is None:
        raise ValueError(f"not the id of an object: {tree!r}")
    return tree
