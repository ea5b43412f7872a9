"""The index of words: whatever history a source has, it is that of a fresh sync, in few segments."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from gbrain.domain import compaction
from gbrain.domain.compaction import TOGETHER
from support.commands import BrainCommand
from support.databases import ask
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository


@pytest.fixture
def synced(brain: BrainCommand, repository: Repository, inside: Inside) -> BrainCommand:
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    return brain


def segments(brain: BrainCommand) -> list[int]:
    """How many texts each has."""
    return [row[0] for row in ask(brain.url or "", "SELECT texts FROM gbrain.segments ORDER BY id")]


def test_many_small_syncs_leave_few_segments_and_the_words_of_a_fresh_one(
    synced: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh
) -> None:
    most = 0
    for number in range(2 * TOGETHER):
        repository.commit(
            {f"page-{number % 5}.md": f"# Page\n\nword{number} and more words\n\n## Part\n\nof {number}\n"}
        )
        inside.run(synced, "sync", "--all")
        most = max(most, len(segments(synced)))
    assert most < TOGETHER
    assert fresh.differences(synced) == []
    assert "as a fresh sync" in inside.run(synced, "sources", "verify", "wiki").out


def test_words_of_pages_that_changed_or_went_are_let_go_of(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh
) -> None:
    repository.commit({"long.md": "".join(f"# Part {n}\n\nword{n}\n\n" for n in range(1500))})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    repository.commit({"long.md": None})
    inside.run(brain, "sync", "--all")
    [(chunks,)] = ask(brain.url or "", "SELECT chunks FROM gbrain.states")
    assert segments(brain) == [chunks]
    assert fresh.differences(brain) == []


def test_a_rename_writes_no_words(synced: BrainCommand, repository: Repository, inside: Inside) -> None:
    before = ask(synced.url or "", "SELECT id FROM gbrain.segments")
    repository.git("mv", "README.md", "MOVED.md")
    repository.commit_all()
    inside.run(synced, "sync", "--all")
    assert ask(synced.url or "", "SELECT id FROM gbrain.segments") == before


def test_what_was_indexed_by_another_rule_is_said_and_indexed_anew_by_the_sync_that_derives_it(
    synced: BrainCommand, inside: Inside, fresh: Fresh
) -> None:
    with psycopg.connect(synced.url or "", autocommit=True) as conn:
        conn.execute("UPDATE gbrain.segments SET rule = 0")
        conn.execute("UPDATE gbrain.postings SET entries = 'read by no one'")
    inside.run(synced, "sources", "verify", "wiki")
    found = inside.run(synced, "search", "wiki", "--mode", "keyword")
    assert (found.out, "another version" in found.err) == ("nothing found\n", True)
    row = inside.run(synced, "sync", "--all", "--full", "--json").sources()["wiki"]
    assert row["modified"] == 0
    found = inside.run(synced, "search", "wiki", "--mode", "keyword")
    assert "[wiki:readme]" in found.out
    assert found.err == ""
    assert fresh.differences(synced) == []


def test_a_brain_whose_pages_have_no_words_yet_gets_them(synced: BrainCommand, inside: Inside, fresh: Fresh) -> None:
    with psycopg.connect(synced.url or "", autocommit=True) as conn:
        conn.execute("TRUNCATE gbrain.segments, gbrain.postings")
        conn.execute("UPDATE gbrain.pages SET edition = 0")
    inside.run(synced, "sync", "--all", "--full")
    assert fresh.differences(synced) == []


def test_what_is_more_than_one_segment_can_hold_is_let_go_of_in_several(
    synced: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({f"page-{number}.md": f"# Page\n\nword{number}\n" for number in range(6)})
    inside.run(synced, "sync", "--all")
    repository.commit({f"page-{number}.md": f"# Page\n\nother{number}\n" for number in range(4)})
    inside.run(synced, "sync", "--all")
    before = segments(synced)
    assert len(before) == 3
    monkeypatch.setattr(compaction, "MOST_TEXTS", before[1] + before[2])
    monkeypatch.setattr(compaction, "_FORGIVEN_TEXTS", 0)
    repository.commit({"page-0.md": None})
    inside.run(synced, "sync", "--all")
    left = segments(synced)
    [(chunks,)] = ask(synced.url or "", "SELECT chunks FROM gbrain.states")
    assert (sum(left), len(left) > 1) == (chunks, True)
    assert fresh.differences(synced) == []
    assert "as a fresh sync" in inside.run(synced, "sources", "verify", "wiki").out


def test_pages_without_text_stay_in_the_index_when_it_is_merged(
    brain: BrainCommand, tmp_path: Path, inside: Inside
) -> None:
    repository = Repository.create(tmp_path / "empty", {"page-0.md": ""})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    for number in range(TOGETHER + 1):
        repository.commit({f"page-{number}.md": "", f"other-{number}.md": ""})
        inside.run(brain, "sync", "--all")
    assert len(segments(brain)) < TOGETHER
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out
