"""Whether a server answers on a socket, asked by beginning a session and ending it.

The words are those of PostgreSQL's frontend/backend protocol 3.0. libpq does not give the SQLSTATE of a refused
connection, and it is what tells a server that is starting or stopping from one that will not have us.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

ROLE = "gbrain"
DATABASE = "gbrain"
SOCKET_NAME = ".s.PGSQL.5432"

_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Ready:
    """It answers."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Somebody listens, but is starting, stopping, or says nothing for two seconds."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It answers, and will not let us in."""

    message: str


Answer = Ready | NotYet | Absent | Refused


def ask(folder: Path) -> Answer:
    """Asks the server whose socket lies in `folder`, waiting two seconds at most for each word of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_WAIT_S)
        try:
            connection.connect(str(folder / SOCKET_NAME))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return Absent()
        except TimeoutError:
            return NotYet()
        except PermissionError:
            return Refused(f"{folder / SOCKET_NAME} may not be opened by this user")
        return _begin_session(connection)


def _begin_session(connection: socket.socket) -> Answer:
    words = f"user\0{ROLE}\0database\0{DATABASE}\0\0".encode()
    try:
        connection.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        with connection.makefile("rb") as stream:
            while head := stream.read(5):
                kind, size_bytes = struct.unpack("!ci", head)
                match _meaning(kind, stream.read(size_bytes - 4)):
                    case None:
                        continue
                    case answer:
                        with contextlib.suppress(OSError):
                            connection.sendall(b"X\0\0\0\4")
                        return answer
    except (OSError, struct.error):
        pass
    return NotYet()


def _meaning(kind: bytes, body: bytes) -> Answer | None:
    match kind:
        case b"Z":
            return Ready()
        case b"R" if body[:4] != b"\0\0\0\0":
            return Refused("the server asks for a password")
        case b"E":
            return _error({field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field})
        case _:
            return None


def _error(fields: dict[bytes, str]) -> Answer:
    match fields.get(b"C"):
        case "57P03":  # cannot_connect_now: starting, stopping or recovering
            return NotYet()
        case "53300":  # too_many_connections
            return Ready()
        case _:
            return Refused(fields.get(b"M", "no reason given"))
