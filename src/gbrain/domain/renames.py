"""Pairing: which vanished path became which new one, where both hold the same blob."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator


def pair(vanished: Iterable[bytes], new: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """One-to-one pairs (old, new) among the paths of one blob, at most as many as the shorter side has.

    Pairs are taken by: same file name first, then the longest common folder prefix, then byte order of (old, new).
    The order in which the paths are given does not matter. O(n log n) in the number of paths and folders.
    """
    olds, news = set(vanished), set(new)
    pairs: list[tuple[bytes, bytes]] = []
    by_name: dict[bytes, tuple[set[bytes], set[bytes]]] = defaultdict(lambda: (set(), set()))
    for side, paths in enumerate((olds, news)):
        for path in paths:
            by_name[path.rpartition(b"/")[2]][side].add(path)
    for same_name in by_name.values():
        pairs.extend(_by_folders(*same_name))
    olds -= {old for old, _ in pairs}
    news -= {new for _, new in pairs}
    pairs.extend(_by_folders(olds, news))
    return sorted(pairs)


def _by_folders(olds: set[bytes], news: set[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Pair from the deepest folder upwards; within a folder in byte order.

    Once a folder's own subtree is exhausted on one side, pairs across it share exactly the folder above, so taking
    each folder's left-overs in byte order is the greedy choice over all pairs.
    """
    if not olds or not news:
        return
    levels: dict[int, dict[bytes, tuple[list[bytes], list[bytes]]]] = defaultdict(dict)
    for side, paths in enumerate((olds, news)):
        for path in paths:
            _put(levels, path.rpartition(b"/")[0], side, [path])
    for depth in range(max(levels), -1, -1):
        for folder, (left, right) in levels.pop(depth, {}).items():
            left.sort()
            right.sort()
            yield from zip(left, right, strict=False)
            matched = min(len(left), len(right))
            if depth:
                _put(levels, folder.rpartition(b"/")[0], 0, left[matched:])
                _put(levels, folder.rpartition(b"/")[0], 1, right[matched:])


def _put(
    levels: dict[int, dict[bytes, tuple[list[bytes], list[bytes]]]], folder: bytes, side: int, paths: list[bytes]
) -> None:
    depth = folder.count(b"/") + 1 if folder else 0
    if paths:
        levels[depth].setdefault(folder, ([], []))[side].extend(paths)
