"""`gbrain sync`: sources brought up to date, one or all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gbrain.cli.answer import put, put_document
from gbrain.cli.options import Json, duration, positive
from gbrain.cli.state import Terminated, globals_of, here, settings_of, with_brain
from gbrain.cli.sync_report import document, is_well, summary
from gbrain.cli.telling import Telling, surface_of
from gbrain.domain.events import Event, Finished
from gbrain.domain.outcome import exit_code
from gbrain.domain.parallelism import DEFAULT_WRITERS
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.app.syncing import Synced
    from gbrain.services.context import SyncOptions


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
        str | None, typer.Option("--timeout", help="How long a source may take from its start, such as 10m.")
    ] = None,
    allow_mass_delete: Annotated[
        bool, typer.Option("--allow-mass-delete", help="Drop pages even where that is most of a source.")
    ] = False,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Contact no remote.")] = False,
    no_embed: Annotated[bool, typer.Option("--no-embed", help="Leave embeddings for later.")] = False,
    progress: Annotated[str, typer.Option(help="auto, plain, json or none.", metavar="FORM")] = "auto",
    as_json: Json = False,
) -> int:
    """Bring sources up to date, side by side."""
    from gbrain.services.context import SyncOptions

    if sources and len(sources) > 1:
        raise UsageError("--source is given more than once", hint="sync one after the other, or all with --all")
    source = sources[0] if sources else None
    if source is not None and all_sources:
        raise UsageError("--source and --all do not go together", hint="give one of them")
    asked = _Asked(
        options=SyncOptions(
            full=full,
            pull=not no_pull,
            retry_failed=retry_failed,
            skip_failed=skip_failed,
            allow_mass_delete=allow_mass_delete,
            dry_run=dry_run,
            timeout=_time_limit(timeout),
        ),
        named=None if all_sources else settings_of(context).source if source is None else source,
        all_sources=all_sources,
        parallel=positive(parallel, "--parallel"),
        workers=positive(workers, "--workers"),
        fetch_slots=positive(fetch_slots, "--fetch-slots"),
    )
    telling = _telling(context, progress, as_json=as_json)
    started = time.monotonic()
    try:
        synced = _synced(context, asked, telling.emit)
    except (KeyboardInterrupt, Terminated):
        telling.stop()
        raise
    finally:
        telling.close()
    telling.check()
    if as_json:
        put_document(document(synced, timedelta(seconds=time.monotonic() - started)))
    elif not (globals_of(context).quiet and all(map(is_well, synced.results))):
        put(summary(synced.results))
    return exit_code(synced.results, all_sources=all_sources)


def _time_limit(text: str | None) -> timedelta | None:
    limit = duration(text, "--timeout")
    if limit is not None and not limit:
        raise UsageError(f"--timeout is {text!r}, which leaves no time", hint="give one such as 90, 30s, 15m or 3h")
    return limit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the flags ask for; None is what they leave to us."""

    options: SyncOptions
    named: str | None
    all_sources: bool
    parallel: int | None
    workers: int | None
    fetch_slots: int | None

    @property
    def connections(self) -> int:
        """As many as it may write at once with, and one more."""
        width = self.parallel or min(self.workers or DEFAULT_WRITERS, DEFAULT_WRITERS)
        return width + 1


def _synced(context: typer.Context, asked: _Asked, emit: Callable[[Event], None]) -> Synced:
    from gbrain.app.brain import brain_exists
    from gbrain.app.syncing import run_sync

    settings = settings_of(context)

    async def work(brain: Brain) -> Synced:
        return await run_sync(
            brain,
            asked.options,
            named=asked.named,
            here=here(),
            all_sources=asked.all_sources,
            parallel=asked.parallel,
            workers=asked.workers,
            fetch_slots=asked.fetch_slots or settings.fetch_slots,
            emit=emit,
        )

    if not asked.options.dry_run:
        return with_brain(context, work, connections=asked.connections)
    synced = with_brain(context, work, connections=asked.connections) if brain_exists(settings) else _nothing(asked)
    for result in synced.results:
        emit(Finished(result=result))
    return synced


def _nothing(asked: _Asked) -> Synced:
    """What a dry run finds where there is no brain yet: it makes none."""
    from gbrain.app.syncing import Synced
    from gbrain.services.resolving import resolve

    if not asked.all_sources:
        resolve([], named=asked.named, here=here())
    return Synced(parallel=1, connections_peak=0, results=[])


def _telling(context: typer.Context, form: str, *, as_json: bool) -> Telling:
    flags = globals_of(context)
    surface = surface_of(form, is_quiet=flags.quiet, is_verbose=flags.verbose > 0, color=not flags.no_color)
    return Telling(surface, as_json=as_json, is_quiet=flags.quiet)
