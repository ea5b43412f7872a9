"""`gbrain search --eval`: how well a user's own judged queries are answered, and what has changed since a saved run."""

from __future__ import annotations

from dataclasses import asdict
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import typer

from gbrain.cli.answer import counted, presentable, put, put_document, tell
from gbrain.cli.state import with_brain
from gbrain.documents.search import noted
from gbrain.domain.search import Asked
from gbrain.errors import CouldNotRun, UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.domain.judged_runs import Answered, Comparison, Moved, Run
    from gbrain.domain.measures import Measures
    from gbrain.domain.search import Note

_SHOWN = 5
"""So many of the queries that are worst, or moved, and of the pages that are missing, are shown."""


def evaluate(
    context: typer.Context, asked: Asked, file: Path, *, save: Path | None, against: Path | None, as_json: bool
) -> None:
    """Ask what is in the file, and say how good the answers are."""
    from gbrain.domain.judged import judged_queries
    from gbrain.domain.judged_runs import compare, from_document, to_document

    queries = judged_queries(_read(file, "name a file of judged queries"), str(file))
    before = from_document(_document_in(against), str(against)) if against is not None else None

    async def work(brain: Brain) -> tuple[Run, tuple[Note, ...], list[str]]:
        from gbrain.app.judging import judge, judged_but_missing

        return *await judge(brain, queries, asked), await judged_but_missing(brain, queries)

    run, notes, missing = with_brain(context, work)
    if missing:
        tell(_told(missing))
    document = to_document(run)
    if save is not None:
        _write(save, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    compared = compare(before, run) if before is not None else None
    if as_json:
        kept = {key: document[key] for key in ("mode", "means", "queries")}
        more = {"notes": noted(notes), "pages_missing": missing, "comparison": _described(compared)}
        put_document(kept | more)
        return
    for note in notes:
        tell(note.message)
    _put(run, compared)


def _put(run: Run, compared: Comparison | None) -> None:
    from gbrain.domain.measures import mean

    means = mean(answer.measures for answer in run.answers)
    put(f"{counted(len(run.answers), 'query').replace('querys', 'queries')}, {run.mode.value}")
    if means is not None:
        put(_line(means))
    if worst := _worst(run):
        put("the worst:")
    for answer in worst:
        put(f"  {answer.measures.ndcg_at_10:.3f}  {presentable(answer.query)[:100]}")
    if compared is None:
        return
    if compared.before is None or compared.after is None:
        put("none of them is in the saved run")
        return
    put(f"of the {compared.queries:,} that are in the saved run too:")
    put(f"  then  {_line(compared.before)}")
    put(f"  now   {_line(compared.after)}")
    for word, moved in (("better", compared.better), ("worse", compared.worse)):
        put(f"{len(moved):,} {word}")
        for one in moved[:_SHOWN]:
            put(f"  {one.before:.3f} to {one.after:.3f}  {presentable(one.query)[:100]}")


def _worst(run: Run) -> list[Answered]:
    """The queries with the lowest nDCG@10, the lowest first, but those that are answered as well as can be."""
    short = [answer for answer in run.answers if not isclose(answer.measures.ndcg_at_10, 1.0)]
    return sorted(short, key=lambda answer: answer.measures.ndcg_at_10)[:_SHOWN]


def _told(missing: list[str]) -> str:
    what = "1 judged page is" if len(missing) == 1 else f"{len(missing):,} judged pages are"
    more = ", …" if len(missing) > _SHOWN else ""
    return f"{what} not in the brain, and counted as not found: {', '.join(missing[:_SHOWN])}{more}"


def _line(means: Measures) -> str:
    names = {"ndcg_at_10": "nDCG@10", "recall_at_10": "recall@10", "recall_at_5": "recall@5", "mrr": "MRR"}
    return "  ".join(f"{names[name]} {value:.4f}" for name, value in asdict(means).items())


def _described(compared: Comparison | None) -> dict[str, object] | None:
    if compared is None:
        return None
    return {
        "queries_in_both": compared.queries,
        "left_out": compared.left_out,
        "before": asdict(compared.before) if compared.before is not None else None,
        "after": asdict(compared.after) if compared.after is not None else None,
        "better": list(map(_moved, compared.better)),
        "worse": list(map(_moved, compared.worse)),
    }


def _moved(one: Moved) -> dict[str, object]:
    return {"query": one.query, "before": one.before, "after": one.after}


def _read(file: Path, hint: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read {file}: {why}", hint=hint) from error


def _document_in(file: Path) -> object:
    hint = "name a file that --save has written"
    try:
        return orjson.loads(_read(file, hint))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{file} is not JSON: {error}", hint=hint) from error


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise CouldNotRun(f"cannot write {file}: {error.strerror}", hint="name a file that may be written") from error
