"""Reads what `ls-tree`, `diff-tree` and `cat-file` print (git-ls-tree(1), git-diff-tree(1), "RAW OUTPUT FORMAT")."""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from gbrain.domain.tree import Revision, TreeChange, TreeEntry

_LAST_SECOND = 253402300799  # the end of the year 9999, beyond which datetime cannot go
_UNKNOWN_SIZES = {b"-": -1, b"BAD": -1}


def tree_entries(records: Sequence[bytes]) -> list[TreeEntry]:
    """Entries from the records of `ls-tree -z -l`: `mode type id size<TAB>path`."""
    return [
        TreeEntry(path, int(mode, 8), unhexlify(blob), _UNKNOWN_SIZES[size] if size in _UNKNOWN_SIZES else int(size))
        for head, _, path in [record.partition(b"\t") for record in records]
        for mode, _, blob, size in [head.split()]
    ]


def tree_changes(fields: Sequence[bytes]) -> list[TreeChange]:
    """Changes from the alternating fields of `diff-tree -z --raw`: `:mode mode id id status`, path."""
    return [_change(head, path) for head, path in zip(fields[::2], fields[1::2], strict=True)]


def revisions(output: bytes, count: int) -> list[Revision | None]:
    """The revisions among `count` answers of `cat-file --batch`; None for each that is missing."""
    found: list[Revision | None] = []
    position = 0
    for _ in range(count):
        end = output.index(b"\n", position)
        words = output[position:end].split(b" ")
        position = end + 1
        if len(words) == 3 and words[1] == b"commit":
            found.append(revision(words[0].decode("ascii"), output[position : position + int(words[2])]))
            position += int(words[2]) + 1
        else:
            found.append(None)
    return found


def revision(commit: str, content: bytes) -> Revision:
    """The revision that a commit object stands for."""
    lines = dict(_header_lines(content))
    return Revision(
        commit=commit, tree=lines[b"tree"].decode("ascii"), committed_at=_instant(lines.get(b"committer", b""))
    )


def instant(seconds: int) -> datetime:
    """Seconds since 1970 as git stores them, held to what a datetime can be."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)


def _change(head: bytes, path: bytes) -> TreeChange:
    _, mode, _, blob, _ = head.split(b" ")
    after = int(mode, 8)
    return TreeChange(path, TreeEntry(path, after, unhexlify(blob), -1) if after else None)


def _header_lines(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in content.partition(b"\n\n")[0].split(b"\n"):
        key, _, value = line.partition(b" ")
        if key in (b"tree", b"committer"):
            yield key, value


def _instant(signature: bytes) -> datetime:
    words = signature.rpartition(b">")[2].split()
    return instant(int(words[0]) if words and words[0].isdigit() else 0)
