"""Pages of an answer fit together, in every mode and with filters: none comes twice, and none is left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import errors

from gbrain.app.brain import open_brain
from gbrain.app.searching import searching
from gbrain.app.settings import read_settings
from gbrain.domain.search import Asked, Found, Mode
from gbrain.services import nearness
from gbrain.store import search as store
from support.commands import BrainCommand
from support.repositories import Repository
from support.servers import Server

PAGES = 150


@pytest.fixture(scope="module")
def many(server: Server, new_database: Any, tmp_path_factory: pytest.TempPathFactory) -> BrainCommand:
    """Pages of several texts each, all of which have a word, and one page of very many."""
    folder = tmp_path_factory.mktemp("paging")
    brain = BrainCommand(home=folder / "home", url=server.url(new_database()), environ={"GBRAIN_EMBEDDER": "local"})
    files: dict[str | bytes, bytes | str] = {
        f"{'even' if n % 2 == 0 else 'odd'}/{n}.md": f"---\ntags: [t{n % 3}]\n---\n# Page {n}\n\n"
        + f"shared {'word ' * (n % 7)}\n\n"
        + "\n\n".join(f"## Part {part}\n\n{'other text ' * 150}shared {n}" for part in range(3))
        for n in range(PAGES)
    }
    files["huge.md"] = "# Huge\n\n" + "\n\n".join(f"## {n}\n\nshared {'text ' * 300}" for n in range(300))
    repository = Repository.create(folder / "r", files)
    brain.run("sources", "add", "wiki", "--path", str(repository.folder))
    brain.run("sync", "--all")
    return brain


async def ask(brain: BrainCommand, *questions: Asked) -> list[Found]:
    settings = read_settings(brain.env())
    async with open_brain(settings, brain.url or "", connections=3) as opened, searching(opened) as searcher:
        return [await searcher.search(asked) for asked in questions]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("query", "pages"),
    [("shared word", PAGES + 1), ("shared path:even/", PAGES // 2), ("shared other tag:t1", PAGES // 3)],
)
async def test_answers_page_by_page_are_the_whole_answer(
    many: BrainCommand, mode: Mode, query: str, pages: int
) -> None:
    whole = Asked(query=query, mode=mode, limit=200)
    parts = [Asked(query=query, mode=mode, limit=10, offset=offset) for offset in range(0, 200, 10)]
    first, *rest = await ask(many, whole, *parts)
    slugs = [hit.slug for hit in first.hits]
    assert len(slugs) == len(set(slugs)) == pages
    assert [hit.slug for found in rest for hit in found.hits] == slugs
    assert [found.is_more for found in rest] == [10 * (n + 1) < pages for n in range(20)]


async def test_a_page_of_very_many_texts_does_not_keep_others_out(many: BrainCommand) -> None:
    [found] = await ask(many, Asked(query="huge", mode=Mode.VECTOR, limit=10))
    assert len(found.hits) == 10


async def test_searches_side_by_side_answer_as_one_after_another(many: BrainCommand) -> None:
    asked = [Asked(query=f"shared page {n} part", mode=mode) for n in range(8) for mode in Mode]
    one_by_one = await ask(many, *asked)
    settings = read_settings(many.env())
    async with open_brain(settings, many.url or "", connections=3) as opened, searching(opened) as searcher:
        at_once = await asyncio.gather(*map(searcher.search, asked))
    assert at_once == one_by_one


async def test_a_segment_that_is_merged_away_in_the_midst_of_a_search_is_read_as_it_was(
    many: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    [before] = await ask(many, Asked(query="shared word", mode=Mode.KEYWORD))
    moment = store.moment

    @asynccontextmanager
    async def moment_and_merge(*arguments: Any, **more: Any) -> AsyncIterator[Any]:
        async with moment(*arguments, **more) as found:
            with psycopg.connect(many.url or "", autocommit=True) as other:
                other.execute("UPDATE gbrain.segments SET id = DEFAULT")
                other.execute("UPDATE gbrain.postings SET segment_id = (SELECT min(id) FROM gbrain.segments)")
            yield found

    monkeypatch.setattr(store, "moment", moment_and_merge)
    [found] = await ask(many, Asked(query="shared word", mode=Mode.KEYWORD))
    monkeypatch.undo()
    assert found == before
    assert await ask(many, Asked(query="shared word", mode=Mode.KEYWORD)) == [before]


@pytest.mark.parametrize("how", ["dropped", "too slow"])
async def test_without_the_vectors_of_the_model_words_alone_decide_and_that_is_said(
    many: BrainCommand, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    [by_words] = await ask(many, Asked(query="shared word", mode=Mode.KEYWORD))
    error = errors.UndefinedTable("gone") if how == "dropped" else errors.QueryCanceled("too long")

    async def failing(*_: Any, **__: Any) -> list[Any]:
        raise error

    monkeypatch.setattr(store, "nearest", failing)
    [found] = await ask(many, Asked(query="shared word"))
    assert (found.mode, found.hits) == (Mode.KEYWORD, by_words.hits)
    assert [note.code for note in found.notes] == ["no_vector"]


async def test_vectors_that_take_too_long_are_gone_without_and_the_connection_is_good_for_more(
    many: BrainCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearness, "WITHIN_S", 0.3)
    settings, asked = read_settings(many.env()), Asked(query="shared word")
    async with open_brain(settings, many.url or "", connections=1) as opened, searching(opened) as searcher:
        before = await searcher.search(asked)
        assert before.mode is Mode.HYBRID
        with psycopg.connect(many.url or "") as other:
            other.execute("LOCK TABLE gbrain.embedding_1")
            found = await searcher.search(asked)
        assert found.mode is Mode.KEYWORD
        assert [note.message for note in found.notes] == [
            "the nearest texts could not be looked up, and pages are found by their words alone:"
            " the nearest vectors were not found within 0.3 s"
        ]
        assert await searcher.search(asked) == before
