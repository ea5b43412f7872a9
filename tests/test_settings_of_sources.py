"""Settings that decide what is read: whenever they change, the next sync ends as if they had always been so."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from support.commands import BrainCommand
from support.documents import checked, checked_error
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository

FILES = {
    "README.md": "# Top\n",
    "docs/guide.md": "# Guide\n\nSee [the other](other.md).\n",
    "docs/other.md": "# Other\n",
    "docs/deep/guide.md": "# Guide\n\nDeeper.\n",
    "docs/tool.py": "def tool():\n    return 1\n",
    "docs2/guide.md": "# Not in docs\n",
    "src/main.py": "print('x')\n",
    "notes/ä ö.md": "# Umlauts\n",
}

CHANGES = [
    pytest.param([], ["--subdir", "docs"], id="to a folder"),
    pytest.param(["--subdir", "docs"], ["--subdir", "docs/deep"], id="to a deeper folder"),
    pytest.param(["--subdir", "docs"], ["--subdir", ""], id="from a folder to the whole"),
    pytest.param(["--subdir", "docs"], ["--subdir", "docs2"], id="to a folder whose name begins the same"),
    pytest.param([], ["--branch", "other"], id="to a branch"),
    pytest.param(["--branch", "other"], ["--branch", ""], id="back to the current branch"),
    pytest.param(["--branch", "other"], ["--branch", "main", "--subdir", "docs"], id="branch and folder"),
    pytest.param([], ["--strategy", "code"], id="to code"),
    pytest.param(["--strategy", "code"], ["--strategy", "markdown"], id="from code to markdown"),
    pytest.param([], ["--include", "docs/"], id="to one folder by a glob"),
    pytest.param([], ["--include", "*.md", "--exclude", "**/deep/"], id="globs both ways"),
    pytest.param(["--include", "docs/"], ["--include", "", "--exclude", "docs/"], id="the other way round"),
    pytest.param(["--exclude", "guide.md"], ["--exclude", ""], id="no globs any more"),
    pytest.param(["--include", "notes/ä*"], ["--include", "src/m?in.py"], id="globs with umlauts"),
]


@pytest.fixture
def monorepo(tmp_path: Path) -> Repository:
    """A repository with folders, and a branch `other` in which they differ."""
    made = Repository.create(tmp_path / "monorepo", FILES)
    made.git("checkout", "-q", "-b", "other")
    made.commit({"docs/guide.md": "# Guide of the other branch\n", "docs/new.md": "# New\n", "README.md": None})
    made.git("checkout", "-q", "main")
    return made


def paths_of(brain: BrainCommand, source_id: str = "wiki") -> list[str]:
    with psycopg.connect(brain.url or "") as conn:
        rows = conn.execute(
            "SELECT convert_from(path, 'UTF8') FROM gbrain.pages WHERE source_id = %s ORDER BY path", (source_id,)
        )
        return [path for (path,) in rows]


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_a_changed_setting_ends_as_if_it_had_always_been_so(
    brain: BrainCommand, inside: Inside, fresh: Fresh, monorepo: Repository, before: list[str], after: list[str]
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(monorepo.folder), *before)
    inside.run(brain, "sync", "--all")
    first = paths_of(brain)
    inside.run(brain, "sources", "set", "wiki", *after)
    inside.run(brain, "sync", "--all")
    assert paths_of(brain) != first or "branch" in after[0]
    assert fresh.differences(brain) == []
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out
    monorepo.commit({"docs/guide.md": "# Guide, edited\n", "docs/deep/more.md": "# More\n", "README.md": "# Top!\n"})
    inside.run(brain, "sync", "--all")
    assert fresh.differences(brain) == []


def test_a_page_keeps_its_id_when_its_source_becomes_a_folder_of_the_same_repository(
    brain: BrainCommand, inside: Inside, monorepo: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(monorepo.folder))
    inside.run(brain, "sync", "--all")
    query = "SELECT id FROM gbrain.pages WHERE path = %s"
    with psycopg.connect(brain.url or "") as conn:
        before = conn.execute(query, (b"docs/other.md",)).fetchone()
        conn.commit()
        inside.run(brain, "sources", "set", "wiki", "--subdir", "docs")
        inside.run(brain, "sync", "--all")
        assert conn.execute(query, (b"other.md",)).fetchone() == before


def test_a_folder_inside_a_repository_is_a_source_by_its_own_path(
    brain: BrainCommand, inside: Inside, fresh: Fresh, monorepo: Repository
) -> None:
    inside.run(brain, "sources", "add", "docs", "--path", str(monorepo.folder / "docs"))
    inside.run(brain, "sources", "add", "deep", "--path", str(monorepo.folder / "docs"), "--subdir", "deep/")
    inside.run(brain, "sources", "add", "other", "--path", str(monorepo.folder), "--branch", "other")
    inside.run(brain, "sync", "--all")
    assert paths_of(brain, "docs") == ["deep/guide.md", "guide.md", "other.md", "tool.py"]
    assert paths_of(brain, "deep") == ["guide.md"]
    assert "docs/new.md" in paths_of(brain, "other")
    assert fresh.differences(brain) == []
    [row] = checked(inside.run(brain, "sources", "show", "deep", "--json"), "sources")["sources"]
    assert (row["local_path"], row["subdir"]) == (str(monorepo.folder), "docs/deep")
    here = checked(inside.run(brain, "sources", "current", "--json", cwd=monorepo.folder / "docs"), "sources-current")
    assert here["sources"][0]["source_id"] == "docs"


def test_two_folders_and_two_branches_of_one_remote_are_sources_of_their_own(
    brain: BrainCommand, inside: Inside, fresh: Fresh, monorepo: Repository
) -> None:
    url = f"file://{monorepo.folder}"
    inside.run(brain, "sources", "add", "docs", "--url", url, "--subdir", "docs")
    inside.run(brain, "sources", "add", "src", "--url", url, "--subdir", "src")
    inside.run(brain, "sources", "add", "other", "--url", url, "--branch", "other", "--subdir", "docs")
    inside.run(brain, "sync", "--all")
    monorepo.commit({"docs/late.md": "# Late\n", "src/late.py": "x = 1\n"})
    inside.run(brain, "sync", "--all")
    assert "late.md" in paths_of(brain, "docs")
    assert paths_of(brain, "src") == ["late.py", "main.py"]
    assert paths_of(brain, "other") == ["deep/guide.md", "guide.md", "new.md", "other.md", "tool.py"]
    assert fresh.differences(brain) == []


def test_a_folder_that_leaves_the_repository_is_an_error_and_no_deletion(
    brain: BrainCommand, inside: Inside, monorepo: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(monorepo.folder), "--subdir", "docs/deep")
    inside.run(brain, "sync", "--all")
    monorepo.commit({"docs/deep/guide.md": None})
    document = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")
    assert [(row["status"], row["error_code"]) for row in document["sources"]] == [("error", "path_missing")]
    assert paths_of(brain) == ["guide.md"]
    (monorepo.folder / "docs" / "deep").rmdir()
    monorepo.commit({"docs/deep": "a file now\n"})
    inside.run(brain, "sync", "--all", code=1)
    assert paths_of(brain) == ["guide.md"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--subdir", "nosuch"], "has no folder nosuch"),
        (["--subdir", "README.md"], "has no folder README.md"),
        (["--subdir", "../outside"], "'..'"),
        (["--subdir", "/docs"], "cannot begin"),
        (["--subdir", "-x"], "cannot begin"),
        (["--subdir", "docs//deep"], "can be empty"),
        (["--branch", "nosuch"], "no branch nosuch"),
        (["--branch", "--upload-pack=x"], "cannot begin with '-'"),
        (["--branch", "a..b"], "'..'"),
        (["--include", "!x"], "no exceptions"),
        (["--include", "a", "--include", ""], "matches nothing"),
        (["--exclude", "x" * 1001], "longer than"),
        (["--max-age", "soon"], "not a duration"),
        (["--interval", "-3"], "not a duration"),
        (["--name", " "], "cannot be blank"),
        (["--path", "/", "--url", "https://example.org/x"], "either a path or a URL"),
        (["--strategy", "prose"], "prose"),
        ([], "nothing is said"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_nothing_changes(
    brain: BrainCommand, inside: Inside, monorepo: Repository, flags: list[str], words: str
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(monorepo.folder))
    before = inside.run(brain, "sources", "show", "wiki").out
    error = checked_error(inside.run(brain, "sources", "set", "wiki", *flags, "--json", code=2), "usage")
    assert words in error["message"]
    assert inside.run(brain, "sources", "show", "wiki").out == before


def test_globs_that_are_too_much_together_are_refused_when_they_are_set(
    brain: BrainCommand, inside: Inside, monorepo: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(monorepo.folder))
    globs = [word for n in range(100) for word in ("--include", f"{n}" + "*[a-z]?" * 130)]
    error = checked_error(inside.run(brain, "sources", "set", "wiki", *globs, "--json", code=2), "usage")
    assert "together" in error["message"]
    inside.run(brain, "sync", "--all")


def test_symlinks_and_submodules_that_the_filters_leave_out_have_no_row(
    brain: BrainCommand, inside: Inside, fresh: Fresh, tmp_path: Path
) -> None:
    repository = Repository.create(tmp_path / "linked", {"page.md": "# Page\n"})
    (repository.folder / "vendor").mkdir()
    (repository.folder / "vendor" / "link.md").symlink_to("../page.md")
    (repository.folder / "kept.md").symlink_to("page.md")
    repository.git("add", "-A")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{repository.git('rev-parse', 'HEAD')},module")
    repository.git("commit", "-qm", "links")
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sources", "set", "wiki", "--exclude", "vendor/", "--exclude", "module/")
    inside.run(brain, "sync", "--all")
    with psycopg.connect(brain.url or "") as conn:
        assert conn.execute("SELECT path FROM gbrain.ledger").fetchall() == [(b"kept.md",)]
    assert fresh.differences(brain) == []


def test_settings_of_no_weight_for_what_is_read_leave_the_bookmark_alone(
    brain: BrainCommand, inside: Inside, monorepo: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(monorepo.folder))
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sources", "rename", "wiki", "The Wiki")
    inside.run(brain, "sources", "isolate", "wiki")
    inside.run(brain, "sources", "set", "wiki", "--max-age", "3d", "--interval", "15m")
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert (row["sync_status"], row["name"]) == ("up_to_date", "The Wiki")
    [shown] = checked(inside.run(brain, "sources", "list", "--json"), "sources")["sources"]
    assert (shown["federated"], shown["max_age_hours"], shown["interval_s"]) == (False, 72, 900)
    inside.run(brain, "sources", "federate", "wiki")
    inside.run(brain, "sources", "set", "wiki", "--max-age", "", "--interval", "")
    [shown] = checked(inside.run(brain, "sources", "show", "wiki", "--json"), "sources")["sources"]
    assert (shown["federated"], shown["max_age_hours"], shown["interval_s"]) == (True, None, None)


def test_a_disabled_source_is_skipped_until_it_is_enabled(
    brain: BrainCommand, inside: Inside, monorepo: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(monorepo.folder), "--disabled")
    document = checked(inside.run(brain, "sync", "--all", "--json"), "sync")
    assert [(row["status"], row["error_code"]) for row in document["sources"]] == [("skipped", "disabled")]
    inside.run(brain, "sources", "enable", "wiki")
    assert checked(inside.run(brain, "sync", "--all", "--json"), "sync")["ok_count"] == 1
    inside.run(brain, "sources", "disable", "wiki")
    document = checked(inside.run(brain, "sync", "--all", "--json"), "sync")
    assert document["skipped_count"] == 1


def test_a_path_moves_to_another_repository_and_to_a_url(
    brain: BrainCommand, inside: Inside, fresh: Fresh, monorepo: Repository, repository: Repository
) -> None:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sources", "set", "wiki", "--path", str(monorepo.folder / "docs"))
    inside.run(brain, "sync", "--all")
    assert fresh.differences(brain) == []
    inside.run(brain, "sources", "set", "wiki", "--url", f"file://{repository.folder}", "--subdir", "")
    inside.run(brain, "sync", "--all")
    assert fresh.differences(brain) == []
    [row] = checked(inside.run(brain, "sources", "show", "wiki", "--json"), "sources")["sources"]
    assert (row["local_path"], row["host"], row["subdir"]) == (None, None, None)
