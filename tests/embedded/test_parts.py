"""The parts that decide without a server: mounts, patience, answers."""

import socket
import struct
import threading
from pathlib import Path

import pytest

from gbrain.errors import DatabaseUnusable, DiskFull
from gbrain.postgres import starting
from gbrain.postgres.answer import SOCKET_NAME, Absent, Answer, NotYet, Ready, Refused, ask
from gbrain.postgres.mounts import filesystem_of
from gbrain.postgres.paths import places_of
from gbrain.postgres.patience import Patience

MOUNTS = b"""\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:40 / /home rw - nfs4 server:/home rw,vers=4.2
41 40 0:41 / /home/me/my\\040disk rw shared:2 master:1 - xfs /dev/sdb rw
42 22 0:42 / /over rw - nfs server:/a rw
43 22 0:43 / /over rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/brain", "nfs4"),
        ("/homestead", "ext4"),
        ("/home/me/my disk/brain", "xfs"),
        ("/over/x", "tmpfs"),
    ],
)
def test_the_deepest_and_latest_mount_decides(folder: str, kind: str) -> None:
    assert filesystem_of(Path(folder), MOUNTS) == kind


def test_a_server_that_moves_is_waited_for_and_told_of_once() -> None:
    now, said = [0.0], list[str]()
    patience = _patience(now, said, sign=lambda: int(now[0] / 50))
    while now[0] < 600:
        patience.pause()
        now[0] += 10
    assert len(said) == 1


def test_a_server_that_does_not_move_for_a_minute_is_given_up() -> None:
    now, said = [0.0], list[str]()
    patience = _patience(now, said, sign=lambda: 0)
    with pytest.raises(DatabaseUnusable) as caught:
        _pause_until(600, patience, now)
    assert 60 < now[0] < 61
    assert caught.value.hint == "look there"


def _pause_until(end: float, patience: Patience, now: list[float]) -> None:
    while now[0] < end:
        patience.pause()


def _patience(now: list[float], said: list[str], sign: object) -> Patience:
    def sleep(seconds: float) -> None:
        now[0] += seconds

    return Patience(sign=sign, say=said.append, hint="look there", clock=lambda: now[0], sleep=sleep)  # type: ignore[arg-type]


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _error(code: bytes) -> bytes:
    return _message(b"E", b"SFATAL\0C" + code + b"\0Mno, it said\0\0")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (_message(b"R", b"\0\0\0\0") + _message(b"S", b"a\0b\0") + _message(b"Z", b"I"), Ready()),
        (_error(b"57P03"), NotYet()),
        (_error(b"53300"), Ready()),
        (_error(b"28000"), Refused("no, it said")),
        (_message(b"R", b"\0\0\0\x0a"), Refused("the server asks for a password")),
        (b"", NotYet()),
        (b"E\0\0", NotYet()),
    ],
)
def test_what_a_server_says_is_told_apart(said: bytes, answer: Answer, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / SOCKET_NAME))
        listener.listen()
        thread = threading.Thread(target=_say, args=(listener, said))
        thread.start()
        assert ask(tmp_path) == answer
        thread.join()
    assert ask(tmp_path) == Absent()
    assert ask(tmp_path / "missing") == Absent()


def _say(listener: socket.socket, said: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(said)


def test_a_server_that_lets_nobody_in_for_want_of_room_is_a_full_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = "could not write init file: No space left on device"
    monkeypatch.setattr(starting, "socket_folder", lambda places: tmp_path)
    monkeypatch.setattr(starting, "ask", lambda folder: Refused(said))
    with pytest.raises(DiskFull, match="want of room"):
        starting.Starting(places_of(tmp_path), lambda text: None, {}).until_ready()
