"""The program of a deriving process: batches in on standard input, pages out on standard output, till input ends.

What is to be written goes over the pipe as rows of COPY. What is to be compared goes as plain tuples: named ones are
pickled and made again several times slower, and there are hundreds of thousands of them. A defect is an answer too;
only want of memory ends the process, as the system's own killer would.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import pickle
import signal
import struct
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gbrain.domain.content import Chunk, Derived, Link, LinkKind, PageContent, PageKind, Reason, Refused
from gbrain.store.encoded import EncodedPage, encode_page

LENGTH = struct.Struct("!Q")
"""What stands before each pickled message, either way."""

DONE, FAILED = b"+", b"!"
"""What an answer begins with: pages follow, or the words of a defect."""

PIPE_BYTES = 1 << 20
"""What a pipe may hold where the system lets us say so: fewer wake-ups for each batch."""

Item = tuple[bytes, bytes]
"""A path and the blob that stands there."""

_KINDS = {kind.value: kind for kind in LinkKind}


def derive_all(items: Sequence[Item]) -> list[Derived]:
    """What each blob holds, in order, here and now."""
    from gbrain.chunking.derive import derive

    return [derive(path, blob) for path, blob in items]


def encode_all(items: Sequence[Item], page_ids: Sequence[int]) -> list[EncodedPage | Refused]:
    """The same as rows of the pages with these ids."""
    pairs = zip(page_ids, derive_all(items), strict=True)
    return [one if isinstance(one, Refused) else encode_page(page_id, one) for page_id, one in pairs]


def packed(derived: Sequence[Derived]) -> bytes:
    """Pages as bytes for the other process."""
    return pickle.dumps([_plain(one) for one in derived], protocol=5)


def unpacked(data: bytes) -> list[Derived]:
    """The pages that were packed."""
    return [_named(one) for one in pickle.loads(data)]  # noqa: S301 - from our own child


def main() -> None:
    """Answer until the parent closes the pipe or is gone.

    What is made here holds hardly a cycle: looking for them as often as usual costs a tenth of the work.
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
            answer = _answered(questions.read(length))
            answers.write(LENGTH.pack(len(answer)))
            answers.write(answer)
            answers.flush()
    except BrokenPipeError:
        # What could not be sent would be tried once more at the end, and complained about.
        os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())


def _answered(question: bytes) -> bytes:
    try:
        items, page_ids = pickle.loads(question)  # noqa: S301 - from our parent
        if page_ids is None:
            return DONE + packed(derive_all(items))
        return DONE + pickle.dumps(encode_all(items, page_ids), protocol=5)
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        return FAILED + told.encode("utf-8", "replace")


def _plain(derived: Derived) -> tuple[Any, ...]:
    match derived:
        case Refused(reason, detail):
            return reason.value, detail
        case PageContent():
            chunks = [tuple(chunk) for chunk in derived.chunks]
            links = [(link.kind.value, link.target, link.line) for link in derived.links]
            return derived.kind.value, derived.title, derived.front_matter, derived.body_line, chunks, links


def _named(plain: tuple[Any, ...]) -> Derived:
    if len(plain) == 2:
        return Refused(Reason(plain[0]), plain[1])
    kind, title, front_matter, body_line, chunks, links = plain
    return PageContent(
        kind=PageKind(kind),
        title=title,
        front_matter=front_matter,
        body_line=body_line,
        chunks=tuple(tuple.__new__(Chunk, chunk) for chunk in chunks),
        links=tuple(tuple.__new__(Link, (_KINDS[kind], target, line)) for kind, target, line in links),
    )


if __name__ == "__main__":
    main()
