"""What kept a source's run from its end, as code, message and hint for the person who reads its row."""

from __future__ import annotations

from collections.abc import Callable

from gbrain.domain.outcome import Code, Trouble
from gbrain.domain.redaction import redact, visible
from gbrain.domain.source import Source
from gbrain.errors import DatabaseUnusable, DiskFull, GbrainError, LeaseLost, PathTwice
from gbrain.git.problems import Problem
from gbrain.git.process import GitError
from gbrain.store import faults

_MAKE_SPACE = "make space, then run the sync again: it goes on from what was committed"
_CHECK_SERVER = "check the database server; what was committed is kept and the next run goes on from there"

_FOREMOST = (Code.LEASE_LOST, Code.DISK_FULL, Code.DATABASE, Code.NOT_A_REPOSITORY, Code.INTERNAL)
"""Which of several errors at once is told: the one that explains the others."""


def trouble_of(error: BaseException, source_id: str, ran_out_of_room: Callable[[], bool]) -> Trouble:
    """Code, message and hint for the error; what nobody foresaw is `internal`.

    `ran_out_of_room` is asked where the database broke off: a server that cannot write its log ends without a word.
    """
    if isinstance(error, BaseExceptionGroup):
        return min((trouble_of(inner, source_id, ran_out_of_room) for inner in error.exceptions), key=_rank)
    message = visible(" ".join(redact(_said(error)).split())) or type(error).__name__
    match error:
        case LeaseLost():
            return Trouble(code=Code.LEASE_LOST, message=message, hint=error.hint or "run the sync again")
        case DiskFull():
            return Trouble(code=Code.DISK_FULL, message=message, hint=error.hint or _MAKE_SPACE)
        case _ if isinstance(error, faults.DISK_FULL) or (isinstance(error, faults.UNREACHABLE) and ran_out_of_room()):
            return Trouble(code=Code.DISK_FULL, message=f"no space left: {message}", hint=_MAKE_SPACE)
        case DatabaseUnusable():
            return Trouble(code=Code.DATABASE, message=message, hint=error.hint or _CHECK_SERVER)
        case _ if isinstance(error, faults.TOOK_TOO_LONG):
            hint = "end the session that holds a lock on gbrain's tables, or see what keeps the server busy"
            return Trouble(code=Code.DATABASE, message="the database gave no answer in time", hint=hint)
        case _ if isinstance(error, faults.ANY):
            return Trouble(code=Code.DATABASE, message=f"the database: {message}", hint=_CHECK_SERVER)
        case GitError() | PathTwice():
            hint = error.hint or f"see what is wrong with the repository: gbrain sources show {source_id}"
            return Trouble(code=Code.NOT_A_REPOSITORY, message=message, hint=hint)
        case GbrainError():
            return Trouble(code=Code.INTERNAL, message=message, hint=error.hint or "run again with -v")
        case _:
            hint = "this is a defect of gbrain: run again with -v for the traceback and report it"
            return Trouble(code=Code.INTERNAL, message=f"{type(error).__name__}: {message}", hint=hint)


def put_away(source: Source) -> Trouble | None:
    """What was done to the source between its being chosen and its lease being taken."""
    if source.archived_at is not None:
        hint = f"gbrain sources restore {source.id} brings it back"
        return Trouble(code=Code.LEASE_LOST, message=f"{source.id} was archived meanwhile", hint=hint)
    if not source.enabled:
        hint = f"gbrain sources enable {source.id}"
        return Trouble(code=Code.DISABLED, message=f"{source.id} is disabled", hint=hint)
    return None


def mass_delete(source: Source, drops: int, pages: int) -> Trouble:
    """Why a plan that drops most of a source was not carried out."""
    return Trouble(
        code=Code.MASS_DELETE,
        message=f"this would drop {drops:,} of the {pages:,} pages of {source.id}: nothing was changed",
        hint=f"if that is meant: gbrain sync --source {source.id} --allow-mass-delete",
    )


def problem_trouble(problem: Problem) -> Trouble:
    """What a problem of git means for the source's row."""
    return Trouble(code=Code(problem.code), message=problem.message, hint=problem.hint)


def timed_out(source: Source, limit: float | None) -> Trouble:
    """Why a source was given up: its time, in seconds, was over."""
    return Trouble(
        code=Code.TIMEOUT,
        message=f"{source.id} was not done within {limit or 0:g} s",
        hint="what was committed is kept and the next run goes on from there; --timeout gives it longer",
    )


def _rank(trouble: Trouble) -> int:
    return _FOREMOST.index(trouble.code)


def _said(error: BaseException) -> str:
    """The error in its own words; of the server's answer only the message: the rest quotes our statements."""
    return faults.message(error) if isinstance(error, faults.ANY) else str(error)
