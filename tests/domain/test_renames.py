"""Pairing of vanished and new paths of one blob: the greedy choice over all pairs, at any size."""

from __future__ import annotations

import time
from itertools import product

from hypothesis import example, given
from hypothesis import strategies as st

from gbrain.domain.renames import pair

_folders = st.lists(st.sampled_from([b"a", b"b", b"aa"]), max_size=3)
_path = st.tuples(_folders, st.sampled_from([b"x", b"y", b"a", b"z.md"])).map(
    lambda parts: b"/".join([*parts[0], parts[1]])
)
_sides = st.lists(_path, unique=True, max_size=12).flatmap(
    lambda paths: st.lists(st.booleans(), min_size=len(paths), max_size=len(paths)).map(
        lambda marks: (
            [path for path, is_old in zip(paths, marks, strict=True) if is_old],
            [path for path, is_old in zip(paths, marks, strict=True) if not is_old],
        )
    )
)
Sides = tuple[list[bytes], list[bytes]]


def greedy(olds: list[bytes], news: list[bytes]) -> list[tuple[bytes, bytes]]:
    """The rule as it is written: the best of all pairs, then the best of those left, and so on."""
    pairs: list[tuple[bytes, bytes]] = []
    for old, new in sorted(product(olds, news), key=_order):
        if old not in {taken for taken, _ in pairs} and new not in {taken for _, taken in pairs}:
            pairs.append((old, new))
    return sorted(pairs)


def _order(candidate: tuple[bytes, bytes]) -> tuple[bool, int, tuple[bytes, bytes]]:
    (*old_folders, old_name), (*new_folders, new_name) = (path.split(b"/") for path in candidate)
    common = 0
    while common < min(len(old_folders), len(new_folders)) and old_folders[common] == new_folders[common]:
        common += 1
    return old_name != new_name, -common, candidate


@given(_sides)
@example(([b"a/b/x", b"x"], [b"a/x", b"b/x"]))
@example(([b"a/x", b"a/y"], [b"a/z.md", b"b/y"]))
def test_pairs_are_the_greedy_choice_over_all_pairs(sides: Sides) -> None:
    assert pair(*sides) == greedy(*sides)


@given(_sides)
def test_pairs_are_one_to_one_and_as_many_as_there_can_be(sides: Sides) -> None:
    olds, news = sides
    pairs = pair(olds, news)
    assert len(pairs) == min(len(olds), len(news))
    assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
    assert {old for old, _ in pairs} <= set(olds)
    assert {new for _, new in pairs} <= set(news)


@given(_sides, st.randoms(use_true_random=False))
def test_the_order_in_which_paths_are_given_does_not_matter(sides: Sides, random) -> None:
    olds, news = list(sides[0]), list(sides[1])
    random.shuffle(olds)
    random.shuffle(news)
    assert pair(olds, news) == pair(*sides)


def test_twenty_thousand_paths_of_one_blob_are_paired_quickly() -> None:
    olds = [b"old/%d/%d/page.md" % (n % 100, n) for n in range(20_000)]
    news = [b"new/%d/%d/page.md" % (n % 100, n) for n in range(20_000)]
    began = time.process_time()
    pairs = pair(olds, news)
    assert len(pairs) == 20_000
    assert time.process_time() - began < 5, "all pairs are 400 million: this would take minutes"
