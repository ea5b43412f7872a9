"""The command line as a whole: global flags, the commands, and the one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Annotated

import click
import typer

from gbrain import __version__, logs, standard_error
from gbrain.cli.answer import put, put_error_document, tell_as_events, tell_error
from gbrain.cli.narrowing import behind_flags, narrowed
from gbrain.cli.state import Globals, Terminated
from gbrain.errors import GbrainError, UsageError

PARTS = {
    "brain": ("init", "destroy"),
    "sync": ("sync",),
    "embed": ("embed",),
    "search": ("search",),
    "show": ("show",),
    "transfer": ("export", "import"),
    "serve": ("serve", "mcp"),
    "sources": ("sources",),
    "models": ("models",),
    "tokens": ("tokens",),
}
"""The modules that the commands are in, in the order in which help lists them."""


def whole() -> typer.Typer:
    """All of the command line."""
    return _made_of(PARTS)


def _called(arguments: list[str]) -> typer.Typer:
    """The part of the command line that a call needs: neither loaded nor described to click is more than that."""
    word = next(iter(behind_flags(arguments)), None)
    return narrowed(_made_of([part for part, words in PARTS.items() if word in words] or PARTS), arguments)


def _made_of(parts: Iterable[str]) -> typer.Typer:
    app = typer.Typer(
        name="gbrain",
        add_completion=True,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    for part in parts:
        importlib.import_module(f"gbrain.cli.{part}").register(app)
    return app


def _put_version(asked: bool) -> None:
    if asked:
        put(f"gbrain {__version__}")
        raise typer.Exit


def _main(
    context: typer.Context,
    home: Annotated[Path | None, typer.Option(help="Configuration, embedded database, mirrors.")] = None,
    database_url: Annotated[str | None, typer.Option(help="A PostgreSQL URL instead of the embedded server.")] = None,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more on standard error.")] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say only what went wrong.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour, as NO_COLOR does.")] = False,
    log_format: Annotated[str, typer.Option(help="text or json.")] = "text",
    version: Annotated[
        bool,
        typer.Option("--version", callback=_put_version, is_eager=True, help="The version."),
    ] = False,
) -> None:
    """Many git repositories in one searchable brain, and the truth about how fresh it is."""
    if log_format not in ("text", "json"):
        raise UsageError(f"--log-format is {log_format!r}, not text or json", hint="give one of the two")
    logs.configure(verbose=verbose, quiet=quiet, as_json=log_format == "json")
    plain = no_color or bool(os.environ.get("NO_COLOR"))
    context.obj = Globals(home=home, database_url=database_url, quiet=quiet, verbose=verbose, no_color=plain)


_INTERRUPTED = 130
_COMPLETION = "_GBRAIN_COMPLETE"
"""Set by a shell that completes a command line."""


def run(arguments: list[str]) -> int:
    """Run one command line; its exit code. Every way out leads through here."""
    try:
        return _run(arguments)
    finally:
        standard_error.flush()


def _run(arguments: list[str]) -> int:
    words = list(itertools.takewhile(lambda word: word != "--", arguments))
    as_json = "--json" in words
    tell_as_events(_wants_events(words))
    logs.tell_as_events(_wants_events(words))
    signal.signal(signal.SIGTERM, _terminate)
    try:
        called = whole() if _COMPLETION in os.environ else _called(arguments)
        code = called(args=arguments, prog_name="gbrain", standalone_mode=False)
        if code == _INTERRUPTED:
            raise KeyboardInterrupt  # typer has made an exit code of it
        return code if isinstance(code, int) else 0
    except GbrainError as error:
        return _fail(error.exit_code, error.code, error.message, error.hint, as_json=as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return 2
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "gbrain"
        hint = _where_it_stands(error, words) or f"see: {name} --help"
        return _fail(2, "usage", _once(error.format_message()), hint, as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        return _fail(_INTERRUPTED, "interrupted", "interrupted", "what was committed is kept", as_json=as_json)
    except Exception as error:
        logs.debug("a defect", exc_info=True)
        hint = "this is a defect of gbrain: run again with -v for the traceback and report it"
        return _fail(6, "internal", f"{type(error).__name__}: {error}", hint, as_json=as_json)
    except Terminated:
        return _fail(143, "terminated", "terminated", "what was committed is kept", as_json=as_json)


def _wants_events(words: list[str]) -> bool:
    """Whether standard error is to be JSON, known before the command line is understood: its errors are too."""
    return "--progress=json" in words or ("--progress", "json") in itertools.pairwise(words)


def _where_it_stands(error: click.UsageError, words: list[str]) -> str | None:
    """What to do about a general flag that stands behind the command."""
    if not isinstance(error, click.NoSuchOption):
        return None
    general = {flag for option in typer.main.get_command(whole()).params for flag in option.opts}
    others = " ".join(word for word in words if word != error.option_name)
    return f"general flags come first: gbrain {error.option_name} {others}" if error.option_name in general else None


def _once(message: str) -> str:
    """The message without what typer and click have both said: the command that was perhaps meant."""
    said, question, meant = message.partition(" Did you mean ")
    return f"{said}{question}{meant.partition(question)[0]}" if question else message


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _fail(exit_code: int, code: str, message: str, hint: str | None, *, as_json: bool) -> int:
    tell_error(code, message, hint)
    if as_json:
        with contextlib.suppress(GbrainError):
            put_error_document(code, message, hint)
    return exit_code
