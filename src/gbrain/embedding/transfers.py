"""HTTP requests by libcurl, on the event loop: many under way, each with an end of its own, and no thread to wait for.

libcurl says which sockets it waits for and until when, and the loop watches them for it: that is its `multi_socket`
interface (https://curl.se/libcurl/c/libcurl-multi.html).
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pycurl

from gbrain.embedding.environment import proxy_of, trusted

_CONNECT_S = 10.0
_IDLE_S = 30
_BUFFER_BYTES = 512 << 10
"""What libcurl reads and sends at once: answers are megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An answer. Names of headers are in lower case. `body` is None where it was longer than it may be.

    Of an answer that refuses the request, the body is what has come of it: its status says what matters.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None


class NotReceivedError(Exception):
    """No answer came.

    `code` is libcurl's and `words` are its own; `errno` is the system's, 0 where it has no part in it. `was_sent`:
    whether any of the body was on its way. `by_proxy`: whether it went by a proxy.
    """

    def __init__(self, code: int, words: str, *, errno: int, was_sent: bool, by_proxy: bool) -> None:
        super().__init__(words)
        self.code, self.words, self.errno = code, words, errno
        self.was_sent, self.by_proxy = was_sent, by_proxy


@dataclass(slots=True, kw_only=True)
class _Arriving:
    """What has come of an answer so far."""

    most_bytes: int
    parts: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    size: int = 0
    sendings: int = 0

    def begin(self, *_: object) -> int:
        """Let the request go out once: what a server may have read, libcurl would send again by itself."""
        self.sendings += 1
        return pycurl.PREREQFUNC_OK if self.sendings == 1 else pycurl.PREREQFUNC_ABORT

    def part(self, data: bytes) -> int:
        """Take a part of the body; any other number than that of its bytes ends the transfer."""
        self.size += len(data)
        if self.size > self.most_bytes:
            return 0
        self.parts.append(data)
        return len(data)

    def line(self, line: bytes) -> None:
        """Take a line of the head; each status line begins it anew."""
        name, colon, value = line.decode("latin-1").partition(":")
        if line.startswith(b"HTTP/"):
            self.headers.clear()
        elif colon:
            self.headers[name.strip().lower()] = value.strip()


class Transfers:
    """Sends requests to one URL over connections that are kept, `most` at once; raises ValueError for a wrong proxy."""

    def __init__(self, url: str, *, most: int, timeout_s: float, environ: Mapping[str, str] = os.environ) -> None:
        self._url, self._most, self._timeout_s = url, most, timeout_s
        self._proxy = proxy_of(url, environ)
        self._trusted = os.fsencode(trusted(environ)) if "https:" in (url[:6], self._proxy[:6]) else None
        self._idle: deque[pycurl.Curl] = deque()
        self._waiting: dict[pycurl.Curl, asyncio.Future[tuple[int, str] | None]] = {}
        self._watched: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._multi: pycurl.CurlMulti | None = None

    async def post(self, body: bytes, headers: Sequence[str], *, most_bytes: int) -> Received:
        """Send a body and give the answer; raises NotReceivedError where none comes in time.

        Cancelled, it ends at once, and its connection with it.
        """
        handle = self._idle.popleft() if self._idle else self._handle()
        arriving = _Arriving(most_bytes=most_bytes)
        handle.setopt(pycurl.POSTFIELDS, body)
        handle.setopt(pycurl.HTTPHEADER, [*headers, "Expect:"])
        handle.setopt(pycurl.WRITEFUNCTION, arriving.part)
        handle.setopt(pycurl.HEADERFUNCTION, arriving.line)
        handle.setopt(pycurl.PREREQFUNCTION, arriving.begin)
        failure = await self._performed(handle)
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        is_too_long = arriving.size > most_bytes
        if failure is not None and not is_too_long and not (arriving.headers and status >= _REFUSALS):
            raise self._not_received(handle, arriving, *failure)
        if failure is None:
            self._idle.append(handle)
        else:
            handle.close()
        whole = None if is_too_long and status < _REFUSALS else b"".join(arriving.parts)
        return Received(status=status, headers=arriving.headers, body=whole)

    async def close(self) -> None:
        """Close the connections; what is under way is cancelled.

        libcurl waits for names that are being resolved, which nobody can break off: not in the loop.
        """
        multi, self._multi = self._multi, None
        for handle, future in self._waiting.items():
            future.cancel()
            if multi is not None:
                multi.remove_handle(handle)
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        if multi is not None:
            multi.setopt(pycurl.M_SOCKETFUNCTION, _ignore)
            multi.setopt(pycurl.M_TIMERFUNCTION, _ignore)
            for descriptor in self._watched:
                asyncio.get_running_loop().remove_reader(descriptor)
                asyncio.get_running_loop().remove_writer(descriptor)
            await asyncio.to_thread(multi.close)
        while self._idle:
            self._idle.pop().close()

    async def _performed(self, handle: pycurl.Curl) -> tuple[int, str] | None:
        """Let libcurl do it; None where an answer came, else its code and words."""
        multi = self._multi = self._multi or self._opened()
        future: asyncio.Future[tuple[int, str] | None] = asyncio.get_running_loop().create_future()
        self._waiting[handle] = future
        multi.add_handle(handle)
        try:
            return await future
        finally:
            if self._waiting.pop(handle, None) is not None:
                multi.remove_handle(handle)

    def _opened(self) -> pycurl.CurlMulti:
        multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_SOCKETFUNCTION, _watcher(asyncio.get_running_loop(), self._act, self._watched))
        multi.setopt(pycurl.M_TIMERFUNCTION, self._wake_in)
        multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, self._most)
        multi.setopt(pycurl.M_MAXCONNECTS, self._most)
        return multi

    def _handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        for option, value in _OPTIONS.items():
            handle.setopt(option, value)
        handle.setopt(pycurl.URL, self._url)
        handle.setopt(pycurl.PROXY, self._proxy)
        handle.setopt(pycurl.TIMEOUT_MS, round(self._timeout_s * 1000))
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, round(min(self._timeout_s, _CONNECT_S) * 1000))
        if self._trusted is not None:
            is_folder = Path(os.fsdecode(self._trusted)).is_dir()
            for option in (pycurl.CAPATH, pycurl.PROXY_CAPATH) if is_folder else (pycurl.CAINFO, pycurl.PROXY_CAINFO):
                handle.setopt(option, self._trusted)
        return handle

    def _wake_in(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if milliseconds >= 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, events: int) -> None:
        """Let libcurl go on, and tell those whose transfers are over."""
        if self._multi is None:
            return
        self._multi.socket_action(descriptor, events)
        more = 1
        while more:
            more, done, failed = self._multi.info_read()
            for handle in done:
                self._ended(handle, None)
            for handle, code, words in failed:
                self._ended(handle, (code, words))

    def _ended(self, handle: pycurl.Curl, failure: tuple[int, str] | None) -> None:
        future = self._waiting.pop(handle)
        if self._multi is not None:
            self._multi.remove_handle(handle)
        if not future.done():
            future.set_result(failure)

    def _not_received(self, handle: pycurl.Curl, arriving: _Arriving, code: int, words: str) -> NotReceivedError:
        failure = NotReceivedError(
            code,
            words,
            errno=handle.getinfo(pycurl.OS_ERRNO),
            was_sent=handle.getinfo(pycurl.SIZE_UPLOAD_T) > 0 or arriving.sendings > 1,
            by_proxy=bool(handle.getinfo(pycurl.USED_PROXY)),
        )
        handle.close()
        return failure


_OPTIONS = {
    pycurl.POST: 1,
    pycurl.NOSIGNAL: 1,
    pycurl.BUFFERSIZE: _BUFFER_BYTES,
    pycurl.UPLOAD_BUFFERSIZE: _BUFFER_BYTES,
    pycurl.MAXAGE_CONN: _IDLE_S,
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    pycurl.ACCEPT_ENCODING: "",
}

_REFUSALS = 400


def _ignore(*_: object) -> None:
    """What libcurl tells of when nobody listens any more."""


def _watcher(
    loop: asyncio.AbstractEventLoop, act: Callable[[int, int], None], watched: set[int]
) -> Callable[[int, int, pycurl.CurlMulti, object], None]:
    """What libcurl tells of the sockets that it waits for."""

    def watch(what: int, descriptor: int, multi: pycurl.CurlMulti, data: object) -> None:
        loop.remove_reader(descriptor)
        loop.remove_writer(descriptor)
        watched.discard(descriptor)
        if what in (pycurl.POLL_IN, pycurl.POLL_INOUT):
            loop.add_reader(descriptor, act, descriptor, pycurl.CSELECT_IN)
            watched.add(descriptor)
        if what in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            loop.add_writer(descriptor, act, descriptor, pycurl.CSELECT_OUT)
            watched.add(descriptor)

    return watch
