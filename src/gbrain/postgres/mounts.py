"""Which file system a folder lies on, as the kernel lists them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from gbrain.errors import HomeUnusable

_NETWORK = frozenset({"nfs", "nfs4"})
_LIST = Path("/proc/self/mountinfo")


def refuse_network(folder: Path) -> None:
    """Raises HomeUnusable where `folder` lies on NFS: its locks and its fsync cannot carry a database.

    A system without a list of mounts in /proc is not judged.
    """
    try:
        mounts = _LIST.read_bytes()
    except OSError:
        return
    if filesystem_of(folder, mounts) in _NETWORK:
        raise HomeUnusable(
            f"{folder} lies on NFS, where the embedded database cannot run.",
            hint="Set GBRAIN_DATABASE_URL to a PostgreSQL server, or GBRAIN_HOME to a folder on a local disk.",
        )


def filesystem_of(folder: Path, mounts: bytes) -> str | None:
    """The type of the file system of `folder` (absolute, without symlinks) by the text of `/proc/self/mountinfo`.

    The deepest mount point above the folder decides, the latest of those mounted over each other. None where the
    text has no mount above it. Format: proc_pid_mountinfo(5).
    """
    found: str | None = None
    depth = 0
    for line in mounts.splitlines():
        fields = line.split(b" ")
        point = PurePosixPath(_unescaped(fields[4]))
        if len(point.parts) >= depth and folder.is_relative_to(point):
            depth = len(point.parts)
            found = fields[fields.index(b"-", 6) + 1].decode(errors="replace")
    return found


def _unescaped(field: bytes) -> str:
    """The kernel writes space, tab, newline and backslash as three octal digits."""
    for octal, plain in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        field = field.replace(octal, plain)
    return field.decode(errors="surrogateescape")
