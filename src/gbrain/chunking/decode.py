"""From a blob's bytes to text that is valid UTF-8 without NUL."""

from __future__ import annotations

from gbrain.domain.content import Reason, Refused

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_LFS_START = b"version https://git-lfs.github.com/spec/"
_LFS_BELOW_BYTES = 1024


def decode(blob: bytes) -> bytes | Refused:
    """The blob's text as UTF-8: the byte order mark gone, NULs and what is not UTF-8 replaced by U+FFFD.

    Refused where it is a pointer of git LFS, or where NULs and bytes that are not UTF-8 make up 1 % or more.
    """
    if blob.startswith(_LFS_START) and len(blob) < _LFS_BELOW_BYTES:
        return Refused(Reason.LFS_POINTER, "a git LFS pointer; the content is not in the repository")
    text = blob.removeprefix(_BOM)
    nuls = text.count(0)
    if not nuls and _is_utf8(text):
        return text
    bad = nuls + len(text) - len(text.decode("utf-8", "ignore").encode())
    if bad * 100 >= len(text):
        if text.startswith(_WIDE_BOMS):
            return Refused(Reason.BINARY, "text in UTF-16 or UTF-32: only UTF-8 is taken in")
        return Refused(Reason.BINARY, f"{bad} of {len(text)} bytes are not UTF-8 text")
    return text.decode("utf-8", "replace").replace("\0", REPLACEMENT).encode()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
