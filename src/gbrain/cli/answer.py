"""The one writer of standard output, and of the errors on standard error."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from gbrain.domain.redaction import redact, visible
from gbrain.errors import CouldNotRun

SCHEMA_VERSION = 1


def put(text: str) -> None:
    """One piece of the answer, with a line end. A reader that has gone away is no error."""
    _write((text + "\n").encode("utf-8", "surrogateescape"))


def put_document(document: dict[str, Any]) -> None:
    """The answer as one JSON document; the schema's version and the time come first."""
    head: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "generated_at": instant(datetime.now(UTC))}
    _write(orjson.dumps(head | document) + b"\n")


def put_error_document(code: str, message: str, hint: str | None) -> None:
    """The one document of a command that could not answer."""
    error = {"code": code, "message": presentable(message), "hint": presentable(hint) if hint else None}
    _write(orjson.dumps({"schema_version": SCHEMA_VERSION, "error": error}) + b"\n")


def tell(text: str) -> None:
    """One line for a person, on standard error."""
    try:
        sys.stderr.write(presentable(text) + "\n")
        sys.stderr.flush()
    except OSError:
        pass


def tell_error(message: str, hint: str | None) -> None:
    """`error: what was tried, on what, what to do`, in one line."""
    tell(f"error: {message.rstrip('.')}" + (f"; {hint}" if hint else ""))


def counted(number: int, word: str) -> str:
    """How many there are of a thing, in words: `1 page`, `2 pages`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def presentable(text: str) -> str:
    """The text without credentials, its control characters made visible."""
    return visible(redact(text))


def instant(moment: datetime | None) -> str | None:
    """An instant as JSON carries it: UTC with `Z`, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write(data: bytes) -> None:
    if sys.stdout is None:
        raise CouldNotRun("there is no standard output to write to", hint="open it, or send it to a file")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _write_no_more()
    except OSError as error:
        _write_no_more()
        hint = "see where it leads, and that there is room"
        raise CouldNotRun(f"cannot write to standard output: {error.strerror}", hint=hint) from error


def _write_no_more() -> None:
    # What is buffered must not be tried again when the interpreter closes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
