"""Logs: structured, on standard error, and cheap until there is something to say.

structlog is imported with the first record that is let through: a command with nothing to report does not pay for it.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO, cast

from gbrain import standard_error


@dataclass(slots=True)
class _Configuration:
    level: int = logging.WARNING
    as_json: bool = False
    as_events: bool = False
    logger: Any = None


_configuration = _Configuration()


def configure(*, verbose: int, quiet: bool, as_json: bool) -> None:
    """Let through warnings; with `verbose` what goes on inside too, with `quiet` errors only."""
    _configuration.level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING
    _configuration.as_json = as_json
    _configuration.logger = None
    _take_over("psycopg", debug)
    _take_over("asyncio", warning)
    _take_over("mcp", debug)
    _take_over("uvicorn", warning)


def tell_as_events(wanted: bool) -> None:
    """Whether each record is an event among those of progress from now on: `{"event":"log", …}`."""
    _configuration.as_events = wanted
    _configuration.logger = None


def debug(event: str, **context: object) -> None:
    """What goes on inside; `exc_info=True` adds the traceback of the exception being handled."""
    if _configuration.level <= logging.DEBUG:
        _logger().debug(event, **context)


def warning(event: str, **context: object) -> None:
    """Something that was got over, and that an operator may want to know."""
    if _configuration.level <= logging.WARNING:
        _logger().warning(event, **context)


class _Bridge(logging.Handler):
    """Lets a library's records out as ours."""

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage(), logger=record.name)


def _take_over(library: str, say: Callable[..., None]) -> None:
    """What matters of a driver's records reaches us as an exception anyway; of a loop's it does not."""
    logger = logging.getLogger(library)
    logger.propagate = False
    logger.handlers = [_Bridge(say)]


def _logger() -> Any:
    if _configuration.logger is None:
        _configuration.logger = _structured(_configuration)
    return _configuration.logger


class _Patient(io.TextIOBase):
    """Standard error as a stream that keeps nobody waiting."""

    def write(self, text: str) -> int:
        standard_error.write(text)
        return len(text)


def _structured(form: _Configuration) -> Any:
    import structlog

    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    as_json = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    renderer = [_event, *as_json] if form.as_events else as_json if form.as_json else [plain]
    return structlog.wrap_logger(
        structlog.WriteLogger(cast("TextIO", _Patient())),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts" if form.as_events else "timestamp"),
            *renderer,
        ],
    )


def _event(logger: Any, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """What a record says is its message: `event` says what kind of line it is."""
    return {"event": "log", "message": record.pop("event"), **record}
