"""`gbrain export` and `gbrain import`: what is in no repository, carried to another brain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.cli.answer import counted, is_drawable, presentable, put, put_document, stand, tell
from gbrain.cli.options import Json
from gbrain.cli.state import globals_of, with_brain

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.services.transfer import Imported
    from gbrain.services.transfer_file import Export
    from gbrain.services.transfer_vectors import Brought, Written

File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]
Vectors = Annotated[bool, typer.Option("--vectors", help="The models and their vectors too.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(export)
    app.command("import")(import_)


def export(context: typer.Context, file: File, vectors: Vectors = False, as_json: Json = False) -> None:
    """Write the sources, their settings, what was acknowledged and the tokens' hashes to a file that `import` reads."""
    written = _export_vectors(context, file) if vectors else None
    document = written.document if written is not None else _export(context, file)
    sources, acknowledged, tokens = (len(document[name]) for name in ("sources", "acknowledged", "tokens"))
    if as_json:
        models = [{"model": presentable(m.name), "vectors": n} for m, n in written.vectors] if written else None
        counts = {"sources": sources, "acknowledged": acknowledged, "tokens": tokens}
        put_document({"file": presentable(str(file)), **counts, "models": models})
        return
    what = [counted(sources, "source"), counted(acknowledged, "acknowledged failure")]
    what += [counted(tokens, "token")] if tokens else []
    if written is not None:
        number = sum(number for _, number in written.vectors)
        what.append(f"{counted(len(written.vectors), 'model')} with {counted(number, 'vector')}")
    put(presentable(f"wrote {', '.join(what[:-1])} and {what[-1]} to {file}"))


def import_(context: typer.Context, file: File, as_json: Json = False) -> None:
    """Register the sources, tokens, models and vectors of an export; what is there already is left alone."""
    from gbrain.services.transfer_file import reading

    is_shown = is_drawable(sys.stderr) and not globals_of(context).quiet
    with reading(file) as carried:
        done, models = with_brain(context, lambda brain: _bring_in(brain, carried, is_shown=is_shown))
    for brought in models or []:
        if not brought.is_usable:
            tell(f"{brought.model.name} was made by another version of its embedder: nothing here uses its vectors")
    if as_json:
        rows = [{"source_id": source_id, "added": True} for source_id in done.added]
        rows += [{"source_id": source_id, "added": False} for source_id in done.same]
        rows.sort(key=lambda row: str(row["source_id"]))
        put_document(
            {
                "sources": rows,
                "tokens": [{"name": presentable(name), "added": came} for name, came in sorted(done.tokens.items())],
                "models": [_row(one) for one in models] if models is not None else None,
            }
        )
        return
    there = f", {counted(len(done.same), 'source')} there already" if done.same else ""
    put(f"{counted(len(done.added), 'source')} added{there}")
    if came := sum(done.tokens.values()):
        put(f"{counted(came, 'token')} added: gbrain tokens list shows whom they let in")
    for brought in models or []:
        put(presentable(_line(brought)))
    if done.added:
        put("next: gbrain sync --all")


def _export(context: typer.Context, file: Path) -> dict[str, Any]:
    import orjson

    from gbrain.services import transfer
    from gbrain.services.transfer_writing import writing

    document = with_brain(context, lambda brain: brain.ask(transfer.export))
    with writing(file) as write:
        write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return document


def _export_vectors(context: typer.Context, file: Path) -> Written:
    from gbrain.services import transfer_vectors
    from gbrain.services.transfer_writing import writing

    with writing(file) as write:
        return with_brain(context, lambda brain: transfer_vectors.export(brain.pool, write))


async def _bring_in(brain: Brain, carried: Export, *, is_shown: bool) -> tuple[Imported, list[Brought] | None]:
    from gbrain.app.specs import local_spec
    from gbrain.services import transfer, transfer_vectors

    done = await brain.ask(lambda conn: transfer.bring_in(conn, carried.document))
    if (ending := carried.ending) is None:
        return done, None

    def stored(through: int) -> None:
        if is_shown:
            stand(f"{through:,} of {counted(ending.vectors, 'vector')}")

    pieces = carried.pieces()
    return done, await transfer_vectors.bring_in(brain.pool, carried.models, pieces, local_spec, stored=stored)


def _row(brought: Brought) -> dict[str, Any]:
    return {
        "model": presentable(brought.model.name),
        "state": brought.model.state.value,
        "added": brought.added,
        "vectors": brought.vectors,
        "vectors_added": brought.new,
    }


def _line(brought: Brought) -> str:
    there = brought.vectors - brought.new
    what = f"{brought.model.name} ({brought.model.state.value}): {counted(brought.new, 'vector')} added"
    return f"{what}, {there:,} there already" if there else what
