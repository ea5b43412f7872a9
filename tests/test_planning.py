"""The planner as a whole: from one tree to the next, whatever the batches, slugs are settled and renamed pages stay."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gbrain.app.brain import Brain, open_brain
from gbrain.app.settings import Settings
from gbrain.app.syncing import run_sync
from gbrain.app.verifying import run_verify
from gbrain.domain import fingerprint, slugs
from gbrain.domain.outcome import Result, Status
from gbrain.domain.renames import pair
from gbrain.domain.slugs import base_slug, settle
from gbrain.domain.steps import Probe, Step, no_probe
from gbrain.domain.sync_options import SyncOptions
from gbrain.services import registry
from gbrain.services.source_settings import Told
from support.driver import pieces_of
from support.repositories import Repository
from support.servers import Server
from support.torture import examples
from support.trees import File, commit_tree

Tree = Mapping[bytes, File]
ONE, TWO, EMPTY, BINARY = File(b"one\n"), File(b"two\n"), File(b""), File(b"\0\1\2")
BROKEN, LINK = File(b"---\na: [\n---\nbody\n"), File(b"a.md", 0o120000)
_PATHS = [
    b"a.md",
    b"A.md",
    b"a.txt",
    b"a!.rst",
    b"b.md",
    b"b.txt",
    b"B-.org",
    b"a/b.md",
    b"A/b.txt",
    b"a b.md",
    b"a-b.md",
]
_path = st.sampled_from(_PATHS)
_files = st.sampled_from([ONE, ONE, TWO, TWO, EMPTY, BINARY, BROKEN, LINK])
_edits = st.lists(st.tuples(_path, _files | _path | st.none()), min_size=1, max_size=5)


class Page(NamedTuple):
    """A page as far as planning goes."""

    page_id: int
    slug: str
    blob: bytes


@dataclass
class Bench:
    """A brain held open, in which each example gets a source and a repository of its own."""

    brain: Brain
    runner: asyncio.Runner
    url: str
    folder: Path
    numbers: Iterator[int]

    def new_source(self) -> tuple[str, Repository]:
        name = f"s{next(self.numbers)}"
        repository = Repository.create(self.folder / name)
        commit_tree(repository, {})
        self.runner.run(self._add(name, repository.folder))
        return name, repository

    async def _add(self, name: str, folder: Path) -> None:
        async with self.brain.pool.connection() as conn:
            await registry.add_source(conn, name, Told(path=folder), allow_private_hosts=False)

    def sync(self, name: str, *, full: bool = False, fast: bool = True, probe: Probe = no_probe) -> Result:
        synced = self.runner.run(
            run_sync(
                self.brain,
                SyncOptions(full=full, allow_mass_delete=True),
                named=name,
                here=self.folder,
                all_sources=False,
                parallel=1,
                workers=1,
                fetch_slots=1,
                emit=lambda event: None,
                probe=probe,
                use_fast_path=fast,
            )
        )
        return synced.results[0]

    def findings(self, name: str) -> list[object]:
        ((report,), _) = self.runner.run(
            run_verify(self.brain, named=name, here=self.folder, all_sources=False, sample=None)
        )
        return list(report.findings)

    def pages(self, name: str) -> dict[bytes, Page]:
        found = self._rows("SELECT path, id, slug, blob FROM gbrain.pages WHERE source_id = %s", name)
        return {path: Page(*rest) for path, *rest in found}

    def ledger(self, name: str) -> dict[bytes, tuple[str | None, bytes]]:
        found = self._rows("SELECT path, slug, blob FROM gbrain.ledger WHERE source_id = %s", name)
        return {path: (slug, blob) for path, slug, blob in found}

    def _rows(self, query: str, name: str) -> list[tuple]:
        with psycopg.connect(self.url) as conn:
            return conn.execute(query, (name,)).fetchall()


@pytest.fixture(scope="module")
def bench(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("planning")
    url = server.url(new_database())
    opened = open_brain(Settings(home=folder, database_url=url), url, connections=2)
    with asyncio.Runner() as runner:
        brain = runner.run(opened.__aenter__())
        yield Bench(brain=brain, runner=runner, url=url, folder=folder, numbers=count())
        runner.run(opened.__aexit__(None, None, None))


def settled(tree: Tree) -> dict[bytes, str]:
    """The slug of each file of the tree, page or not."""
    groups: dict[str, list[bytes]] = defaultdict(list)
    for path, file in tree.items():
        if file is not LINK:
            groups[base_slug(path)].append(path)
    return {path: slug for group in groups.values() for path, slug in settle(group).items()}


def renamed(
    pages: Mapping[bytes, Page], noted: Mapping[bytes, tuple[str | None, bytes]], tree: Tree
) -> dict[bytes, int]:
    """Which page each new path is to be, by the rule for renames."""
    blobs = {path: _blob(file) for path, file in tree.items() if file is not LINK}
    vanished, new = defaultdict(list), defaultdict(list)
    for path, page in pages.items():
        if path not in blobs and page.blob != _blob(EMPTY):
            vanished[page.blob].append(path)
    for path, blob in blobs.items():
        if path not in pages and noted.get(path, (None, b""))[1] != blob:
            new[blob].append(path)
    pairs = [couple for blob in vanished for couple in pair(vanished[blob], new[blob])]
    return {path: pages[old].page_id for old, path in pairs}


def _blob(file: File) -> bytes:
    return hashlib.sha1(b"blob %d\0%b" % (len(file.content), file.content)).digest()


def cut_off_after(commits: int) -> Probe:
    """A probe that breaks the run off once so many of its batches are in."""
    left = commits

    def probe(source_id: str, step: Step) -> None:
        nonlocal left
        if step is Step.COMMITTED:
            left -= 1
            if left == 0:
                raise RuntimeError("cut off")

    return probe


@dataclass(frozen=True)
class Change:
    """How the next tree comes about, and how it is brought in."""

    edits: Sequence[tuple[bytes, File | bytes | None]]
    items: int = 1
    full: bool = False
    fast: bool = True
    cut_after: int | None = None


_changes = st.builds(
    Change,
    edits=_edits,
    items=st.integers(1, 4),
    full=st.sampled_from([False, False, True]),
    fast=st.booleans(),
    cut_after=st.none() | st.integers(1, 4),
)
_RING = [
    Change([(b"a.md", ONE), (b"b.txt", TWO)]),
    Change([(b"a.md", b"b.md"), (b"b.txt", b"a.txt")]),
    Change([(b"b.md", b"b.txt"), (b"a.txt", b"a.md")]),
]
_BASE_OF_A_LEDGER_ROW = [Change([(b"a.txt", BINARY)]), Change([(b"a.md", ONE)], cut_after=1)]


def edited(tree: Tree, edits: Sequence[tuple[bytes, File | bytes | None]]) -> Tree:
    """The tree after the edits: a file is put, a path is swapped with, None removes."""
    after: dict[bytes, File | None] = dict(tree)
    for path, what in edits:
        if isinstance(what, bytes):
            after[path], after[what] = after.get(what), after.get(path)
        else:
            after[path] = what
    return {path: file for path, file in after.items() if file is not None}


@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(changes=st.lists(_changes, min_size=1, max_size=3))
@example(changes=_RING)
@example(changes=[Change([(b"a.txt", ONE)]), Change([(b"a.md", TWO)])])
@example(changes=_BASE_OF_A_LEDGER_ROW)
@example(changes=[*_BASE_OF_A_LEDGER_ROW, Change([(b"a.txt", ONE)])])
def test_after_any_trees_batches_and_cuts_slugs_are_settled_and_renamed_pages_keep_their_ids(
    bench: Bench, changes: list[Change]
) -> None:
    name, repository = bench.new_source()
    tree: Tree = {}
    for change in changes:
        before, noted = bench.pages(name), bench.ledger(name)
        tree = edited(tree, change.edits)
        commit_tree(repository, tree)
        with pieces_of(change.items):
            if change.cut_after is not None:
                bench.sync(name, full=change.full, fast=change.fast, probe=cut_off_after(change.cut_after))
            result = bench.sync(name, full=change.full, fast=change.fast)
        assert result.status is Status.OK, result.trouble
        pages, ledger = bench.pages(name), bench.ledger(name)
        assert not set(pages) & set(ledger)
        slugs_now = {path: page.slug for path, page in pages.items()}
        slugs_now |= {path: slug for path, (slug, _) in ledger.items() if slug is not None}
        assert slugs_now == settled(tree)
        kept = {path: page.page_id for path, page in before.items() if path in pages}
        expected = kept | {path: i for path, i in renamed(before, noted, tree).items() if path in pages}
        assert {path: pages[path].page_id for path in expected} == expected
    assert bench.findings(name) == []


def test_slugs_that_change_hands_in_a_ring_are_released_first_and_every_page_counts_once(bench: Bench) -> None:
    name, repository = bench.new_source()
    tree: Tree = {}
    with pieces_of(1):
        for change, (added, renamed_) in zip(_RING, [(2, 0), (0, 2), (0, 2)], strict=True):
            tree = edited(tree, change.edits)
            commit_tree(repository, tree)
            result = bench.sync(name)
            assert result.trouble is None
            counts = result.counts
            assert (counts.added, counts.renamed, counts.modified, counts.deleted) == (added, renamed_, 0, 0)


def test_a_page_whose_slug_alone_changes_counts_as_modified(bench: Bench) -> None:
    name, repository = bench.new_source()
    with pieces_of(1):
        commit_tree(repository, {b"a.txt": ONE})
        bench.sync(name)
        commit_tree(repository, {b"a.txt": ONE, b"a.md": TWO})
        result = bench.sync(name)
    assert result.trouble is None
    counts = result.counts
    assert (counts.added, counts.modified) == (1, 1)
    assert bench.pages(name)[b"a.md"].slug == "a"


def test_under_another_rule_for_slugs_every_page_gets_the_slug_it_then_has(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, repository = bench.new_source()
    tree = {b"a b.md": ONE, b"a-b.md": TWO, b"c d.txt": BINARY, b"e.md": ONE, b"ab.md": TWO}
    commit_tree(repository, tree)
    bench.sync(name)
    monkeypatch.setattr(slugs, "_clean", lambda word: "".join(c for c in word if c.isalnum()))
    monkeypatch.setattr(fingerprint, "SLUG_RULE", fingerprint.SLUG_RULE + 1)
    with pieces_of(2):
        assert bench.sync(name).status is Status.OK
    found = {path: page.slug for path, page in bench.pages(name).items()}
    found |= {path: slug for path, (slug, _) in bench.ledger(name).items() if slug is not None}
    assert found == settled(tree)
    assert found[b"c d.txt"] == "cd"


_LARGE = """
import asyncio, json, resource
from gbrain.domain.plan import Drop, StoredPage, Write
from gbrain.domain.tree import TreeEntry
from gbrain.services.planning import _settle_newcomers
from gbrain.spool.spool import Spool
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Spool() as spool:
    spool.add([])
    began = peak()
    for start in range(0, {items}, 1000):
        spool.add(
            Write(TreeEntry(b"folder-%d/page-%d.md" % (n % 997, n), 0o100644, n.to_bytes(20, "big"), 100), None, None)
            for n in range(start, start + 1000)
        )
    asyncio.run(_settle_newcomers(spool))
    cleared = sum(len(rows) for rows in spool.clearing(1000))
    written = sum(len(rows) for rows in spool.writing(1000))
    print(json.dumps([cleared, written, peak() - began]))
"""


def test_the_memory_of_a_plan_does_not_grow_with_its_items() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LARGE.format(items=150_000)], capture_output=True, text=True, timeout=100, check=True
    )
    cleared, written, grown_kib = json.loads(done.stdout)
    assert (cleared, written) == (0, 150_000)
    assert grown_kib < 35_000, f"{grown_kib} KiB for 150,000 items, of which the cache is 8,192"
