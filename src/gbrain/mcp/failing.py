"""What keeps a tool from its answer, as an agent is told it: a code, what happened, and what to do."""

from __future__ import annotations

from typing import Any

from gbrain import logs
from gbrain.documents.values import presentable
from gbrain.errors import CouldNotRun, GbrainError

_LONGEST = 1_000


class ToolError(Exception):
    """A call that gets no answer, and what the agent can do about it."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def invalid(message: str, hint: str) -> ToolError:
    """The arguments cannot be understood, or do not go together."""
    return ToolError("invalid_arguments", message, hint)


def described(error: Exception) -> dict[str, Any]:
    """An error as the caller is told it. What concerns whoever runs the brain is told on standard error instead."""
    match error:
        case ToolError():
            return _document(error.code, error.message, error.hint)
        case CouldNotRun():
            logs.warning("a tool could not answer", because=presentable(error.message), hint=error.hint)
            hint = "try again in a while; whoever runs the brain sees why on its standard error"
            return _document(error.code, "the brain cannot answer at the moment", hint)
        case GbrainError():
            return _document(error.code, error.message, error.hint or "see the tool's description")
        case _:
            logs.warning("a defect", exc_info=error)
            hint = "this is a defect of gbrain; whoever runs the brain sees it on its standard error"
            return _document("internal", "the tool failed", hint)


def _document(code: str, message: str, hint: str) -> dict[str, Any]:
    return {"code": code, "message": presentable(message)[:_LONGEST], "hint": presentable(hint)[:_LONGEST]}
