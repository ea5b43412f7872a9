"""Commits made of whole trees, fed to git at once: what is not in the tree is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from support.repositories import Repository


class File(NamedTuple):
    """What stands at a path."""

    content: bytes
    mode: int = 0o100644


def commit_tree(repository: Repository, tree: Mapping[bytes, File]) -> None:
    """Make `main` point at a commit that holds this tree and nothing else. The work tree is not touched."""
    lines = [b"commit refs/heads/main\ncommitter T <t@example.org> 1700000000 +0000\ndata 1\nx\n"]
    if repository.git("for-each-ref", "refs/heads/main"):
        lines.append(b"from refs/heads/main^0\n")
    lines.append(b"deleteall\n")
    for path, file in tree.items():
        lines.append(b"M %06o inline %b\ndata %d\n%b\n" % (file.mode, _quoted(path), len(file.content), file.content))
    repository.git("fast-import", "--quiet", "--force", fed=b"".join(lines))


def _quoted(path: bytes) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte if byte in b'"\\\n' else bytes([byte]) for byte in path) + b'"'
