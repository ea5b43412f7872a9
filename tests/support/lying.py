"""Remotes that lie, played over git's real protocol (gitprotocol-v2(5), gitprotocol-pack(5)) on loopback ports."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import itertools
import os
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLUSH, DELIMITER = b"0000", b"0001"
CAPABILITIES = ("version 2", "agent=git/lying", "ls-refs", "fetch=shallow", "object-format=sha1")

_DEADLINE_S = 20
_PIECE_BYTES = 60_000

Parts = Callable[[], Iterable[bytes]]


def pkt(content: bytes | str) -> bytes:
    """A line of the protocol."""
    content = content.encode() if isinstance(content, str) else content
    return b"%04x%s" % (len(content) + 4, content)


def told(text: str) -> bytes:
    """Words of the remote on the band for progress."""
    return pkt(b"\2" + text.encode())


def refs(*lines: str) -> Parts:
    """The answer to `ls-refs` that has these lines."""
    return lambda: [*(pkt(line + "\n") for line in lines), FLUSH]


def packfile(pack: bytes) -> Parts:
    """The answer to `fetch` that sends these bytes as the pack."""

    def parts() -> Iterator[bytes]:
        yield pkt("packfile\n")
        for at in range(0, len(pack), _PIECE_BYTES):
            yield pkt(b"\1" + pack[at : at + _PIECE_BYTES])
        yield FLUSH

    return parts


def hello(*capabilities: str) -> Parts:
    """The first words of a server of protocol version 2."""
    return lambda: [*(pkt(line + "\n") for line in capabilities or CAPABILITIES), FLUSH]


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a remote answers, a part after the other: its greeting, its refs, its pack."""

    refs: Parts
    pack: Parts
    hello: Parts = field(default_factory=hello)

    def answers(self, request: bytes) -> Iterable[bytes]:
        """The answer to one request."""
        if b"command=ls-refs" in request:
            return self.refs()
        return self.pack() if b"0009done\n" in request else [pkt("acknowledgments\n"), pkt("NAK\n"), FLUSH]


@dataclass
class Remote:
    """A server whose words a test changes while it runs."""

    port: int
    words: Any
    scheme: str = "git"
    requests: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/origin", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def endless(self, part: Callable[[], bytes], pause_s: float) -> Iterator[bytes]:
        """The part again and again, for as long as the server runs."""
        while not self.stopped.is_set():
            yield part()
            if pause_s:
                self.stopped.wait(pause_s)


@contextmanager
def git_remote(words: Words | None = None) -> Iterator[Remote]:
    """A server of the git protocol that says these words."""
    remote = Remote(port=0, words=words)

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                remote.requests.append(_read_pkt(self.rfile).decode("utf-8", "replace"))
                _send(self.request, remote.words.hello())
                while request := _read_request(self.rfile):
                    _send(self.request, remote.words.answers(request))

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation), remote):
        yield remote


@contextmanager
def http_remote(words: Any = None, *, certificate: tuple[Path, Path] | None = None) -> Iterator[Remote]:
    """A server of git over http that says these words, or calls them with the request where they are a function.

    `certificate` is a file with the certificate and one with its key: the server speaks https then.
    """
    remote = Remote(port=0, words=words, scheme="https" if certificate else "http")

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

        def _answer(self, body: bytes) -> None:
            remote.requests.append(f"{self.command} {self.path}")
            with contextlib.suppress(OSError):
                if callable(remote.words):
                    remote.words(self, body)
                else:
                    say(self, remote.words, body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = _Farewell(("127.0.0.1", 0), Answer)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with _served(server, remote):
        yield remote


def say(request: http.server.BaseHTTPRequestHandler, words: Words, body: bytes) -> None:
    """Answer a request of git over http with these words."""
    service = "application/x-git-upload-pack"
    if request.command == "GET":
        send_head(request, 200, {"Content-Type": f"{service}-advertisement"})
        _send(request.connection, itertools.chain([pkt("# service=git-upload-pack\n"), FLUSH], words.hello()))
    else:
        send_head(request, 200, {"Content-Type": f"{service}-result"})
        _send(request.connection, words.answers(body))


def send_head(request: http.server.BaseHTTPRequestHandler, status: int, fields: dict[str, str]) -> None:
    """Send the status and the headers of an answer."""
    request.send_response(status)
    for name, value in fields.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.flush()


@dataclass(frozen=True, kw_only=True)
class Alteration:
    """What happens to the bytes of an honest server: one is flipped, or they end, by a reset where wanted."""

    flip_at: int | None = None
    end_at: int | None = None
    reset: bool = False


@contextmanager
def altered_daemon(base: Path) -> Iterator[Remote]:
    """`git daemon` behind a proxy; the remote's words are what the proxy alters."""
    remote = Remote(port=0, words=Alteration())

    class Proxy(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            words = ("git", "daemon", "--inetd", "--export-all", f"--base-path={base}", str(base))
            daemon = subprocess.Popen(
                words,
                stdin=self.request,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert daemon.stdout is not None
            try:
                with contextlib.suppress(OSError):
                    _relay(daemon.stdout, self.request, remote.words)
                if remote.words.reset:
                    self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(daemon.pid, signal.SIGKILL)  # what it started holds the connection open as well
                daemon.stdout.close()
                daemon.wait(_DEADLINE_S)

    with _served(_Unshut(("127.0.0.1", 0), Proxy), remote):
        yield remote


def certificate(folder: Path, name: str, *, days: int = 2) -> tuple[Path, Path]:
    """A certificate that nobody vouches for, for this host name, and the file of its key; expired where days < 0."""
    folder.mkdir(exist_ok=True)
    made, key, asked = folder / "certificate.pem", folder / "key.pem", folder / "asked.pem"
    (folder / "extensions").write_text(f"subjectAltName={'IP' if name[0].isdigit() else 'DNS'}:{name}\n")
    subject = ("-subj", f"/CN={name}", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl("req", "-new", *subject, "-keyout", str(key), "-out", str(asked))
    signed = ("-signkey", str(key), "-days", str(days), "-extfile", str(folder / "extensions"))
    _openssl("x509", "-req", "-in", str(asked), *signed, "-out", str(made))
    return made, key


class _Farewell(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request: Any) -> None:
        """End an encrypted connection as the protocol wants it: git takes any other end for an error."""
        with contextlib.suppress(OSError, ValueError):
            if isinstance(request, ssl.SSLSocket):
                request.settimeout(1)
                request.unwrap()
        super().shutdown_request(request)


class _Unshut(socketserver.ThreadingTCPServer):
    def shutdown_request(self, request: Any) -> None:
        """Leave the end of the connection to the handler: a shutdown would end it in good order."""
        request.close()


def _relay(source: Any, sink: socket.socket, altered: Alteration) -> None:
    at, end = 0, altered.end_at if altered.end_at is not None else 1 << 40
    while at < end and (read := os.read(source.fileno(), min(1 << 16, end - at))):
        data = bytearray(read)
        if altered.flip_at is not None and at <= altered.flip_at < at + len(data):
            data[altered.flip_at - at] ^= 0x20
        sink.sendall(data)
        at += len(data)


@contextmanager
def _served(server: socketserver.TCPServer, remote: Remote) -> Iterator[None]:
    server.daemon_threads = True  # type: ignore[attr-defined]
    server.block_on_close = False  # type: ignore[attr-defined]
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    remote.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        remote.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(_DEADLINE_S)


def _send(sink: socket.socket, parts: Iterable[bytes]) -> None:
    for part in parts:
        sink.sendall(part)


def _read_request(source: Any) -> bytes:
    """The lines of a request as they came, up to its flush; empty at the end of the conversation."""
    lines = b""
    while (head := source.read(4)) and head != FLUSH:
        size = int(head, 16)
        lines += head + (source.read(size - 4) if size > 4 else b"")
    return lines


def _read_pkt(source: Any) -> bytes:
    size = int(source.read(4) or b"4", 16)
    content: bytes = source.read(size - 4)
    return content


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL)
