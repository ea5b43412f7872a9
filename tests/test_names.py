"""Names that file systems allow and programs trip over, and paths that cannot be taken in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain.domain.paths import display
from support.commands import BrainCommand
from support.documents import checked
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository

NAMES = [
    b"with space.md",
    b" leading and trailing .md",
    b'"quoted".md',
    b"'single'.md",
    b"tab\there.md",
    b"line\nbreak.md",
    b"back\\slash.md",
    b"escape\x1b[31m.md",
    b"bell\x07.md",
    "emoji 🧠.md".encode(),
    "größe.md".encode(),
    "gro\u0308\u00dfe.md".encode(),
    "日本語/頁.md".encode(),
    "\u202eoverride.md".encode(),
    b"latin1 \xe9.md",
    b"\xff\xfe.md",
    b"colon: of a name.md",
    b"wiki:readme.md",
    b"-dash.md",
    b"percent %s %(x)s.md",
    b"$HOME `id`.md",
    b"*.md",
    b"UPPER.MD",
]


@pytest.fixture
def wiki(brain: BrainCommand, repository: Repository, inside: Inside) -> Repository:
    """The repository, registered as `wiki`."""
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    return repository


def test_each_name_is_stored_and_shown_by_the_path_as_it_is_displayed(
    brain: BrainCommand, wiki: Repository, inside: Inside, fresh: Fresh
) -> None:
    wiki.commit({name: b"# Page\n\nNumber %d.\n" % number for number, name in enumerate(NAMES)})
    assert _sync(inside, brain)["added"] == len(NAMES) + 2
    for number, name in enumerate(NAMES):
        for prefix in ("", "wiki:"):
            done = inside.run(brain, "show", "--json", "--", prefix + display(name))
            page = checked(done, "show")["page"]
            assert page["path"] == display(name)
            assert page["body"] == f"# Page\n\nNumber {number}.\n"
    wiki.commit(dict.fromkeys(NAMES[::2]) | dict.fromkeys(NAMES[1::2], b"# Changed\n"))
    row = _sync(inside, brain)
    assert (row["deleted"], row["modified"]) == (len(NAMES[::2]), len(NAMES[1::2]))
    assert fresh.differences(brain) == []


def test_a_name_given_to_the_shell_raw_is_understood_too(brain: BrainCommand, wiki: Repository, inside: Inside) -> None:
    wiki.commit({b"latin1 \xe9.md": "# Raw\n", "tab\there.md": "# Tab\n"})
    _sync(inside, brain)
    for raw in (b"latin1 \xe9.md", b"tab\there.md"):
        done = brain.run("show", os.fsdecode(raw), "--json")
        assert checked(done, "show")["page"]["path"] == display(raw)


def test_renames_keep_the_page_and_end_as_a_fresh_sync_would(
    brain: BrainCommand, wiki: Repository, inside: Inside, fresh: Fresh
) -> None:
    wiki.commit({"Guide.md": "# One\n", "notes/Plan.md": "# Two\n", "a/page.md": "# Three\n"})
    _sync(inside, brain)
    before = _page_ids(brain)
    wiki.git("mv", "Guide.md", "guide.md")
    wiki.git("mv", "notes", "Notes")
    wiki.git("mv", "a/page.md", "a.md")
    wiki.commit_all()
    row = _sync(inside, brain)
    assert (row["renamed"], row["added"], row["deleted"], row["chunks_created"]) == (3, 0, 0, 0)
    after = _page_ids(brain)
    assert after[b"guide.md"] == before[b"Guide.md"]
    assert after[b"Notes/Plan.md"] == before[b"notes/Plan.md"]
    assert after[b"a.md"] == before[b"a/page.md"]
    assert fresh.differences(brain) == []


def test_a_file_may_become_a_folder_or_a_link_and_come_back(
    brain: BrainCommand, wiki: Repository, inside: Inside, fresh: Fresh
) -> None:
    wiki.commit({"thing.md": "# A file\n"})
    assert _sync(inside, brain)["added"] == 3
    thing = wiki.folder / "thing.md"

    thing.unlink()
    wiki.commit({"thing.md/inner.md": "# In a folder\n"})
    row = _sync(inside, brain)
    assert (row["added"], row["deleted"]) == (1, 1)
    assert fresh.differences(brain) == []

    (thing / "inner.md").unlink()
    thing.rmdir()
    thing.symlink_to("README.md")
    wiki.commit_all()
    row = _sync(inside, brain)
    assert (row["deleted"], row["skipped"], row["status"]) == (1, 1, "ok")
    assert fresh.differences(brain) == []
    inside.run(brain, "show", "thing.md", code=4)

    wiki.commit({"thing.md": "# A file again\n"})
    row = _sync(inside, brain)
    assert (row["added"], row["skipped"]) == (1, 0)
    assert fresh.differences(brain) == []


def test_a_path_longer_than_an_index_entry_is_a_page_like_any_other(
    brain: BrainCommand, wiki: Repository, inside: Inside, fresh: Fresh
) -> None:
    folders = "/".join(f"{number:02}" + "x" * 240 for number in range(14))
    twins = [f"{folders}/one.md", f"{folders}/two.md"]
    _plant(wiki, {path: f"# {path[-6:]}\n" for path in twins})
    assert _sync(inside, brain)["added"] == 4
    for path in twins:
        assert checked(inside.run(brain, "show", path, "--json"), "show")["page"]["title"] == path[-6:]
    _plant(wiki, {twins[0]: "# changed\n"})
    assert _sync(inside, brain)["modified"] == 1
    assert fresh.differences(brain) == []


def test_a_submodule_is_skipped_by_name(
    brain: BrainCommand, wiki: Repository, inside: Inside, fresh: Fresh, tmp_path: Path
) -> None:
    other = Repository.create(tmp_path / "other", {"page.md": "# Other\n"})
    wiki.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.folder), "module.md")
    wiki.commit_all()
    row = _sync(inside, brain)
    assert (row["status"], row["added"], row["skipped"], row["failures_open"]) == ("ok", 2, 1, 0)
    assert _ledger(brain) == [(b"module.md", "submodule", "skipped")]
    wiki.git("rm", "-q", "-f", "module.md")
    wiki.commit({"module.md": "# A page now\n"})
    _sync(inside, brain)
    assert _ledger(brain) == []
    assert fresh.differences(brain) == []


def test_what_cannot_be_taken_in_is_told_until_it_is_mended(
    brain: BrainCommand, wiki: Repository, inside: Inside, fresh: Fresh
) -> None:
    wiki.commit(
        {
            "broken.md": "---\na: [\n---\nBody\n",
            "large.md": b"# Large\n" + b"x" * 5_000_001,
            "binary.md": b"\0\1\2" * 50,
            "image.png": b"\x89PNG\0",
        }
    )
    row = _sync(inside, brain, code=1)
    assert (row["status"], row["failed"], row["skipped"], row["failures_open"]) == ("ok", 2, 1, 2)
    expected = [
        (b"binary.md", "binary", "skipped"),
        (b"broken.md", "front_matter_broken", "open"),
        (b"large.md", "too_large", "open"),
    ]
    assert _ledger(brain) == expected
    assert fresh.differences(brain) == []

    again = _sync(inside, brain, code=1)
    assert (again["sync_status"], again["failed"], again["failures_open"]) == ("up_to_date", 0, 2)
    wiki.commit({"README.md": "# Another\n"})
    again = _sync(inside, brain, code=1)
    assert (again["modified"], again["failed"], again["failures_open"]) == (1, 0, 2)

    failures = checked(inside.run(brain, "sources", "failures", "--json"), "sources-failures")["failures"]
    assert [failure["path"] for failure in failures] == ["broken.md", "large.md"]
    wiki.commit({"broken.md": "---\na: 1\n---\nBody\n"})
    row = _sync(inside, brain, code=1)
    assert (row["added"], row["failures_open"]) == (1, 1)
    wiki.commit({"large.md": "# Small\n", "binary.md": "# Text\n"})
    row = _sync(inside, brain)
    assert (row["added"], row["failures_open"]) == (2, 0)
    assert _ledger(brain) == []
    assert fresh.differences(brain) == []


def test_a_page_that_breaks_goes_and_one_that_vanishes_takes_its_failure_along(
    brain: BrainCommand, wiki: Repository, inside: Inside, fresh: Fresh
) -> None:
    _sync(inside, brain)
    wiki.commit({"README.md": "---\na: [\n---\nBody\n"})
    row = _sync(inside, brain, code=1)
    assert (row["failed"], row["failures_open"]) == (1, 1)
    inside.run(brain, "show", "README.md", code=4)
    assert fresh.differences(brain) == []
    wiki.commit({"README.md": None})
    row = _sync(inside, brain)
    assert (row["failures_open"], row["deleted"]) == (0, 0)
    assert fresh.differences(brain) == []


def test_a_blob_above_the_limit_is_never_read(brain: BrainCommand, wiki: Repository, inside: Inside) -> None:
    wiki.commit({"large.md": b"# Large\n" + os.urandom(5_000_001)})
    blob = wiki.git("rev-parse", "HEAD:large.md")
    loose = wiki.folder / ".git" / "objects" / blob[:2] / blob[2:]
    # The head of a loose object tells its size; what follows is damaged, so that reading it would be told as such.
    loose.chmod(0o600)
    with loose.open("r+b") as file:
        file.seek(100_000)
        file.write(b"\0" * 100_000)
    row = _sync(inside, brain, code=1)
    assert (row["status"], row["failed"]) == ("ok", 1)
    assert _ledger(brain) == [(b"large.md", "too_large", "open")]


def _sync(inside: Inside, brain: BrainCommand, *, code: int = 0) -> dict[str, Any]:
    document = checked(inside.run(brain, "sync", "--all", "--json", code=code), "sync")
    row: dict[str, Any] = document["sources"][0]
    return row


def _plant(repository: Repository, files: dict[str, str]) -> None:
    """Commit files whose paths no work tree could hold."""
    for path, text in files.items():
        blob = repository.git("hash-object", "-w", "--stdin", fed=text.encode())
        repository.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    repository.git("commit", "-q", "-m", "planted")


def _page_ids(brain: BrainCommand) -> dict[bytes, int]:
    return dict(_ask(brain, "SELECT path, id FROM gbrain.pages"))


def _ledger(brain: BrainCommand) -> list[tuple[Any, ...]]:
    return _ask(brain, "SELECT path, reason, state FROM gbrain.ledger ORDER BY path")


def _ask(brain: BrainCommand, query: str) -> list[tuple[Any, ...]]:
    assert brain.url is not None
    with psycopg.connect(brain.url) as conn:
        return conn.execute(query.encode()).fetchall()
