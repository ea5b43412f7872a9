"""`gbrain search --eval`: how well a user's own judged queries are answered, and what has changed since a saved run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import typer

from gbrain.cli.answer import counted, presentable, put, put_document, tell
from gbrain.cli.state import with_brain
from gbrain.domain.search import Asked
from gbrain.errors import CouldNotRun, UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.domain.judged_runs import Comparison, Moved, Run
    from gbrain.domain.measures import Measures
    from gbrain.domain.search import Note

_SHOWN = 5
"""So many of the queries that moved are shown."""


def evaluate(
    context: typer.Context, asked: Asked, file: Path, *, save: Path | None, against: Path | None, as_json: bool
) -> None:
    """Ask what is in the file, and say how good the answers are."""
    from gbrain.domain.judged import judged_queries
    from gbrain.domain.judged_runs import compare, from_document, to_document

    queries = judged_queries(_read(file), str(file))
    before = from_document(_document_in(against), str(against)) if against is not None else None

    async def work(brain: Brain) -> tuple[Run, tuple[Note, ...]]:
        from gbrain.app.judging import judge

        return await judge(brain, queries, asked)

    run, notes = with_brain(context, work)
    document = to_document(run)
    if save is not None:
        _write(save, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    compared = compare(before, run) if before is not None else None
    if as_json:
        said = [{"code": note.code, "message": note.message, "hint": note.hint} for note in notes]
        kept = {key: document[key] for key in ("mode", "means", "queries")}
        put_document({**kept, "notes": said, "comparison": _described(compared)})
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


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read {file}: {why}", hint="name a file of judged queries") from error


def _document_in(file: Path) -> object:
    try:
        return orjson.loads(_read(file))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{file} is not JSON: {error}", hint="name a file that --save has written") from error


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise CouldNotRun(f"cannot write {file}: {error.strerror}", hint="name a file that may be written") from error
