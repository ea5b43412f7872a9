"""Which source a command means: never a guess."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gbrain.domain.source import Source, SourceState, is_source_id
from gbrain.errors import NotFound, UsageError
from gbrain.machine.process import machine_id

FILE = ".gbrain-source"
_LONGEST_BYTES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """A source, and why it is the one."""

    source: Source
    because: str


def resolve(states: Sequence[SourceState], *, named: str | None, here: Path) -> Meant:
    """The source a command means: the one named, else what `.gbrain-source` here or above says, else the one whose
    folder holds this one, else the default, else the only one.

    Archived ones are not meant. Raises NotFound for a name nobody has and UsageError where it would have to guess.
    """
    known = {state.source.id: state.source for state in states if state.source.archived_at is None}
    if named is not None:
        return Meant(source=_known(named, states, known), because="it is named")
    if (attached := _attached(here)) is not None:
        file, source_id = attached
        try:
            return Meant(source=_known(source_id, states, known), because=f"{file} says so")
        except NotFound as error:
            raise NotFound(f"{file} says {source_id!r}: {error.message}", hint=error.hint) from None
    if around := [source for source in known.values() if _holds(source, here)]:
        nearest = max(around, key=lambda source: len(folder_of(source) or b""))
        return Meant(source=nearest, because="this folder is in it")
    if default := [source for source in known.values() if source.is_default]:
        return Meant(source=default[0], because="it is the default")
    if len(known) == 1:
        return Meant(source=next(iter(known.values())), because="it is the only one")
    listed = ", ".join(known) if known else "none is registered yet"
    raise UsageError("no source is named and none follows from this folder", hint=f"say which is meant: {listed}")


def folder_of(source: Source) -> bytes | None:
    """The folder on its host that is the whole of the source; None for a URL."""
    if source.path is None:
        return None
    return source.path if source.subdir is None else source.path + b"/" + source.subdir


def attach(here: Path, source_id: str) -> Path:
    """Write into this folder which source is meant in it and below; the file."""
    file = here / FILE
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise UsageError(f"{file} is no ordinary file", hint="remove it first")
    try:
        file.write_text(f"{source_id}\n")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", hint="attach a folder of your own") from error
    return file


def detach(here: Path) -> Path:
    """Remove what `attach` wrote into this folder; the file. Raises UsageError where there is none."""
    file = here / FILE
    if _told_by(file) is None:
        raise UsageError(f"there is no {FILE} in {here}", hint="gbrain sources current says what is meant, and why")
    file.unlink()
    return file


def unknown(source_id: str, known: Sequence[str]) -> NotFound:
    """The error for an id nobody has."""
    listed = ", ".join(known) if known else "none is registered yet: gbrain sources add ID --path DIR"
    return NotFound(f"there is no source {source_id!r}", hint=f"there are: {listed}")


def _known(source_id: str, states: Sequence[SourceState], known: dict[str, Source]) -> Source:
    if source_id in known:
        return known[source_id]
    if any(state.source.id == source_id for state in states):
        raise NotFound(f"{source_id} is archived", hint=f"gbrain sources restore {source_id}")
    raise unknown(source_id, list(known))


def _attached(here: Path) -> tuple[Path, str] | None:
    for folder in (here, *here.parents):
        if (source_id := _told_by(folder / FILE)) is not None:
            return folder / FILE, source_id
    return None


def _told_by(file: Path) -> str | None:
    """The id that the file holds; None where there is no file. Raises UsageError for one that is not to be trusted."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint="it may be a symlink: remove it") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{file} is no ordinary file", hint="remove it")
        if status.st_uid not in (os.geteuid(), 0):
            raise UsageError(f"{file} belongs to somebody else", hint="remove it, or name a source with --source")
        text = os.read(descriptor, _LONGEST_BYTES).decode(errors="replace")
    finally:
        os.close(descriptor)
    source_id = text.removesuffix("\n")
    if not is_source_id(source_id):
        raise UsageError(f"{file} does not hold the id of a source and nothing else", hint="gbrain sources attach ID")
    return source_id


def _holds(source: Source, here: Path) -> bool:
    folder = folder_of(source)
    if folder is None or source.host_id != machine_id():
        return False
    path = Path(os.fsdecode(folder))
    return path == here or path in here.parents
