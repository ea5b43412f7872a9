"""What an exception that ended a source's run means to the person who reads its row."""

from __future__ import annotations

from collections.abc import Callable

from gbrain.domain.outcome import Code, Trouble
from gbrain.domain.redaction import redact, visible
from gbrain.errors import DiskFull, GbrainError, LeaseLost
from gbrain.git.process import GitError
from gbrain.store import faults


def trouble_of(error: BaseException, source_id: str, ran_out_of_room: Callable[[], bool]) -> Trouble:
    """Code, message and hint for the error; what nobody foresaw is `internal`.

    `ran_out_of_room` is asked where the database broke off: a server that cannot write its log ends without a word.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    message = visible(" ".join(redact(str(error)).split())) or type(error).__name__
    match error:
        case LeaseLost():
            return Trouble(code=Code.LEASE_LOST, message=message, hint=error.hint or "run the sync again")
        case _ if isinstance(error, (DiskFull, *faults.DISK_FULL)) or (
            isinstance(error, faults.UNREACHABLE) and ran_out_of_room()
        ):
            hint = "make space, then run the sync again: it goes on from what was committed"
            return Trouble(code=Code.DISK_FULL, message=f"no space left: {message}", hint=hint)
        case _ if isinstance(error, faults.ANY):
            hint = "check the database server; what was committed is kept and the next run goes on from there"
            return Trouble(code=Code.DATABASE, message=f"the database: {message}", hint=hint)
        case GitError():
            hint = error.hint or f"see what is wrong with the repository: gbrain sources show {source_id}"
            return Trouble(code=Code.NOT_A_REPOSITORY, message=message, hint=hint)
        case GbrainError():
            return Trouble(code=Code.INTERNAL, message=message, hint=error.hint or "run again with -v")
        case _:
            hint = "this is a defect of gbrain: run again with -v for the traceback and report it"
            return Trouble(code=Code.INTERNAL, message=f"{type(error).__name__}: {message}", hint=hint)
