"""`gbrain sources verify` finds each thing that is not as a fresh sync would have it, and says how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.commands import BrainCommand
from support.databases import copy_of
from support.documents import checked, checked_error
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository
from support.rows import differences, rows
from support.servers import Server

GUIDE = (
    "---\ntags: [a]\n---\n# Guide\n\nHow to. See [one](one.md) and [two](two.md).\n\n" + "Words of it. " * 600 + "\n"
)
PAGE = "(SELECT id FROM gbrain.pages WHERE path = 'docs/guide.md')"
TEXT = f"(SELECT text_id FROM gbrain.chunks WHERE page_id = {PAGE} AND ordinal = 0)"


@dataclass(frozen=True)
class Damage:
    """A thing done to the rows, and the findings it must lead to."""

    name: str
    sql: str
    codes: tuple[str, ...]
    path: str | None = "docs/guide.md"
    left: tuple[str, ...] = ()
    """What is still found after `sync --full`, which puts right all that is its sources' own."""


DAMAGES = [
    Damage("title", f"UPDATE gbrain.pages SET title = 'x' WHERE id = {PAGE}", ("page_differs",)),
    Damage("front_matter", f"UPDATE gbrain.pages SET front_matter = NULL WHERE id = {PAGE}", ("page_differs",)),
    Damage("kind", f"UPDATE gbrain.pages SET kind = 'text' WHERE id = {PAGE}", ("page_differs",)),
    Damage("body_line", f"UPDATE gbrain.pages SET body_line = 1 WHERE id = {PAGE}", ("page_differs",)),
    Damage(
        "blob", f"UPDATE gbrain.pages SET blob = decode(repeat('ab', 20), 'hex') WHERE id = {PAGE}", ("page_differs",)
    ),
    Damage("fingerprint", f"UPDATE gbrain.pages SET fingerprint = 'x' WHERE id = {PAGE}", ("page_differs",)),
    Damage("slug", f"UPDATE gbrain.pages SET slug = 'another' WHERE id = {PAGE}", ("page_differs",)),
    Damage(
        "page_missing",
        f"DELETE FROM gbrain.pages WHERE id = {PAGE}",
        ("page_missing",),
    ),
    Damage(
        "page_orphaned",
        f"""INSERT INTO gbrain.pages (source_id, path, blob, fingerprint, slug, kind, title, body_line)
            SELECT source_id, 'gone.md', blob, fingerprint, 'gone', kind, title, body_line
            FROM gbrain.pages WHERE id = {PAGE}""",
        ("page_orphaned",),
        path="gone.md",
    ),
    Damage(
        "chunk_text",
        f"UPDATE gbrain.chunks SET text_id = {TEXT} WHERE page_id = {PAGE} AND ordinal = 1",
        ("chunks_differ",),
    ),
    Damage(
        "chunk_headings",
        f"UPDATE gbrain.chunks SET headings = '{{x}}' WHERE page_id = {PAGE} AND ordinal = 1",
        ("chunks_differ",),
    ),
    Damage(
        "chunk_lines",
        f"UPDATE gbrain.chunks SET last_line = 9999 WHERE page_id = {PAGE} AND ordinal = 1",
        ("chunks_differ",),
    ),
    Damage(
        "chunk_missing",
        f"DELETE FROM gbrain.chunks WHERE page_id = {PAGE} AND ordinal = 1",
        ("chunks_differ",),
    ),
    Damage(
        "chunk_too_many",
        f"INSERT INTO gbrain.chunks VALUES ({PAGE}, 999, {TEXT}, '{{}}', 1, 1)",
        ("chunks_differ",),
    ),
    Damage("text_missing", f"DELETE FROM gbrain.texts WHERE id = {TEXT}", ("chunks_differ",)),
    Damage(
        "text",
        f"UPDATE gbrain.texts SET text = 'x' WHERE id = {TEXT}",
        ("text_damaged",),
        path=None,
    ),
    Damage(
        "words_lost",
        "DELETE FROM gbrain.postings WHERE (segment_id, term) = (SELECT segment_id, min(term) FROM gbrain.postings"
        " GROUP BY 1)",
        ("lexemes_differ",),
        path=None,
    ),
    Damage("words_emptied", "UPDATE gbrain.postings SET entries = ''", ("lexemes_differ",), path=None),
    Damage(
        "words_cut",
        "UPDATE gbrain.postings SET entries = substr(entries, 1, length(entries) - 1)",
        ("lexemes_differ",),
        path=None,
    ),
    Damage("words_changed", "UPDATE gbrain.postings SET entries = entries || entries", ("lexemes_differ",), path=None),
    Damage(
        "words_of_another",
        "UPDATE gbrain.postings AS p SET entries = o.entries FROM gbrain.postings AS o WHERE o.term < p.term"
        " AND o.entries <> p.entries",
        ("lexemes_differ",),
        path=None,
    ),
    Damage("words_of_none", f"UPDATE gbrain.pages SET edition = 0 WHERE id = {PAGE}", ("lexemes_differ",)),
    Damage("words_of_an_old_one", f"UPDATE gbrain.pages SET edition = 99999 WHERE id = {PAGE}", ("lexemes_differ",)),
    Damage("segment_starts", "UPDATE gbrain.segments SET starts = '\\x00000000'", ("lexemes_differ",), path=None),
    Damage("segment_counts", "UPDATE gbrain.segments SET texts = 1, lexemes = 1", ("lexemes_differ",), path=None),
    Damage("segment_lost", "DELETE FROM gbrain.segments", ("lexemes_differ",)),
    Damage("text_hash", f"UPDATE gbrain.texts SET hash = 'x' WHERE id = {TEXT}", ("chunks_differ", "text_damaged")),
    Damage(
        "text_orphaned",
        "INSERT INTO gbrain.texts (source_id, hash, text) VALUES ('wiki', sha256('lost'), 'lost')",
        ("text_orphaned",),
        path=None,
    ),
    Damage(
        "link_target", f"UPDATE gbrain.links SET target = 'x' WHERE page_id = {PAGE} AND ordinal = 1", ("links_differ",)
    ),
    Damage("link_line", f"UPDATE gbrain.links SET line = 1 WHERE page_id = {PAGE} AND ordinal = 1", ("links_differ",)),
    Damage("link_missing", f"DELETE FROM gbrain.links WHERE page_id = {PAGE} AND ordinal = 0", ("links_differ",)),
    Damage("link_before_the_first", f"INSERT INTO gbrain.links VALUES ({PAGE}, -1, 'link', 'x', 1)", ("links_differ",)),
    Damage(
        "chunk_before_the_first",
        f"INSERT INTO gbrain.chunks VALUES ({PAGE}, -1, {TEXT}, '{{}}', 1, 1)",
        ("chunks_differ",),
    ),
    Damage(
        "headings_in_rows",
        f"UPDATE gbrain.chunks SET headings = '{{{{a,b}},{{c,d}}}}' WHERE page_id = {PAGE} AND ordinal = 0",
        ("chunks_differ",),
    ),
    Damage("link_too_many", f"INSERT INTO gbrain.links VALUES ({PAGE}, 9, 'link', 'x', 1)", ("links_differ",)),
    Damage(
        "reason",
        "UPDATE gbrain.ledger SET reason = 'too_large' WHERE path = 'broken.md'",
        ("ledger_differs",),
        path="broken.md",
    ),
    Damage(
        "detail",
        "UPDATE gbrain.ledger SET detail = 'x' WHERE path = 'broken.md'",
        ("ledger_differs",),
        path="broken.md",
    ),
    Damage(
        "state",
        """UPDATE gbrain.ledger SET state = 'skipped' WHERE path = 'broken.md';
           UPDATE gbrain.states SET failures_open = failures_open - 1""",
        ("ledger_differs",),
        path="broken.md",
    ),
    Damage("mode", "UPDATE gbrain.ledger SET mode = 1 WHERE path = 'broken.md'", ("ledger_differs",), path="broken.md"),
    Damage(
        "entry_missing",
        "DELETE FROM gbrain.ledger WHERE path = 'broken.md'",
        ("page_missing",),
        path="broken.md",
    ),
    Damage(
        "entry_orphaned",
        """INSERT INTO gbrain.ledger SELECT source_id, 'gone.md', blob, mode, fingerprint, 'gone', reason, detail, state
           FROM gbrain.ledger WHERE path = 'broken.md'""",
        ("ledger_orphaned",),
        path="gone.md",
    ),
    Damage(
        "entry_of_a_page",
        f"""INSERT INTO gbrain.ledger SELECT source_id, path, blob, 33188, fingerprint, slug, 'binary', 'x', 'skipped'
            FROM gbrain.pages WHERE id = {PAGE}""",
        ("ledger_orphaned",),
    ),
    Damage(
        "page_count",
        "UPDATE gbrain.states SET pages = pages + 1",
        ("count_differs",),
        path=None,
    ),
    Damage(
        "chunk_count",
        "UPDATE gbrain.states SET chunks = chunks - 1",
        ("count_differs",),
        path=None,
    ),
    Damage(
        "failure_count",
        "UPDATE gbrain.states SET failures_open = 7",
        ("count_differs",),
        path=None,
    ),
    Damage(
        "stray_chunk",
        f"INSERT INTO gbrain.chunks VALUES (987654321, 0, {TEXT}, '{{}}', 1, 1)",
        ("stray chunks",),
        path=None,
    ),
    Damage(
        "stray_link",
        "INSERT INTO gbrain.links VALUES (987654321, 0, 'link', 'x', 1)",
        ("stray links",),
        path=None,
    ),
    Damage(
        "stray_text",
        "INSERT INTO gbrain.texts (source_id, hash, text) VALUES ('nobody', sha256('lost'), 'lost')",
        ("stray texts",),
        path=None,
        # No lease covers a source that is not registered: whoever syncs another has no right to its rows.
        left=("stray texts",),
    ),
]


@dataclass(frozen=True)
class Synced:
    """A synced brain that tests copy: its repository, and the database nobody may hold open."""

    repository: Repository
    database: str
    server: Server

    def copy(self, home: Path) -> BrainCommand:
        return BrainCommand(home=home, url=self.server.url(copy_of(self.server, self.database)))


@pytest.fixture(scope="module")
def synced(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """One source of a page of several chunks, another page, a failed and a skipped path."""
    folder = tmp_path_factory.mktemp("verified")
    files: dict[str | bytes, bytes | str] = {
        "docs/guide.md": GUIDE,
        "README.md": "# Readme\n",
        "broken.md": "---\na: [\n---\n",
        "binary.md": b"\0\1",
    }
    repository = Repository.create(folder / "repository", files)
    database = new_database()
    brain = BrainCommand(home=folder / "home", url=server.url(database))
    brain.add("wiki", repository.folder)
    brain.run("sync", "--all", code=1)
    return Synced(repository=repository, database=database, server=server)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_each_damage_is_found_and_a_full_sync_mends_what_it_derives(
    synced: Synced, inside: Inside, tmp_path: Path, damage: Damage
) -> None:
    brain = synced.copy(tmp_path / "home")
    assert brain.url is not None
    before = rows(brain.url)
    with psycopg.connect(brain.url, autocommit=True) as conn:
        for statement in damage.sql.split(";"):
            assert conn.execute(statement.encode()).rowcount != 0
    found = _found(brain, inside)
    assert {(code, damage.path) for code in damage.codes if "text_damaged" not in code or damage.path is None} <= found
    assert set(damage.codes) <= {code for code, _ in found}
    inside.run(brain, "sync", "--all", "--full", code=None)
    assert {code for code, _ in _found(brain, inside)} == set(damage.left)
    assert (differences(before, rows(brain.url)) == []) == (not damage.left)


def test_after_a_sync_there_is_nothing_to_find(synced: Synced, inside: Inside, tmp_path: Path) -> None:
    brain = synced.copy(tmp_path / "home")
    document = checked(inside.run(brain, "sources", "verify", "--all", "--json"), "sources-verify")
    report = document["sources"][0]
    assert (report["status"], report["pages_checked"], report["pages_derived"]) == ("ok", 4, 4)
    assert set(document["stray_rows"].values()) == {0}
    text = inside.run(brain, "sources", "verify", "wiki").out
    commit = synced.repository.git("rev-parse", "--short=10", "HEAD")
    assert text == f"[wiki] {commit}: 4 paths checked, 4 derived again: as a fresh sync would have it\n"


def test_what_differs_is_said_with_the_command_that_mends_it(synced: Synced, inside: Inside, tmp_path: Path) -> None:
    brain = synced.copy(tmp_path / "home")
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute(f"UPDATE gbrain.pages SET title = 'x' WHERE id = {PAGE}".encode())
        conn.execute(b"INSERT INTO gbrain.links VALUES (987654321, 0, 'link', 'x', 1)")
    document = checked(inside.run(brain, "sources", "verify", "wiki", "--json", code=1), "sources-verify")
    hint = document["sources"][0]["hint"]
    lines = inside.run(brain, "sources", "verify", "wiki", code=1).out.splitlines()
    assert lines[1:] == [
        "[wiki] docs/guide.md: page_differs: title",
        f"[wiki] mend it with: {hint}",
        "1 rows of links belong to nothing; mend it with: gbrain sync --all --full",
    ]
    inside.run(brain, *hint.split()[1:], code=1)
    assert _found(brain, inside) == set()


def test_a_source_of_another_host_is_to_be_verified_there(synced: Synced, inside: Inside, tmp_path: Path) -> None:
    brain = synced.copy(tmp_path / "home")
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute("UPDATE gbrain.sources SET host_id = 'elsewhere', host_name = 'far'")
    report = _report(brain, inside)
    assert (report["status"], report["hint"]) == ("cannot_verify", "run this on far: gbrain sources verify wiki")


def test_a_sample_checks_every_structure_and_derives_only_so_many(
    synced: Synced, inside: Inside, tmp_path: Path
) -> None:
    brain = synced.copy(tmp_path / "home")
    for number, derived in ((1, 1), (3, 3), (99, 4)):
        done = inside.run(brain, "sources", "verify", "--all", "--sample", str(number), "--json")
        report = checked(done, "sources-verify")["sources"][0]
        assert (report["pages_checked"], report["pages_derived"]) == (4, derived)
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute("UPDATE gbrain.pages SET slug = slug || '-x'")
    done = inside.run(brain, "sources", "verify", "--all", "--sample", "1", "--json", code=1)
    findings = checked(done, "sources-verify")["sources"][0]["findings"]
    assert sorted(finding["path"] for finding in findings) == ["README.md", "docs/guide.md"]


def test_a_bookmark_that_cannot_be_read_is_said_with_the_command_that_mends_it(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    shutil.rmtree(repository.folder / ".git")
    Repository.create(repository.folder, {"new.md": "# New\n"})
    report = _report(brain, inside)
    assert report["status"] == "cannot_verify"
    assert report["commit"][:10] in report["error"]
    assert report["hint"] == "gbrain sync --source wiki"
    inside.run(brain, *report["hint"].split()[1:])
    assert _found(brain, inside) == set()
    assert fresh.differences(brain) == []


def test_a_repository_that_is_gone_or_a_run_half_in_cannot_be_verified(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    assert "no bookmark" in _report(brain, inside)["error"]
    inside.run(brain, "sync", "--all")
    assert brain.url is not None
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute("UPDATE gbrain.states SET settled = false")
        assert "half in" in _report(brain, inside)["error"]
        conn.execute("UPDATE gbrain.states SET settled = true, bookmark_fingerprint = 'other'")
        assert "other settings" in _report(brain, inside)["error"]
    repository.folder.rename(repository.folder.with_name("moved"))
    with psycopg.connect(brain.url, autocommit=True) as conn:
        conn.execute("UPDATE gbrain.states SET bookmark_fingerprint = bookmark_fingerprint")
    assert _report(brain, inside)["status"] == "cannot_verify"


def test_one_source_that_cannot_be_verified_does_not_keep_the_others_from_it(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        folder = Repository.create(tmp_path / name, {"page.md": f"# {name}\n"}).folder
        inside.run(brain, "sources", "add", name, "--path", str(folder))
    inside.run(brain, "sync", "--all")
    shutil.rmtree(tmp_path / "b")
    document = checked(inside.run(brain, "sources", "verify", "--all", "--json", code=1), "sources-verify")
    assert [report["status"] for report in document["sources"]] == ["ok", "cannot_verify", "ok"]


def _report(brain: BrainCommand, inside: Inside) -> dict[str, Any]:
    document = checked(inside.run(brain, "sources", "verify", "--all", "--json", code=1), "sources-verify")
    report: dict[str, Any] = document["sources"][0]
    return report


def _found(brain: BrainCommand, inside: Inside) -> set[tuple[str, str | None]]:
    """Codes and paths of all findings; the exit code must say whether there are any."""
    done = inside.run(brain, "sources", "verify", "--all", "--json", code=None)
    document = checked(done, "sources-verify")
    findings = [finding for report in document["sources"] for finding in report["findings"]]
    found = {(finding["code"], finding["path"]) for finding in findings}
    found |= {(f"stray {table}", None) for table, number in document["stray_rows"].items() if number}
    assert done.code == (1 if found else 0)
    return found


def test_a_lock_that_keeps_verification_waiting_is_told_as_what_it_is(
    brain: BrainCommand, repository: Repository, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    for place in ("gbrain.services.verify", "gbrain.store.verify"):
        monkeypatch.setattr(f"{place}.ANSWER_SECONDS", 0.1)
    monkeypatch.setattr("gbrain.services.verify._STRAY_TIMES", 10)
    with psycopg.connect(brain.url or "") as conn:
        conn.execute("LOCK TABLE gbrain.links IN ACCESS EXCLUSIVE MODE")
        error = checked_error(inside.run(brain, "sources", "verify", "--all", "--json", code=6), "database")
        assert "lock" in error["hint"]
