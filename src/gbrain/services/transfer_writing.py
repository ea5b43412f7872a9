"""The file of an export, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gbrain.errors import UsageError

_NAME = "name a file in a folder of yours, with room for it"


@contextmanager
def writing(file: Path) -> Iterator[Callable[[bytes], None]]:
    """Writes what takes the file's place when the block ends well, and is gone when it does not.

    Only its owner may read it. Raises UsageError where it cannot be written.
    """
    with told("written", file, _NAME):
        descriptor, aside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    opened = os.fdopen(descriptor, "wb")

    def write(content: bytes) -> None:
        with told("written", file, _NAME):
            opened.write(content)

    try:
        yield write
        with told("written", file, _NAME):
            opened.flush()
            os.fsync(opened.fileno())
            os.replace(aside, file)
    except BaseException:
        os.unlink(aside)
        raise
    finally:
        with contextlib.suppress(OSError):  # what could not be written is told already
            opened.close()


@contextmanager
def told(done: str, file: Path, hint: str) -> Iterator[None]:
    """Within the block an error of the file is one of the command."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{file} cannot be {done}: {error.strerror}", hint=hint) from error
