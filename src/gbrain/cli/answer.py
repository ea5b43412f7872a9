"""The one writer of standard output, and of the errors on standard error."""

from __future__ import annotations

import os
import select
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from gbrain import standard_error
from gbrain.documents.values import instant as instant
from gbrain.documents.values import presentable as presentable
from gbrain.errors import CouldNotRun

SCHEMA_VERSION = 1


class ReaderGone(Exception):
    """Nobody reads standard output any more: what goes on answering for ever ends."""


def put(text: str) -> None:
    """One piece of the answer, with a line end. A reader that has gone away is no error."""
    _write((text + "\n").encode("utf-8", "surrogateescape"))


def put_document(document: dict[str, Any]) -> None:
    """The answer as one JSON document; the schema's version and the time come first."""
    head: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "generated_at": instant(datetime.now(UTC))}
    _write(orjson.dumps(head | document) + b"\n")


def put_error_document(code: str, message: str, hint: str | None) -> None:
    """The one document of a command that could not answer."""
    _write(orjson.dumps({"schema_version": SCHEMA_VERSION, "error": _error(code, message, hint)}) + b"\n")


def has_reader() -> bool:
    """False once nobody reads standard output: what is put there since goes nowhere."""
    if _Answering.is_over or sys.stdout is None:
        return not _Answering.is_over
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return True
    return not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def tell(text: str) -> None:
    """One line for a person, on standard error."""
    if _Telling.as_events:
        tell_event({"event": "log", "level": "info", "message": presentable(text)})
    else:
        _say(presentable(text) + "\n")


def tell_error(code: str, message: str, hint: str | None) -> None:
    """`error: what was tried, on what, what to do`, in one line."""
    if _Telling.as_events:
        tell_event({"event": "error", **_error(code, message, hint)})
    else:
        tell(f"error: {message.rstrip('.')}" + (f"; {hint}" if hint else ""))


def tell_event(fields: dict[str, Any], *, may_be_dropped: bool = False) -> None:
    """One JSON object for a program, on standard error; the time comes last.

    Nobody waits for a reader who is slow: the line waits, or is dropped where others like it come.
    """
    if not may_be_dropped or standard_error.can_take():
        _say((orjson.dumps(fields | {"ts": instant(datetime.now(UTC))}) + b"\n").decode())


def is_drawable(stream: TextIO | None) -> bool:
    """Whether it is a terminal on which text can be drawn anywhere."""
    is_terminal = stream is not None and stream.isatty()
    return is_terminal and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


def tell_as_events(wanted: bool) -> None:
    """Whether each line on standard error is a JSON object from now on."""
    _Telling.as_events = wanted


def stand(text: str) -> None:
    """A line on the terminal of standard error that gives way to whatever is written next."""
    _say(text, stands=bool(text))


class _Answering:
    """How standard output is."""

    is_over = False


class _Telling:
    """How standard error is written. `stands`: a line there is to give way."""

    as_events = False
    stands = False


def _say(text: str, *, stands: bool = False) -> None:
    _give_way()
    standard_error.write(text)
    _Telling.stands = stands


def _give_way() -> None:
    if _Telling.stands:
        _Telling.stands = False
        _say("\r\x1b[K")


def counted(number: int, word: str) -> str:
    """How many there are of a thing, in words: `1 page`, `2 pages`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _error(code: str, message: str, hint: str | None) -> dict[str, Any]:
    return {"code": code, "message": presentable(message), "hint": presentable(hint) if hint else None}


def _write(data: bytes) -> None:
    _give_way()
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
    _Answering.is_over = True
    # What is buffered must not be tried again when the interpreter closes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
