"""`gbrain sync`: sources brought up to date, one or all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import ReaderGone, put, put_document
from gbrain.cli.options import Json, duration, positive
from gbrain.cli.state import Terminated, globals_of, settings_of
from gbrain.cli.sync_embedding import put_embedding
from gbrain.cli.sync_report import document, is_fine, summary
from gbrain.cli.sync_request import Asked, synced
from gbrain.cli.telling import Telling, telling_of
from gbrain.domain.outcome import exit_code
from gbrain.domain.sync_options import SyncOptions
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.app.syncing import Synced, Watching


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sync)


def sync(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Option("--source", help="One source, by id.", metavar="ID")] = None,
    all_sources: Annotated[bool, typer.Option("--all", help="Every enabled source.")] = False,
    parallel: Annotated[str | None, typer.Option(help="How many sources write at once.", metavar="N")] = None,
    workers: Annotated[str | None, typer.Option(help="Processes that parse and chunk.", metavar="N")] = None,
    fetch_slots: Annotated[str | None, typer.Option(help="How many sources fetch at once.", metavar="N")] = None,
    full: Annotated[bool, typer.Option("--full", help="Derive every page again.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Read again what has failed.")] = False,
    skip_failed: Annotated[bool, typer.Option("--skip-failed", help="Acknowledge what has failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would change.")] = False,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", help="How long a source may take from its start, such as 10m.", metavar="DURATION"),
    ] = None,
    allow_mass_delete: Annotated[
        bool, typer.Option("--allow-mass-delete", help="Drop pages even where that is most of a source.")
    ] = False,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Contact no remote.")] = False,
    no_embed: Annotated[bool, typer.Option("--no-embed", help="Leave embeddings for later.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on: each source when it moved or its interval is over.")
    ] = False,
    interval: Annotated[
        str | None, typer.Option(help="How long --watch leaves a source alone at most (15m).", metavar="DURATION")
    ] = None,
    progress: Annotated[str, typer.Option(help="auto, plain, json or none.", metavar="FORM")] = "auto",
    as_json: Json = False,
) -> int:
    """Bring sources up to date, side by side."""
    if sources and len(sources) > 1:
        raise UsageError("--source is given more than once", hint="sync one after the other, or all with --all")
    source = sources[0] if sources else None
    if source is not None and all_sources:
        raise UsageError("--source and --all do not go together", hint="give one of them")
    once = {"--dry-run": dry_run, "--full": full, "--retry-failed": retry_failed}
    every = _check_watch(watch=watch, interval=interval, once=once)
    asked = Asked(
        options=SyncOptions(
            full=full,
            pull=not no_pull,
            retry_failed=retry_failed,
            skip_failed=skip_failed,
            allow_mass_delete=allow_mass_delete,
            dry_run=dry_run,
            embed=not no_embed,
            timeout=_length(timeout, "--timeout"),
        ),
        named=None if all_sources else settings_of(context).source if source is None else source,
        all_sources=all_sources,
        parallel=positive(parallel, "--parallel"),
        workers=positive(workers, "--workers"),
        fetch_slots=positive(fetch_slots, "--fetch-slots"),
    )
    telling = telling_of(context, progress, as_json=as_json, all_sources=all_sources)
    try:
        if watch:
            _watch(context, asked, telling, every, as_json=as_json)
        done, took = _timed(lambda: synced(context, asked, telling.emit))
    except ReaderGone:
        return 0
    except (KeyboardInterrupt, Terminated):
        again = "what is done stays; ask for --full again" if full else "the next sync goes on from here"
        telling.stop(is_watch=watch, then=again)
        if watch:
            return 0
        raise
    finally:
        telling.close()
    telling.check()
    if as_json:
        put_document(document(done, took))
    elif not (globals_of(context).quiet and all(is_fine(row, all_sources=all_sources) for row in done.results)):
        put_embedding(done.embedding, only_trouble=globals_of(context).quiet)
        put(summary(done.results))
    return exit_code(done.results, all_sources=all_sources)


def _timed(work: Callable[[], Synced]) -> tuple[Synced, timedelta]:
    started = time.monotonic()
    return work(), timedelta(seconds=time.monotonic() - started)


def _check_watch(*, watch: bool, interval: str | None, once: dict[str, bool]) -> timedelta | None:
    """The interval of a watch, with which what is for once does not go; None where there is none."""
    every = _length(interval, "--interval")
    if every is not None and not watch:
        raise UsageError("--interval is for --watch", hint="add --watch")
    for flag, is_given in once.items() if watch else ():
        if is_given:
            raise UsageError(f"{flag} and --watch do not go together", hint="give one of them")
    return every


def _watch(context: typer.Context, asked: Asked, telling: Telling, every: timedelta | None, *, as_json: bool) -> None:
    from gbrain.cli.watching import DEFAULT_INTERVAL, Rounds, keep_watching

    async def watch(brain: Brain, watching: Watching) -> None:
        from gbrain.app.syncing import run_watch

        await run_watch(brain, asked.options, watching, **asked.of(context), emit=telling.emit)

    rounds = Rounds(telling, every or DEFAULT_INTERVAL, as_json, globals_of(context).quiet)
    keep_watching(context, watch, rounds, connections=asked.connections)


def _length(text: str | None, flag: str) -> timedelta | None:
    length = duration(text, flag)
    if length is not None and not length:
        raise UsageError(f"{flag} is {text!r}, which is no time", hint="give one such as 90, 30s, 15m or 3h")
    return length
