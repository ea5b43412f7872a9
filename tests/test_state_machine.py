"""Any history of edits, force-pushes, changed settings, crashes and syncs ends in the rows of a fresh brain.

Two brains follow one repository by two sources: all of it, or what changing settings select, and one folder. One brain
takes the fast path and does everything in pieces of two, so that every boundary is met; the other always compares whole
trees, in pieces of the usual size. With GBRAIN_TORTURE=1 in the environment the histories are many, long, and different
each time (about an hour); else few, short, and always the same.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from gbrain.domain.outcome import Result
from gbrain.domain.source import Strategy
from gbrain.domain.steps import Probe, Step
from gbrain.services.source_settings import Told
from support import driver
from support.commands import BrainCommand
from support.databases import copy_of, drop
from support.driven import driven
from support.repositories import Repository
from support.rows import differences, rows
from support.servers import Server

_TORTURE = os.environ.get("GBRAIN_TORTURE") == "1"
_PIECE = 2
_COUNTS = ("added", "modified", "renamed", "deleted", "failed", "skipped")

_NAMES = [
    b"a.md",
    b"A.md",
    b"a.txt",
    b"a~.md",
    b"b.md",
    b"b/a.md",
    b"B/a.md",
    b"b/c/a.md",
    b"a.md/inner.md",
    "\N{LATIN SMALL LETTER A WITH DIAERESIS}.md".encode(),
    "a\N{COMBINING DIAERESIS}.md".encode(),
    "日本.md".encode(),
    b'it\'s "so".md',
    b"two words.md",
    b"new\nline.md",
    b"latin-\xe4.md",
    b"---.md",
    b"no-page.bin",
    b"kept/a.md",
    b"kept/b.md",
    b"kept/b/a.md",
]
_CONTENTS = [
    b"",
    b"# A\n",
    b"# A\n\nThe same text stands in several files.\n",
    b"The same text stands in several files.\n",
    b"# B\n\nSee [a](a.md), [[b]] and ![c](c.png).\n",
    b"# B\n\nSee [a](a.md) and [[b]].\n\n## More\n\n" + b"Words, many of them. " * 300,
    b"## More\n\n" + b"Words, many of them. " * 300 + b"\n\n## Even more\n\nSee [a](a.md).\n",
    b"---\ntitle: Told\ntags: [x, y]\n---\n# Not the title\n",
    b"---\ntitle: [broken\n---\n# B\n",
    b"\r\nCarriage\r\nreturns\r\n",
    b"\x00\x01\x02binary",
    b"latin \xe4\n",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
]
_ALWAYS = b"kept/always.md"
"""Never edited, so that its folder is always there."""
_SETTINGS = [
    Told(subdir="", include=[], exclude=[], strategy=Strategy.AUTO),
    Told(subdir="kept"),
    Told(subdir=""),
    Told(include=["*.md"]),
    Told(include=["b/", "kept/"]),
    Told(include=[]),
    Told(exclude=["a*", "**/b.md"]),
    Told(exclude=["kept/"]),
    Told(exclude=[]),
    Told(strategy=Strategy.CODE),
    Told(strategy=Strategy.MARKDOWN),
    Told(strategy=Strategy.AUTO),
    Told(branch="main"),
    Told(branch=""),
    Told(name="Another name", federated=False),
]
_TOO_LARGE = b"# Large\n" * 700_000

_name = st.sampled_from(_NAMES[:6] * 2 + _NAMES)
_which = st.integers(min_value=0, max_value=30)
_write = st.tuples(st.just("write"), _name, st.sampled_from(_CONTENTS))
_rename = st.tuples(st.just("rename"), _which, _name)
_edit = st.one_of(
    _write,
    _write,
    _rename,
    _rename,
    st.tuples(st.just("swap"), _which, _which),
    st.tuples(st.just("copy"), _which, _name),
    st.tuples(st.just("remove"), _which, st.none()),
    st.tuples(st.just("link"), _name, _name),
    st.tuples(st.just("touch"), _which, st.none()),
)
_edits = st.lists(_edit, min_size=3, max_size=8, unique=True)
_back = st.integers(min_value=1, max_value=4)
_strike = st.one_of(
    st.tuples(st.sampled_from([Step.STAGED, Step.PROVED, Step.MERGED, Step.COMMITTED]), st.integers(1, 6)),
    st.tuples(st.sampled_from(list(Step)), st.just(1)),
)


class World:
    """What all histories share: the server, a folder, and what fresh brains hold of commits seen before."""

    def __init__(self, server: Server, new_database: Callable[[], str], folder: Path) -> None:
        self.server, self.new_database, self.folder = server, new_database, folder
        self.fresh: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
        self.histories = 0


class History(RuleBasedStateMachine):
    """One repository, and the two brains that follow it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        world.histories += 1
        self.folder = world.folder / str(world.histories)
        self.tree = WorkTree(self.folder / "repository")
        self.registered = world.new_database()
        self.template = self._brain("registered", self.registered)
        self.template.add("wiki", self.tree.repository.folder)
        self.template.add("part", self.tree.repository.folder / "kept", "--exclude", "b/")
        self.settings: list[str] = []
        self.databases = [copy_of(world.server, self.registered) for _ in range(2)]
        self.quick, self.slow = (self._brain(f"home-{n}", name) for n, name in enumerate(self.databases))
        self.are_even = True
        self.had_large = False

    def teardown(self) -> None:
        for database in (self.registered, *self.databases):
            drop(self.world.server, database)
        shutil.rmtree(self.folder)

    @initialize(edits=st.lists(_write, min_size=6, max_size=12, unique_by=lambda edit: edit[1]))
    def begin(self, edits: list[tuple]) -> None:
        self._commit(edits)

    @rule(edits=_edits, full=st.booleans())
    def edit(self, edits: list[tuple], full: bool) -> None:
        self._commit(edits)
        self._sync_both(full=full)

    @rule(back=_back, edits=_edits)
    def force_push(self, back: int, edits: list[tuple]) -> None:
        self._go_back(back)
        self._commit(edits)
        self._sync_both()

    @rule(edits=_edits)
    def begin_history_anew(self, edits: list[tuple]) -> None:
        self.tree.repository.git("checkout", "-q", "--orphan", "anew")
        self._commit(edits)
        self.tree.repository.git("branch", "-q", "-M", "anew", "main")
        self._sync_both()

    @rule(told=st.sampled_from(_SETTINGS), edits=st.one_of(st.just([]), _edits))
    def change_settings(self, told: Told, edits: list[tuple]) -> None:
        if edits:
            self._commit(edits)
        self._tell(told)
        self._sync_both()

    @rule(edits=_edits, told=st.sampled_from(_SETTINGS), strike=_strike, back=st.sampled_from(_SETTINGS))
    def change_settings_after_failing_on_the_way(
        self, edits: list[tuple], told: Told, strike: tuple, back: Told
    ) -> None:
        self._commit(edits)
        self._tell(told)
        self._cut_off(strike, quick=True, full=False)
        self._tell(back)
        self._sync_both()

    @rule(edits=_edits, more=_edits, strike=_strike, quick=st.booleans(), full=st.booleans())
    def fail_on_the_way(self, edits: list[tuple], more: list[tuple], strike: tuple, quick: bool, full: bool) -> None:
        self._commit(edits)
        self._cut_off(strike, quick=quick, full=full)
        self._commit(more)
        self._sync_both()

    @rule(edits=_edits, back=_back, strikes=st.lists(_strike, min_size=1, max_size=3))
    def fail_on_the_way_to_what_is_taken_back(self, edits: list[tuple], back: int, strikes: list[tuple]) -> None:
        self._commit(edits)
        for strike in strikes:
            self._cut_off(strike, quick=True, full=False)
        self._go_back(back)
        self._sync_both()

    @rule(edits=_edits, strike=_strike)
    def kill_on_the_way(self, edits: list[tuple], strike: tuple) -> None:
        self._commit(edits)
        step, nth = strike
        with driven(self.quick, "--batch-items", str(_PIECE), "--kill", step, "--nth", str(nth)) as process:
            _, err = process.communicate(timeout=60)
            assert process.returncode in (0, -signal.SIGKILL), err.decode()
        self.are_even = False
        self._sync_both()

    @rule(edits=_edits)
    def sync_by_command(self, edits: list[tuple]) -> None:
        self._commit(edits)
        found = self.quick.run("sync", "--all", "--allow-mass-delete", "--json", code=None).sources()
        assert {(row["status"], row["error"]) for row in found.values()} == {("ok", None)}
        self.are_even = False
        self._sync_both()

    @precondition(lambda history: _TORTURE or not history.had_large)
    @rule(name=_name)
    def add_a_file_that_is_too_large(self, name: bytes) -> None:
        self.had_large = True
        self._commit([("write", name, _TOO_LARGE)])
        self._sync_both()

    def _tell(self, told: Told) -> None:
        """Change the settings of one source, in both brains and in every fresh one from now on."""
        for brain in (self.template, self.quick, self.slow):
            driver.change(brain.env(), "wiki", told)
        with psycopg.connect(self.template.url or "") as conn:
            found = conn.execute("SELECT branch, subdir, strategy, include, exclude FROM gbrain.sources ORDER BY id")
            self.settings = [repr(row) for row in found]

    def _commit(self, edits: list[tuple]) -> None:
        for edit in edits:
            self.tree.apply(edit)
        self.tree.repository.commit_all()

    def _go_back(self, back: int) -> None:
        """Force the branch back by some commits, as far as there are any."""
        commits = self.tree.repository.git("rev-list", "--first-parent", "HEAD").split()
        self.tree.repository.git("reset", "-q", "--hard", commits[min(back, len(commits) - 1)])

    def _cut_off(self, strike: tuple, *, quick: bool, full: bool) -> None:
        """Have one of the two fail on its way, in small pieces."""
        brain = self.quick if quick else self.slow
        with driver.pieces_of(_PIECE):
            driver.sync(brain.env(), full=full, fast_path=quick, probe=_failing(*strike))
        self.are_even = False

    def _sync_both(self, *, full: bool = False) -> None:
        quick, slow = self._sync(self.quick, full=full), self._sync(self.slow, full=full)
        for mine, other in zip(quick, slow, strict=True) if self.are_even else []:
            counts = [{name: getattr(row.counts, name) for name in _COUNTS} for row in (mine, other)]
            assert counts[0] == counts[1]
            assert (mine.sync_status, mine.failures_open) == (other.sync_status, other.failures_open)
        self.are_even = True
        fresh = self._fresh()
        assert differences(rows(self.quick.url or ""), fresh) == []
        assert differences(rows(self.slow.url or ""), fresh) == []
        reports, stray = driver.verify(self.quick.env())
        assert [(report.findings, report.cannot) for report in reports] == [([], None)] * 2
        assert set(stray.values()) == {0}

    def _sync(self, brain: BrainCommand, *, full: bool) -> list[Result]:
        is_quick = brain is self.quick
        with driver.pieces_of(_PIECE) if is_quick else nullcontext():
            found = driver.sync(brain.env(), full=full, fast_path=is_quick)
        assert [(row.status, row.trouble) for row in found] == [("ok", None)] * 2
        return found

    def _fresh(self) -> dict[str, list[tuple[Any, ...]]]:
        key = " ".join([self.tree.repository.git("rev-parse", "HEAD"), *self.settings])
        if key not in self.world.fresh:
            database = copy_of(self.world.server, self.registered)
            brain = self._brain("fresh", database)
            self._sync(brain, full=False)
            self.world.fresh[key] = rows(brain.url or "")
            drop(self.world.server, database)
        return self.world.fresh[key]

    def _brain(self, home: str, database: str) -> BrainCommand:
        return BrainCommand(home=self.folder / home, url=self.world.server.url(database))


class WorkTree:
    """A repository's work tree, edited with no regard for what is there."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository.create(folder, {_ALWAYS: _CONTENTS[1]})
        self._root = os.fsencode(folder)

    def apply(self, edit: tuple) -> None:
        """Carry out one edit; one that needs files where there are none does nothing."""
        match edit:
            case "write", name, content:
                self._write(name, content)
            case "link", name, target:
                os.symlink(target, self._cleared(name))
            case action, which, other if files := self._files():
                self._apply_to(action, files, files[which % len(files)], other)

    def _apply_to(self, action: str, files: list[bytes], path: bytes, other: Any) -> None:
        full = os.path.join(self._root, path)
        match action:
            case "remove":
                os.unlink(full)
            case "touch" if not os.path.islink(full):
                os.chmod(full, os.stat(full).st_mode ^ 0o111)
            case "swap":
                self._swap(full, os.path.join(self._root, files[other % len(files)]))
            case "rename" | "copy":
                aside = os.path.join(self._root, b".git/aside")
                (os.rename if action == "rename" else _copy)(full, aside)
                os.rename(aside, self._cleared(other))

    def _swap(self, one: bytes, other: bytes) -> None:
        aside = os.path.join(self._root, b".git/aside")
        os.rename(one, aside)
        if one != other:
            os.rename(other, one)
        os.rename(aside, other)

    def _write(self, name: bytes, content: bytes) -> None:
        with open(self._cleared(name), "wb") as file:
            file.write(content)

    def _cleared(self, name: bytes) -> bytes:
        """The full path of a name, with its folder there and nothing in its place."""
        full = self._root
        *folders, _ = name.split(b"/")
        for folder in folders:
            full = os.path.join(full, folder)
            if os.path.islink(full) or os.path.isfile(full):
                os.unlink(full)
            os.makedirs(full, exist_ok=True)
        full = os.path.join(self._root, name)
        if os.path.islink(full) or os.path.isfile(full):
            os.unlink(full)
        elif os.path.isdir(full):
            shutil.rmtree(full)
        return full

    def _files(self) -> list[bytes]:
        found = []
        for folder, folders, files in os.walk(self._root):
            if b".git" in folders:
                folders.remove(b".git")
            found += [os.path.relpath(os.path.join(folder, name), self._root) for name in files]
            found += [
                os.path.relpath(os.path.join(folder, name), self._root)
                for name in folders
                if os.path.islink(os.path.join(folder, name))
            ]
        return sorted(path for path in found if path != _ALWAYS)


def test_every_history_ends_in_the_rows_of_a_fresh_brain(
    server: Server, new_database: Callable[[], str], tmp_path: Path
) -> None:
    world = World(server, new_database, tmp_path)
    run_state_machine_as_test(
        lambda: History(world),
        settings=settings(
            max_examples=500 if _TORTURE else 4,
            stateful_step_count=30 if _TORTURE else 8,
            derandomize=not _TORTURE,
            phases=[Phase.generate, Phase.shrink] if _TORTURE else [Phase.generate],
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _failing(at: Step, nth: int) -> Probe:
    """A probe that ends the run with an error at the nth time the step is passed."""
    left = nth

    def probe(source_id: str, step: Step) -> None:
        nonlocal left
        left -= step is at
        if step is at and left == 0:
            raise RuntimeError("cut off by a test")

    return probe


def _copy(source: bytes, target: bytes) -> None:
    shutil.copy2(source, target, follow_symlinks=False)
