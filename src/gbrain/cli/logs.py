"""Logs: structured, on standard error, quiet unless something is wrong."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(*, verbose: int, quiet: bool, as_json: bool) -> None:
    """Let through warnings; with `-v` what went on inside, with `-q` errors only."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING
    render = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if as_json else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.CRITICAL, stream=sys.stderr)
