"""Judged queries, asked one after another, and how well each was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from gbrain.app.brain import Brain
from gbrain.app.searching import searching
from gbrain.domain.judged import JudgedQuery
from gbrain.domain.judged_runs import Answered, Run, answered
from gbrain.domain.search import Asked, Note
from gbrain.store import pages

DEPTH = 100
"""So many pages are asked for: what stands deeper counts as not found."""


async def judge(brain: Brain, queries: Sequence[JudgedQuery], asked: Asked) -> tuple[Run, tuple[Note, ...]]:
    """How the queries are answered, each asked as `asked` is but for its words; what stood in the way of any."""
    answers: list[Answered] = []
    notes: dict[str, Note] = {}
    async with searching(brain) as searcher:
        for judged in queries:
            found = await searcher.search(replace(asked, query=judged.query, limit=DEPTH))
            answers.append(answered(judged, [f"{hit.source_id}:{hit.slug}" for hit in found.hits]))
            notes |= {note.code: note for note in found.notes}
    return Run(generated_at=datetime.now(UTC), mode=asked.mode, answers=tuple(answers)), tuple(notes.values())


async def judged_but_missing(brain: Brain, queries: Sequence[JudgedQuery]) -> list[str]:
    """The judged pages that the brain does not have, by `source:slug`, each once: they can never be found."""
    judged = dict.fromkeys(page for one in queries for page in one.grades)
    there = await brain.ask(lambda conn: pages.there(conn, [page for page in judged if "\0" not in page]))
    return [page for page in judged if page not in there]
