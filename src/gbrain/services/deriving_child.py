"""The program of a deriving process: batches in on standard input, pages out on standard output, till input ends."""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Sequence

from gbrain.domain.content import Derived

LENGTH = struct.Struct("!Q")
"""What stands before each pickled message, either way."""

Item = tuple[bytes, bytes]
"""A path and the blob that stands there."""


def derive_all(items: Sequence[Item]) -> list[Derived]:
    """What each blob holds, in order, here and now."""
    from gbrain.chunking.derive import derive

    return [derive(path, blob) for path, blob in items]


def main() -> None:
    """Answer until the parent closes the pipe or is gone."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := questions.read(LENGTH.size):
        (length,) = LENGTH.unpack(head)
        answer = pickle.dumps(derive_all(pickle.loads(questions.read(length))), protocol=5)  # noqa: S301 - our parent
        answers.write(LENGTH.pack(len(answer)))
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    main()
