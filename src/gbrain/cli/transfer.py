"""`gbrain export` and `gbrain import`: what is in no repository, carried to another brain."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import orjson
import typer

from gbrain.cli.answer import counted, presentable, put, put_document
from gbrain.cli.options import Json
from gbrain.cli.state import with_brain
from gbrain.errors import UsageError

File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]

_LARGEST_BYTES = 1_000_000_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(export)
    app.command("import")(import_)


def export(context: typer.Context, file: File, as_json: Json = False) -> None:
    """Write the sources, their settings and what was acknowledged to a file that `import` reads."""
    from gbrain.services import transfer

    document = with_brain(context, lambda brain: brain.ask(transfer.export))
    _write(file, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sources, acknowledged = len(document["sources"]), len(document["acknowledged"])
    if as_json:
        put_document({"file": presentable(str(file)), "sources": sources, "acknowledged": acknowledged})
        return
    what = f"{counted(sources, 'source')} and {counted(acknowledged, 'acknowledged failure')}"
    put(presentable(f"wrote {what} to {file}"))


def import_(context: typer.Context, file: File, as_json: Json = False) -> None:
    """Register the sources of an export; what is there already as it says is left alone."""
    from gbrain.services import transfer

    document = _read(file)
    done = with_brain(context, lambda brain: brain.ask(lambda conn: transfer.bring_in(conn, document)))
    if as_json:
        rows = [{"source_id": source_id, "added": True} for source_id in done.added]
        rows += [{"source_id": source_id, "added": False} for source_id in done.same]
        put_document({"sources": sorted(rows, key=lambda row: str(row["source_id"]))})
        return
    there = f", {counted(len(done.same), 'source')} there already" if done.same else ""
    put(f"{counted(len(done.added), 'source')} added{there}")
    if done.added:
        put("next: gbrain sync --all")


def _read(file: Path) -> object:
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise UsageError(f"{file} is too large for an export", hint="name the file that gbrain export wrote")
        return orjson.loads(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint="name a file of gbrain export") from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{file} is not JSON: {error}", hint="make one with: gbrain export FILE") from error


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all; only its owner may read it."""
    try:
        descriptor, aside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            os.replace(aside, file)
        except BaseException:
            os.unlink(aside)
            raise
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}", hint="name a file in a folder of yours"
        ) from error
