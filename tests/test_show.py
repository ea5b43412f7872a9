"""`gbrain show`: one page, found by what a person has at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.commands import BrainCommand
from support.documents import checked, checked_error
from support.inside import Inside
from support.repositories import Repository

BODY = "\n# Título\n\nOne paragraph, with a [link](docs/guide.md).\r\n\n" + "More of it. " * 400 + "\n\n## Two\n\n\tend"
FILE = "---\ntitle: The Plan\ntags: [a, b]\n---\n" + BODY


@pytest.fixture
def two(brain: BrainCommand, inside: Inside, tmp_path: Path) -> BrainCommand:
    """A brain with two synced sources that share a page's name."""
    wiki = Repository.create(tmp_path / "wiki", {"notes/Plan.md": FILE, "both.md": "# Of wiki\n", "empty.md": ""})
    book = Repository.create(tmp_path / "book", {"both.md": "# Of book\n", "both.txt": "Second of its slug\n"})
    for name, repository in (("wiki", wiki), ("book", book)):
        inside.run(brain, "sources", "add", name, "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    return brain


@pytest.mark.parametrize(
    "name",
    ["notes/plan", "notes/Plan.md", "wiki:notes/plan", "wiki:notes/Plan.md", "[wiki:notes/plan]", "[notes/plan]"],
)
def test_a_page_is_found_by_slug_and_by_path_with_or_without_its_source(
    two: BrainCommand, inside: Inside, name: str
) -> None:
    page = checked(inside.run(two, "show", name, "--json"), "show")["page"]
    assert (page["source_id"], page["slug"], page["path"]) == ("wiki", "notes/plan", "notes/Plan.md")
    assert (page["kind"], page["title"], page["body_line"]) == ("markdown", "The Plan", 5)
    assert page["front_matter"] == {"title": "The Plan", "tags": ["a", "b"]}
    assert [(link["kind"], link["target"], link["line"]) for link in page["links"]] == [("link", "docs/guide.md", 8)]


def test_the_body_put_together_is_the_file_after_its_front_matter(two: BrainCommand, inside: Inside) -> None:
    page = checked(inside.run(two, "show", "notes/plan", "--json"), "show")["page"]
    assert page["body"] == BODY
    assert len(page["chunks"]) > 1
    assert sum(chunk["bytes"] for chunk in page["chunks"]) == len(BODY.encode())
    assert [chunk["ordinal"] for chunk in page["chunks"]] == [*range(len(page["chunks"]))]
    text = inside.run(two, "show", "notes/plan").out
    assert text.startswith("wiki:notes/plan  The Plan\nnotes/Plan.md, markdown, ")
    assert text.endswith("\n## Two\n\n\tend\n")
    empty = checked(inside.run(two, "show", "empty", "--json"), "show")["page"]
    assert (empty["body"], empty["chunks"], empty["front_matter"]) == ("", [], None)


@pytest.mark.parametrize("name", ["both", "both.md"])
def test_a_name_that_several_sources_have_is_a_usage_error_that_lists_them(
    two: BrainCommand, inside: Inside, name: str
) -> None:
    error = checked_error(inside.run(two, "show", name, "--json", code=2), "usage")
    assert "book:both" in error["hint"]
    assert "wiki:both" in error["hint"]
    for source in ("book", "wiki"):
        page = checked(inside.run(two, "show", f"{source}:{name}", "--json"), "show")["page"]
        assert page["body"] == f"# Of {source}\n"
        told = BrainCommand(home=two.home, url=two.url, environ={"GBRAIN_SOURCE": source})
        assert checked(inside.run(told, "show", name, "--json"), "show")["page"] == page


def test_pages_of_equal_base_slugs_each_have_one_of_their_own(two: BrainCommand, inside: Inside) -> None:
    first = _page(two, inside, "book:both.md")
    second = _page(two, inside, "book:both.txt")
    assert first["slug"] == "both"
    assert second["slug"].startswith("both~")
    assert _page(two, inside, f"book:{second['slug']}") == second


def _page(brain: BrainCommand, inside: Inside, name: str) -> dict[str, Any]:
    page: dict[str, Any] = checked(inside.run(brain, "show", name, "--json"), "show")["page"]
    return page


def test_a_path_without_a_page_is_shown_with_the_reason(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({"wide.md": b"\xff\xfe" + "# UTF-16\n".encode("utf-16-le"), "broken.md": "---\na: [\n---\n"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all", code=1)
    for name in ("wiki:wide.md", "wide.md"):
        error = checked_error(inside.run(brain, "show", name, "--json", code=4), "not_found")
        assert "skipped: binary: text in UTF-16" in error["message"]
    error = checked_error(inside.run(brain, "show", "wiki:broken.md", "--json", code=4), "not_found")
    assert "could not be taken in: front_matter_broken" in error["message"]
    error = checked_error(inside.run(brain, "show", "wike:x", "--json", code=4), "not_found")
    assert "there is no source 'wike'" in error["message"]
    inside.run(brain, "sources", "archive", "wiki")
    error = checked_error(inside.run(brain, "show", "wiki:README.md", "--json", code=4), "not_found")
    assert error["message"] == "wiki is archived"


def test_a_page_is_shown_by_the_citation_that_search_prints_and_a_name_in_brackets_stays_one(
    two: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    cited = inside.run(two, "search", "paragraph").out.partition("  ")[0]
    assert inside.run(two, "show", cited).out.startswith("wiki:notes/plan  The Plan\n")
    Repository(tmp_path / "wiki").commit({"[id].md": "# Of one\n"})
    inside.run(two, "sync", "--source", "wiki")
    assert _page(two, inside, "[id].md")["title"] == "Of one"
    assert _page(two, inside, "[wiki:[id].md]")["title"] == "Of one"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("wiki:notes/plam", "perhaps wiki:notes/plan is meant"),
        ("[wiki:notes/plam]", "perhaps wiki:notes/plan is meant"),
        ("wiki:plan", "perhaps wiki:notes/plan is meant"),
        ("Notes/Plam.md", "perhaps wiki:notes/plan is meant"),
        ("elsewhere/both", "perhaps book:both or wiki:both is meant"),
        ("wiki:zzz", "a page is named by slug or path, as SOURCE:SLUG"),
    ],
)
def test_where_there_is_no_page_those_that_are_named_nearly_so_are(
    two: BrainCommand, inside: Inside, name: str, meant: str
) -> None:
    error = checked_error(inside.run(two, "show", name, "--json", code=4), "not_found")
    assert error["message"] == f"there is no page {name.strip('[]')!r}"
    assert error["hint"].startswith(meant)
    assert error["hint"].endswith(": gbrain search WORDS… finds pages")


def test_the_type_the_tags_and_the_date_of_a_page_are_told(two: BrainCommand, inside: Inside, tmp_path: Path) -> None:
    matter = 'type: note\ntags: [a, "b\\x1b[2J"]\ndate: 2024-05-01\nmore: {deep: 1}\n'
    long = f"tags: [{', '.join(f'tag{n}' for n in range(100))}]\ncreated: {{a: 1}}\n"
    Repository(tmp_path / "wiki").commit(
        {"told.md": f"---\n{matter}---\n# Told\n", "long.md": f"---\n{long}---\n# Long\n"}
    )
    inside.run(two, "sync", "--all")
    lines = inside.run(two, "show", "told").out.splitlines()
    assert lines[2] == "type: note  tags: a, b\\x1b[2J  date: 2024-05-01"
    line = inside.run(two, "show", "long").out.splitlines()[2]
    assert line.startswith("tags: tag0, tag1, ")
    assert line.endswith("…")
    assert len(line) < 120
    assert inside.run(two, "show", "wiki:both").out.splitlines()[2] == ""


def test_what_was_skipped_is_listed_where_that_is_asked_for(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    repository.commit({"picture.md": b"\0" * 20, "broken.md": "---\na: [\n---\n"})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all", code=1)
    asked = ("sources", "failures", "wiki")
    [row] = checked(inside.run(brain, *asked, "--json"), "sources-failures")["failures"]
    assert (row["path"], row["state"]) == ("broken.md", "open")
    rows = checked(inside.run(brain, *asked, "--skipped", "--json"), "sources-failures")["failures"]
    assert [(row["path"], row["reason"], row["state"]) for row in rows] == [
        ("broken.md", "front_matter_broken", "open"),
        ("picture.md", "binary", "skipped"),
    ]
    assert "picture.md: binary (skipped): " in inside.run(brain, *asked, "--skipped").out
