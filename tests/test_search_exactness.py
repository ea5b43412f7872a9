"""What the exact parts of a query ask for: names, phrases, what must not be there, ties, and scores that stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain.app.brain import open_brain
from gbrain.app.searching import searching
from gbrain.app.settings import read_settings
from gbrain.domain.search import Asked, Found, Mode
from support.commands import BrainCommand
from support.repositories import Repository
from support.servers import Server

Files = dict[str | bytes, bytes | str]

NAMES: Files = {
    "EIPS/eip-1559.md": "---\ntitle: Fee market change for ETH 1.0 chain\n---\n## Abstract\n\nWhat gas costs.\n",
    "EIPS/eip-2593.md": "# Escalator fee market change for ETH 1.0 chain\n\n"
    + "Fee market change for ETH 1.0 chain, EIP-1559 and EIP-1559: fee market, ETH chain.\n",
    "EIPS/eip-7.md": "# Another\n\nEIP-1559, EIP-1559, EIP-1559 and EIP 1559.\n",
    "bands/a.md": "# The Who\n\nA band of four.\n",
    "empty/falcontown.md": "",
    "empty/goose.md": "# Goose\n\nA bird.\n",
    "guide/install.md": "# Putting it there\n\nUnpack it.\n",
    "other/install.md": "# Elsewhere\n\nA guide to install: guide, install.\n",
}
MARKS: Files = {
    "heart.md": "# One\n\npelican ❤️ here\n",
    "warn.md": "# Two\n\npelican ⚠️ careful: done ⚠️ now\n",
    "kyoto.md": "# Three\n\n京都と東京に行く pelican\n",
    "tokyo.md": "# Four\n\n東京都に行く pelican\n",
    "parts.md": "# Five\n\nosprey snake case name\n",
    "whole.md": "# Six\n\nosprey snake_case_name\n",
    "art.md": "# Seven\n\nosprey: state of the art\n",
    "late.md": "# Eight\n\nfalcon first\n\n" + "filler " * 900 + "\n\nbad words\n",
}
TIES: Files = {f"p{n:02}.md": f"# Page {n}\n\nzebra\n" for n in range(60)}
PHRASES: Files = {f"q{n:04}.md": "# Page\n\nalpha goes before beta\n" for n in range(1200)} | {
    "zz.md": "# Last\n\n" + "filler " * 400 + "alpha beta\n"
}
LISTED: Files = {
    f"n{n:02}.md": f"---\ndate: 2024-01-{n % 28 + 1:02}\n---\n# New {n}\n\nbad words\n" for n in range(30)
} | {"z.md": "---\ndate: 2020-01-01\n---\n# Old\n\ngood words\n"}
CATS: Files = {f"c{n:03}.md": f"# Cat {n}\n\nthe cat sat on the mat with a kitten {n}\n" for n in range(70)} | {
    f"d{n:03}.md": f"# Dog {n}\n\nthe dog lay on a rug number{n}\n" for n in range(10)
}


@pytest.fixture(scope="module")
def brain(server: Server, new_database: Any, tmp_path_factory: pytest.TempPathFactory) -> BrainCommand:
    folder = tmp_path_factory.mktemp("exactness")
    brain = BrainCommand(home=folder / "home", url=server.url(new_database()), environ={"GBRAIN_EMBEDDER": "local"})
    sources = {"names": NAMES, "marks": MARKS, "ties": TIES, "phrases": PHRASES, "listed": LISTED, "cats": CATS}
    for name, files in sources.items():
        brain.run("sources", "add", name, "--path", str(Repository.create(folder / name, files).folder))
    brain.run("sync", "--all")
    _change_and_change_back(brain, Repository(folder / "ties"), [f"p{n:02}.md" for n in range(4)])
    return brain


def _change_and_change_back(brain: BrainCommand, repository: Repository, paths: list[str]) -> None:
    before = {path: (repository.folder / path).read_text() for path in paths}
    for texts in ({path: text + "more\n" for path, text in before.items()}, before):
        repository.commit({**texts})
        brain.run("sync", "--source", "ties")


async def ask(brain: BrainCommand, source: str | None, query: str, mode: Mode = Mode.KEYWORD, **more: Any) -> Found:
    settings = read_settings(brain.env())
    async with open_brain(settings, brain.url or "", connections=2) as opened, searching(opened) as searcher:
        sources = None if source is None else (source,)
        return await searcher.search(Asked(query=query, mode=mode, sources=sources, **more))


async def slugs(brain: BrainCommand, source: str, query: str, mode: Mode = Mode.KEYWORD, **more: Any) -> list[str]:
    return [hit.slug for hit in (await ask(brain, source, query, mode, **more)).hits]


@pytest.mark.parametrize("mode", [Mode.KEYWORD, Mode.HYBRID])
@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("EIP-1559", "eips/eip-1559"),
        ("eip 1559", "eips/eip-1559"),
        ("Fee market change for ETH 1.0 chain", "eips/eip-1559"),
        ("fee MARKET change, for eth 1.0 chain.", "eips/eip-1559"),
        ("The Who", "bands/a"),
        ("guide/install", "guide/install"),
    ],
)
async def test_a_page_whose_name_is_asked_for_comes_first(
    brain: BrainCommand, mode: Mode, query: str, slug: str
) -> None:
    found = await ask(brain, "names", query, mode)
    assert found.hits[0].slug == slug
    assert found.hits[0].parts["(name)"] > 0
    assert sum(found.hits[0].parts.values()) == pytest.approx(found.hits[0].score)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("❤️", []),
        ("pelican -❤️", ["heart", "kyoto", "tokyo", "warn"]),
        ('"done now"', ["warn"]),
        ("pelican -東京都", ["heart", "kyoto", "warn"]),
        ("pelican -東京", ["heart", "warn"]),
        ("osprey -snake_case_name", ["art", "parts"]),
        ("osprey -art-state", ["art", "parts", "whole"]),
        ("osprey -state-of", ["parts", "whole"]),
        ('pelican -"!!!"', ["heart", "kyoto", "tokyo", "warn"]),
        ('pelican "!!!"', ["heart", "kyoto", "tokyo", "warn"]),
        ('falcon -"bad words"', []),
    ],
)
async def test_what_must_not_be_there_is_just_that(brain: BrainCommand, query: str, found: list[str]) -> None:
    assert sorted(await slugs(brain, "marks", query)) == found


@pytest.mark.parametrize("mode", [Mode.KEYWORD, Mode.HYBRID])
async def test_equal_pages_come_once_each_however_they_are_paged(brain: BrainCommand, mode: Mode) -> None:
    whole = await slugs(brain, "ties", "zebra", mode, limit=100)
    assert sorted(whole) == [f"p{n:02}" for n in range(60)]
    for size in (1, 7, 14, 16):
        parts = [await slugs(brain, "ties", "zebra", mode, limit=size, offset=at) for at in range(0, 60, size)]
        assert [slug for part in parts for slug in part] == whole


async def test_the_name_of_a_page_without_text_finds_no_other(brain: BrainCommand) -> None:
    assert await slugs(brain, "names", "falcontown", Mode.KEYWORD) == []


@pytest.mark.parametrize("mode", [Mode.KEYWORD, Mode.HYBRID])
async def test_the_page_that_has_the_phrase_comes_first_however_many_have_its_words(
    brain: BrainCommand, mode: Mode
) -> None:
    assert (await slugs(brain, "phrases", 'alpha "alpha beta"', mode, limit=1)) == ["zz"]
    assert (await slugs(brain, "phrases", '"alpha beta"', mode)) == ["zz"]


@pytest.mark.parametrize("mode", list(Mode))
async def test_what_must_not_be_there_alone_lists_all_others(brain: BrainCommand, mode: Mode) -> None:
    for limit in (1, 7, 100):
        assert await slugs(brain, "listed", '-"bad words"', mode, limit=limit) == ["z"]
        assert await slugs(brain, "listed", "-bad", mode, limit=limit) == ["z"]


async def test_a_source_alone_lists_its_pages_and_nothing_found_by_fields_is_not_put_down_to_words(
    brain: BrainCommand, tmp_path: Path
) -> None:
    assert len(await slugs(brain, "listed", "source:listed", limit=100)) == 31
    assert len(await slugs(brain, "listed", "-source:names", limit=100)) == 31
    assert (await ask(brain, "listed", "tag:nowhere")).notes == ()
    assert [note.code for note in (await ask(brain, "listed", "the")).notes] == ["no_words"]


async def test_what_must_not_be_there_hides_no_page_that_fits_and_changes_no_score(brain: BrainCommand) -> None:
    words = "the cat sat on the mat with a kitten"
    dogs = [f"d{n:03}" for n in range(10)]
    assert sorted(await slugs(brain, "cats", f"{words} -cat", Mode.VECTOR, limit=100)) == dogs
    assert set(await slugs(brain, "cats", f"{words} -cat", Mode.VECTOR, limit=5)) <= set(dogs)
    for mode in Mode:
        whole = {hit.slug: hit.score for hit in (await ask(brain, "cats", words, mode, limit=100)).hits}
        less = {hit.slug: hit.score for hit in (await ask(brain, "cats", f"{words} -number7", mode, limit=100)).hits}
        assert less == {slug: pytest.approx(score) for slug, score in whole.items() if slug != "d007"}


async def test_what_lacks_vectors_is_told_of_the_sources_that_are_looked_at(
    server: Server, new_database: Any, tmp_path: Path
) -> None:
    brain = BrainCommand(home=tmp_path / "home", url=server.url(new_database()), environ={"GBRAIN_EMBEDDER": "local"})
    for name, flags in (("full", ()), ("bare", ("--no-embed",))):
        repository = Repository.create(tmp_path / name, {"a.md": "# One\n\npelican\n"})
        repository.commit({"b.md": f"# Two {name}\n\npelican {name}\n"})
        brain.run("sources", "add", name, "--path", str(repository.folder))
        brain.run("sync", "--source", name, *flags)
    everything = await ask(brain, None, "pelican", Mode.HYBRID)
    assert [(note.code, note.message.partition(" of ")[0]) for note in everything.notes] == [
        ("vectors_incomplete", "only 75.0 %")
    ]
    assert (await ask(brain, "full", "pelican", Mode.HYBRID)).notes == ()
    bound = await ask(brain, None, "pelican", Mode.HYBRID, visible=frozenset({"full"}))
    assert bound.notes == ()
    assert {hit.source_id for hit in bound.hits} == {"full"}


async def test_another_model_that_serves_meanwhile_is_asked_for(
    server: Server, new_database: Any, tmp_path: Path
) -> None:
    brain = BrainCommand(home=tmp_path / "home", url=server.url(new_database()), environ={"GBRAIN_EMBEDDER": "local"})
    repository = Repository.create(tmp_path / "r", {"a.md": "# One\n\npelican\n"})
    brain.run("sources", "add", "r", "--path", str(repository.folder))
    brain.run("sync", "--all")
    settings = read_settings(brain.env())
    async with open_brain(settings, brain.url or "", connections=2) as opened, searching(opened) as searcher:
        asked = Asked(query="a large bird", mode=Mode.VECTOR)
        before = await searcher.search(asked)
        with psycopg.connect(brain.url or "", autocommit=True) as other:
            [(old,)] = other.execute("SELECT id FROM gbrain.models").fetchall()
            [(new,)] = other.execute("UPDATE gbrain.models SET id = DEFAULT RETURNING id").fetchall()
            other.execute(f"ALTER TABLE gbrain.embedding_{old} RENAME TO embedding_{new}")
            other.execute("UPDATE gbrain.coverage SET model_id = %s", [new])
        assert await searcher.search(asked) == before
    assert before.mode is Mode.VECTOR
    assert [hit.slug for hit in before.hits] == ["a"]
