"""A search beside a sync that changes every page: each page is found all the while, as it was or as it is."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from psycopg.errors import AdminShutdown

from gbrain.app.brain import open_brain
from gbrain.app.searching import searching
from gbrain.app.settings import read_settings
from gbrain.domain.search import Asked, Mode
from support.commands import BrainCommand
from support.databases import ask
from support.repositories import Repository

PAGES, COLOURS = 1500, ("ochre", "teal", "mauve", "umber")
"""More pages than one batch takes."""
MODES = (Mode.KEYWORD, Mode.HYBRID)


def contents(colour: str) -> dict[str | bytes, bytes | str | None]:
    return {f"{n}.md": f"# Page {n}\n\nmarmot number {n} is {colour}\n" for n in range(PAGES)}


async def test_each_page_is_found_at_any_time_of_a_sync(brain: BrainCommand, tmp_path: Path) -> None:
    served = replace(brain, environ={"GBRAIN_EMBEDDER": "local"})
    repository = Repository.create(tmp_path / "r", {})
    repository.commit(contents(COLOURS[0]))
    served.add("wiki", repository.folder)
    served.run("sync", "--all")
    settings, answers = read_settings(served.env()), 0
    async with open_brain(settings, served.url or "", connections=3) as opened, searching(opened) as searcher:
        for before, colour in pairwise(COLOURS):
            repository.commit(contents(colour))
            sync = served.start("sync", "--all", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while sync.poll() is None:
                for mode in MODES:
                    found = await searcher.search(Asked(query="marmot", mode=mode, limit=1000))
                    assert len({hit.slug for hit in found.hits}) == 1000
                    texts = {hit.text.split()[-1] for hit in found.hits}
                    assert texts <= {before, colour}
                answers += 1
                await asyncio.sleep(0)
            assert sync.returncode == 0
            for mode in MODES:
                found = await searcher.search(Asked(query=colour, mode=mode, limit=1000, offset=1000))
                assert len(found.hits) == PAGES - 1000
            left = await searcher.search(Asked(query=before, mode=Mode.KEYWORD))
            assert not left.hits
    assert answers >= len(COLOURS) - 1


@pytest.mark.parametrize("mode", MODES)
async def test_what_ended_the_connection_is_said(brain: BrainCommand, repository: Repository, mode: Mode) -> None:
    served = replace(brain, environ={"GBRAIN_EMBEDDER": "local"})
    served.add("wiki", repository.folder)
    served.run("sync", "--all")
    asked, url = Asked(query="guide", mode=mode), served.url or ""
    async with open_brain(read_settings(served.env()), url, connections=1) as opened, searching(opened) as searcher:
        before = await searcher.search(asked)
        ask(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()",
        )
        with pytest.raises(AdminShutdown, match="terminating connection due to administrator command"):
            await searcher.search(asked)
        assert await searcher.search(asked) == before
