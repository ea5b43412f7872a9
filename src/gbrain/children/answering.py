"""The child's side: a question in on standard input, its answer out on standard output, till input ends.

A message is its length and its bytes. An answer begins with what it is: DONE, or FAILED and the words of a defect.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

LENGTH = struct.Struct("!Q")
"""What stands before each message, either way."""

DONE, FAILED = b"+", b"!"
"""What an answer begins with: what was asked for follows, or the words of a defect."""

PIPE_BYTES = 1 << 20
"""What a pipe may hold where the system lets us say so: fewer wake-ups for each message."""


def answer_all(answer: Callable[[bytes], bytes]) -> None:
    """Answer until the parent closes the pipe or is gone.

    A defect is an answer too; only want of memory ends the process, as the system's own killer would. What is made here
    holds hardly a cycle: looking for them as often as usual costs a tenth of the work.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        for stream in (questions, answers):
            with contextlib.suppress(OSError):
                fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    try:
        while head := questions.read(LENGTH.size):
            (length,) = LENGTH.unpack(head)
            said = _answered(answer, questions.read(length))
            answers.write(LENGTH.pack(len(said)))
            answers.write(said)
            answers.flush()
    except BrokenPipeError:
        # What could not be sent would be tried once more at the end, and complained about.
        os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())


def _answered(answer: Callable[[bytes], bytes], question: bytes) -> bytes:
    try:
        return DONE + answer(question)
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        return FAILED + told.encode("utf-8", "replace")
