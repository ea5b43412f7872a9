"""Any history of a plain folder, of its source's settings, and of syncs cut off ends in the rows of a fresh brain.

Beside the fresh brain stands a look of the tests' own at the folder, which says what the pages, the ledger with its
reasons, and the tree's id must be. Permissions bind the looks even where root runs the tests, as far as `setpriv` is
there. With GBRAIN_TORTURE=1 in the environment the histories are many, long, and different each time (about an hour;
GBRAIN_TORTURE_EXAMPLES says how many); else few, short, and always the same.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from gbrain.domain.outcome import Result
from gbrain.domain.source import Strategy
from gbrain.domain.steps import Probe, Step, no_probe
from gbrain.domain.sync_options import SyncOptions
from gbrain.errors import UsageError
from gbrain.services.source_settings import Told
from support import driver, looking
from support.commands import BrainCommand
from support.databases import ask, drop
from support.plain import (
    BOTH,
    CODE_ALONE,
    LARGEST_BYTES,
    MARKDOWN_ALONE,
    Selection,
    Thing,
    Wanted,
    failing,
    look,
    wanted,
)
from support.rows import differences, rows
from support.servers import Server
from support.vault import Vault

_TORTURE = os.environ.get("GBRAIN_TORTURE") == "1"
_EXAMPLES = int(os.environ.get("GBRAIN_TORTURE_EXAMPLES", "300"))
_COUNTS = ("added", "modified", "renamed", "deleted", "failed", "skipped")
_SOURCE = "vault"

_NAMES = [
    b"a.md",
    b"A.md",
    b"a.txt",
    b"a~.md",
    b"b.py",
    b"sub/a.md",
    b"Sub/a.md",
    b"sub/deep/a.md",
    b"sub/deep/b.md",
    b"a.md/inner.md",
    "\N{LATIN SMALL LETTER A WITH DIAERESIS}.md".encode(),
    "a\N{COMBINING DIAERESIS}.md".encode(),
    b'it\'s "so".md',
    b"new\nline.md",
    b"latin-\xe4.md",
    b"--help.md",
    b"no-page.bin",
    b".gitignore",
    b".gitattributes",
    b".gitmodules",
    b"sub/.gitignore",
    b".hidden/a.md",
    b"git~1.md",
    b".GIT/config.md",
]
_FOLDERS = [b"sub", b"Sub", b"sub/deep", b"other", b"a.md", "\N{LATIN SMALL LETTER A WITH DIAERESIS}".encode()]
_CONTENTS = [
    b"",
    b"# A\n",
    b"# A\n\nThe same text stands in several files.\n",
    b"# B\n\nSee [a](a.md), [[b]] and ![c](c.png).\n",
    b"# B\n\n" + b"Words, many of them. " * 300,
    b"---\ntitle: Told\n---\n# Not the title\n",
    b"---\nx: [\n---\n# B\n",
    b"\r\nCarriage\r\nreturns\r\n",
    b"*.md\nsub/\n",
    b"* filter=canary text eol=lf ident\n",
    b"\x00\x01\x02binary",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
]


def _any_part(holds: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    return lambda path: any(map(holds, path.split(b"/")))


def _is_below_sub(path: bytes) -> bool:
    return b"sub" in path.split(b"/")[:-1]


_ends_md = _any_part(lambda part: part.endswith(b".md"))
_begins_a = _any_part(lambda part: part.startswith(b"a"))
_SETTINGS: list[tuple[Told, dict[str, Any]]] = [
    (
        Told(subdir="", include=[], exclude=[], strategy=Strategy.AUTO),
        {"subdir": b"", "extensions": BOTH, "is_left_in": lambda path: True},
    ),
    (Told(subdir="sub"), {"subdir": b"sub"}),
    (Told(subdir="sub/deep"), {"subdir": b"sub/deep"}),
    (Told(subdir=""), {"subdir": b""}),
    (Told(strategy=Strategy.CODE), {"extensions": CODE_ALONE}),
    (Told(strategy=Strategy.MARKDOWN), {"extensions": MARKDOWN_ALONE}),
    (Told(strategy=Strategy.AUTO), {"extensions": BOTH}),
    (Told(include=["*.md"], exclude=[]), {"is_left_in": _ends_md}),
    (Told(include=["sub/"], exclude=[]), {"is_left_in": _is_below_sub}),
    (Told(include=[], exclude=["a*"]), {"is_left_in": lambda path: not _begins_a(path)}),
    (Told(include=["*.md"], exclude=["sub/"]), {"is_left_in": lambda path: _ends_md(path) and not _is_below_sub(path)}),
    (Told(include=[], exclude=[]), {"is_left_in": lambda path: True}),
    (Told(name="Another name", federated=False), {}),
]

_name = st.sampled_from(_NAMES[:8] * 2 + _NAMES)
_which = st.integers(min_value=0, max_value=30)
_write = st.tuples(st.just("write"), _name, st.integers(0, len(_CONTENTS) - 1))
_edit = st.one_of(
    _write,
    _write,
    st.tuples(st.sampled_from(["rename", "copy", "hard link"]), _which, _name),
    st.tuples(st.just("rename folder"), _which, st.sampled_from(_FOLDERS)),
    st.tuples(st.sampled_from(["remove", "remove folder", "touch", "execute", "lock"]), _which, _which),
    st.tuples(st.sampled_from(["disguise", "swap"]), _which, _which),
    st.tuples(st.sampled_from(["link", "loop", "special"]), _name, _which),
    st.tuples(st.just("nest"), st.sampled_from(_FOLDERS), _which),
    st.tuples(st.just("large"), _name, st.sampled_from([LARGEST_BYTES, LARGEST_BYTES + 1])),
)
_edits = st.lists(_edit, min_size=1, max_size=6, unique=True)
_step = st.sampled_from([Step.FETCHED, Step.PLANNED, Step.STAGED, Step.COMMITTED])


class World:
    """What all histories share: the server, a maker of empty brains, and a folder."""

    def __init__(self, server: Server, new_database: Callable[[], str], folder: Path) -> None:
        self.server, self.new_database, self.folder = server, new_database, folder
        self.histories = 0


class PlainFolder(RuleBasedStateMachine):
    """A plain folder, and the brain that follows it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        world.histories += 1
        self.folder = world.folder / str(world.histories)
        self.databases: list[str] = []
        self.vault = Vault(self.folder / "vault", self.folder / "outside")
        self.vault.apply(("write", b"a.md", b"# A\n"))
        self.brain, self.fresh = (self._brain(name) for name in ("brain", "fresh"))
        self.told = Told(path=self.vault.folder)
        looking.renew(self.brain.env(), _SOURCE, self.told)
        self.selection = Selection()
        self.is_enabled = True
        self.is_in: tuple[dict[bytes, Thing], Selection] | None = None
        """The folder and the settings of the last sync, where it is known to have come to its end."""

    def teardown(self) -> None:
        for database in self.databases:
            drop(self.world.server, database)
        if not self.vault.folder.is_symlink() and self.vault.folder.exists():
            self.vault.unlock()
        shutil.rmtree(self.folder)

    @initialize(edits=st.lists(_write, min_size=4, max_size=10, unique_by=lambda edit: edit[1]))
    def begin(self, edits: list[tuple]) -> None:
        self._edit(edits)

    @rule(edits=_edits, fast_path=st.booleans(), rehearsed=st.booleans())
    def edit(self, edits: list[tuple], fast_path: bool, rehearsed: bool) -> None:
        self._edit(edits)
        self._sync(fast_path=fast_path, rehearsed=rehearsed)

    @rule(edits=_edits, full=st.booleans())
    def edit_and_retry(self, edits: list[tuple], full: bool) -> None:
        self._edit(edits)
        self._sync(replace(_OPTIONS, full=full, retry_failed=True), rehearsed=True)

    @rule()
    def look_again(self) -> None:
        self._sync()
        self._sync(rehearsed=True)

    @rule(chosen=st.sampled_from(_SETTINGS), edits=st.one_of(st.just([]), _edits))
    def change_settings(self, chosen: tuple[Told, dict[str, Any]], edits: list[tuple]) -> None:
        self._edit(edits)
        told, means = chosen
        if self._tell(told):
            self.selection = replace(self.selection, **means)
        self._sync(rehearsed=bool(edits))

    @rule(edits=_edits)
    def disable_and_enable(self, edits: list[tuple]) -> None:
        self._tell(Told(enabled=False))
        self._edit(edits)
        before = rows(self.brain.url or "")
        [row] = looking.sync(self.brain.env(), options=_OPTIONS)
        assert (row.status, row.trouble and row.trouble.code) == ("skipped", "disabled")
        assert differences(rows(self.brain.url or ""), before) == []
        self._tell(Told(enabled=True))
        self._sync()

    @rule(edits=_edits, kept=st.booleans())
    def empty(self, edits: list[tuple], kept: bool) -> None:
        self.vault.clear()
        if kept:
            (self.vault.folder / "empty" / "folders").mkdir(parents=True)
        self._sync(rehearsed=True)
        self._edit(edits)
        self._sync()

    @rule(put=st.sampled_from(["nothing", "folder", "file", "link"]), edits=_edits)
    def take_away_and_bring_back(self, put: str, edits: list[tuple]) -> None:
        aside = self.vault.folder.rename(self.folder / "away")
        place = self.vault.folder
        match put:
            case "folder":
                place.mkdir()
            case "file":
                place.write_bytes(b"# Not a folder\n")
            case "link":
                place.symlink_to(aside)
        self._sync(rehearsed=True)
        if put != "nothing":
            place.rmdir() if put == "folder" else place.unlink()
        aside.rename(place)
        self._edit(edits)
        self._sync()

    @rule(edits=_edits)
    def remake(self, edits: list[tuple]) -> None:
        self.vault.remake()
        self._sync()
        self._edit(edits)
        self._sync()

    @precondition(lambda history: history.is_in is not None)
    @rule(edits=_edits)
    def lose_the_snapshots(self, edits: list[tuple]) -> None:
        shutil.rmtree(self.brain.home / "folders", ignore_errors=True)
        self.is_in = None
        self._edit(edits)
        self._sync()

    @rule(edits=_edits, more=_edits, step=_step)
    def edit_while_it_is_taken_in(self, edits: list[tuple], more: list[tuple], step: Step) -> None:
        self._edit(edits)
        later = list(more)

        def probe(source_id: str, at: Step) -> None:
            if at is step and later:
                self._edit(later)
                later.clear()

        self._sync(probe=probe, compared=False)
        self._sync()

    @rule(edits=_edits, step=st.sampled_from(list(Step)), nth=st.integers(1, 3), more=_edits)
    def fail_on_the_way(self, edits: list[tuple], step: Step, nth: int, more: list[tuple]) -> None:
        self._edit(edits)
        left = nth

        def probe(source_id: str, at: Step) -> None:
            nonlocal left
            left -= at is step
            if at is step and left == 0:
                raise RuntimeError("cut off by a test")

        with driver.pieces_of(2):
            looking.sync(self.brain.env(), options=_OPTIONS, probe=probe)
        self.is_in = None
        self._edit(more)
        self._sync()

    @rule(edits=_edits, after_ms=st.integers(0, 150), whom=st.sampled_from(["sync", "child", "both"]), more=_edits)
    def kill_in_the_look(self, edits: list[tuple], after_ms: int, whom: str, more: list[tuple]) -> None:
        self._edit(edits)
        process = looking.start(self.brain)
        with looking.ended(process):
            looking.kill_in_its_look(process, after_s=after_ms / 1000, whom=whom)
            process.wait(60)
        self.is_in = None
        self._edit(more)
        self._sync()

    @rule(edits=_edits, after_ms=st.integers(0, 400), more=st.one_of(st.just([]), _edits))
    def sync_twice_at_once(self, edits: list[tuple], after_ms: int, more: list[tuple]) -> None:
        self._edit(edits)
        one, other = looking.start(self.brain), looking.start(self.brain)
        with looking.ended(one, other):
            found = [_answer(process) for process in (one, other)]
        is_there = wanted(self._look(), self.selection) is not None
        expected = ("ok", None) if is_there else ("error", "path_missing")
        assert set(found) <= {expected, ("busy", "lease_held")}
        assert expected in found
        self.is_in = None
        self._edit(more)
        self._sync()

    def _edit(self, edits: list[tuple]) -> None:
        for edit in edits:
            action, name, which = edit
            self.vault.apply((action, name, _CONTENTS[which]) if action == "write" else edit)

    def _tell(self, told: Told) -> bool:
        """Change the settings, for fresh brains too from now on; False where that is refused."""
        try:
            driver.change(self.brain.env(), _SOURCE, told)
        except UsageError:
            return False
        said = {name: getattr(told, name) for name in told.__dataclass_fields__ if getattr(told, name) is not None}
        self.told = replace(self.told, **said)
        return True

    def _look(self) -> dict[bytes, Thing] | None:
        return look(self.vault.root, is_bound=looking.IS_BOUND)

    def _sync(
        self,
        options: SyncOptions | None = None,
        *,
        fast_path: bool = True,
        rehearsed: bool = False,
        probe: Probe = no_probe,
        compared: bool = True,
    ) -> None:
        options = options or _OPTIONS
        things, before = self._look(), rows(self.brain.url or "")
        expected = wanted(things, self.selection)
        dry = self._rehearse(options) if rehearsed else None
        with driver.pieces_of(2) if fast_path else nullcontext():
            [row] = looking.sync(self.brain.env(), options=options, fast_path=fast_path, probe=probe)
        if dry is not None:
            assert _told(dry) == _told(row)
        if expected is None:
            assert (row.status, row.trouble and row.trouble.code) == ("error", "path_missing")
            assert differences(rows(self.brain.url or ""), before) == []
            self.is_in = None
        else:
            self._check(row, expected)
            if self.is_in == (things, self.selection) and not (options.full or options.retry_failed):
                assert row.sync_status == "up_to_date"
            self.is_in = things or {}, self.selection
        assert ask(self.brain.url or "", "SELECT name FROM gbrain.leases WHERE expires_at > now()") == []
        if expected is not None and compared:
            self._compare()

    def _rehearse(self, options: SyncOptions) -> Result:
        """What a dry run says; it must change nothing."""
        before = looking.everything(self.brain)
        [row] = looking.sync(self.brain.env(), options=replace(options, dry_run=True))
        assert looking.everything(self.brain) == before
        return row

    def _check(self, row: Result, expected: Wanted) -> None:
        """Hold the brain against the tests' own look at the folder."""
        assert (row.status, row.trouble, row.failures_open) == ("ok", None, failing(expected))
        held = _held(self.brain.url or "")
        assert held == expected

    def _compare(self) -> None:
        """Hold the brain against a fresh one and against itself."""
        looking.renew(self.fresh.env(), _SOURCE, self.told)
        [row] = looking.sync(self.fresh.env(), options=_OPTIONS)
        assert (row.status, row.trouble) == ("ok", None)
        assert differences(_without_times(rows(self.brain.url or "")), _without_times(rows(self.fresh.url or ""))) == []
        reports, stray = driver.verify(self.brain.env())
        assert [(report.findings, report.cannot) for report in reports] == [([], None)]
        assert set(stray.values()) == {0}

    def _brain(self, home: str) -> BrainCommand:
        self.databases.append(self.world.new_database())
        return BrainCommand(home=self.folder / home, url=self.world.server.url(self.databases[-1]))


def test_every_history_of_a_plain_folder_ends_in_the_rows_of_a_fresh_brain(
    server: Server, new_database: Callable[[], str], tmp_path: Path
) -> None:
    world = World(server, new_database, tmp_path)
    run_state_machine_as_test(
        lambda: PlainFolder(world),
        settings=settings(
            max_examples=_EXAMPLES if _TORTURE else 2,
            stateful_step_count=25 if _TORTURE else 5,
            derandomize=not _TORTURE,
            phases=[Phase.generate, Phase.shrink] if _TORTURE else [Phase.generate],
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


_OPTIONS = SyncOptions(allow_mass_delete=True)


def _told(row: Result) -> tuple[Any, ...]:
    return tuple(getattr(row.counts, name) for name in _COUNTS), row.status, row.trouble and row.trouble.code


def _answer(process: Any) -> tuple[str, str | None]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    [row] = json.loads(out)
    return row["status"], row["error_code"]


def _held(conninfo: str) -> Wanted:
    """What the brain holds, as the tests' own look would have it."""
    with psycopg.connect(conninfo) as conn:
        pages = conn.execute("SELECT path, encode(blob, 'hex') FROM gbrain.pages").fetchall()
        ledger = conn.execute("SELECT path, reason, mode, encode(blob, 'hex') FROM gbrain.ledger").fetchall()
        [(tree,)] = conn.execute("SELECT bookmark_tree FROM gbrain.states").fetchall()
    return Wanted(dict(pages), {path: (reason, mode, blob) for path, reason, mode, blob in ledger}, tree)


def _without_times(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The same but for the commit of each look and its time, which no two looks share."""
    return found | {"states": [(row[0], *row[2:4], *row[5:]) for row in found["states"]]}
