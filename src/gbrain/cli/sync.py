"""`gbrain sync`: sources brought up to date, one or all of them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.app.brain import Brain, brain_exists
from gbrain.cli.answer import put, put_document, tell
from gbrain.cli.options import Json, positive
from gbrain.cli.state import globals_of, here, settings_of, with_brain
from gbrain.cli.sync_report import document, is_well, lowered, put_result, summary
from gbrain.domain.events import Event, Finished, ParallelLowered
from gbrain.domain.outcome import exit_code
from gbrain.domain.parallelism import DEFAULT_WRITERS
from gbrain.errors import CouldNotRun, UsageError

if TYPE_CHECKING:
    from gbrain.app.syncing import Synced


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sync)


def sync(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="One source, by id.", metavar="ID")] = None,
    all_sources: Annotated[bool, typer.Option("--all", help="Every enabled source.")] = False,
    parallel: Annotated[str | None, typer.Option(help="How many sources write at once.", metavar="N")] = None,
    workers: Annotated[str | None, typer.Option(help="Processes that parse and chunk.", metavar="N")] = None,
    fetch_slots: Annotated[str | None, typer.Option(help="How many sources fetch at once.", metavar="N")] = None,
    full: Annotated[bool, typer.Option("--full", help="Derive every page again.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Read again what has failed.")] = False,
    skip_failed: Annotated[bool, typer.Option("--skip-failed", help="Acknowledge what has failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would change.")] = False,
    allow_mass_delete: Annotated[
        bool, typer.Option("--allow-mass-delete", help="Drop pages even where that is most of a source.")
    ] = False,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Contact no remote.")] = False,
    no_embed: Annotated[bool, typer.Option("--no-embed", help="Leave embeddings for later.")] = False,
    as_json: Json = False,
) -> int:
    """Bring sources up to date, side by side."""
    from gbrain.app.syncing import run_sync
    from gbrain.services.context import SyncOptions

    if source is not None and all_sources:
        raise UsageError("--source and --all do not go together", hint="give one of them")
    asked, width = positive(parallel, "--parallel"), positive(workers, "--workers")
    settings = settings_of(context)
    slots = positive(fetch_slots, "--fetch-slots") or settings.fetch_slots
    telling = _Telling(as_json=as_json, is_quiet=globals_of(context).quiet)
    started = time.monotonic()

    async def work(brain: Brain) -> Synced:
        return await run_sync(
            brain,
            SyncOptions(
                full=full,
                pull=not no_pull,
                retry_failed=retry_failed,
                skip_failed=skip_failed,
                allow_mass_delete=allow_mass_delete,
                dry_run=dry_run,
            ),
            named=None if all_sources else settings.source if source is None else source,
            here=here(),
            all_sources=all_sources,
            parallel=asked,
            workers=width,
            fetch_slots=slots,
            emit=telling.emit,
        )

    connections = (asked if asked is not None else min(width or DEFAULT_WRITERS, DEFAULT_WRITERS)) + 1
    if dry_run and not brain_exists(settings):
        synced = _nothing(source or settings.source, all_sources=all_sources)
    else:
        synced = with_brain(context, work, connections=connections)
    for result in synced.results if dry_run else []:
        telling.emit(Finished(result=result))
    telling.check()
    if as_json:
        put_document(document(synced, timedelta(seconds=time.monotonic() - started)))
    elif not (globals_of(context).quiet and all(map(is_well, synced.results))):
        put(summary(synced.results))
    return exit_code(synced.results, all_sources=all_sources)


def _nothing(named: str | None, *, all_sources: bool) -> Synced:
    """What a dry run finds where there is no brain yet: it makes none."""
    from gbrain.app.syncing import Synced
    from gbrain.services.resolving import resolve

    if not all_sources:
        resolve([], named=named, here=here())
    return Synced(parallel=1, connections_peak=0, results=[])


class _Telling:
    """Prints events as they come. A standard output that cannot be written is said when the work is done."""

    def __init__(self, *, as_json: bool, is_quiet: bool) -> None:
        self._as_json, self._is_quiet = as_json, is_quiet
        self._unwritable: CouldNotRun | None = None

    def emit(self, event: Event) -> None:
        """Tell of one event, where there is a line for it."""
        if isinstance(event, ParallelLowered) and not self._is_quiet:
            tell(lowered(event))
        elif isinstance(event, Finished) and not self._as_json and self._unwritable is None:
            if self._is_quiet and is_well(event.result):
                return
            try:
                put_result(event.result)
            except CouldNotRun as error:
                self._unwritable = error

    def check(self) -> None:
        """Raise what kept the lines from being written."""
        if self._unwritable is not None:
            raise self._unwritable
