"""Commands in processes that need not import first: one that has imported what commands import forks each of them.

What is run is what the installed command runs, `gbrain.entry.main`, or the `main` of the driver or of an endpoint, with
its own arguments, environment, folder, pipes and session, in a process of its own. Only what an interpreter does before
and after is spared: half a second of CPU for each of thousands of commands. With `GBRAIN_TEST_EACH_ANEW=1`, or where
the environment asks something of the interpreter itself, commands are started anew.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_ITS_OWN = ("PYTHON", "LANG", "LC_", "LD_")
"""What an interpreter looks at when it starts."""


def can_fork(environ: Mapping[str, str]) -> bool:
    """Whether a forked process is the same as one that is started with this environment."""
    return not os.environ.get("GBRAIN_TEST_EACH_ANEW") and _of_interpreter(environ) == _of_interpreter(os.environ)


def _of_interpreter(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_ITS_OWN)}


class Forked(subprocess.Popen[bytes]):
    """A command that was forked rather than started; all else is as `subprocess` has it."""

    _end: socket.socket

    def _execute_child(self, *given: Any) -> None:
        """What `Popen` calls for the process, its pipes being made. The child itself tells that it is there."""
        arguments, cwd, environ, pipes = given[0], given[5], given[6], given[10:16]
        self._end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked = {
            "arguments": list(map(os.fspath, arguments)),
            "environ": dict(environ),
            "cwd": os.fspath(cwd or Path.cwd()),
            "own_session": bool(given[21]),
        }
        with theirs, os.fdopen(os.memfd_create("asked"), "wb+") as file:
            file.write(json.dumps(asked).encode())
            file.flush()
            streams = [pipes[0], *(descriptor if descriptor >= 0 else 2 for descriptor in (pipes[3], pipes[5]))]
            socket.send_fds(_PREPARED.control(), [b"go"], [theirs.fileno(), file.fileno(), *streams])
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self.pid = int(self._end.recv(64))
        self._child_created = True

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        with self._waitpid_lock:  # type: ignore[attr-defined]
            self._look(os.WNOHANG)
        return self.returncode

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """The pid and no status where it has ended, as `waitpid` answers; the code is kept here."""
        self._look(flags)
        return (self.pid, 0) if self.returncode is not None else (0, 0)

    def _handle_exitstatus(self, *_: Any, **__: Any) -> None:
        """It is known already."""

    def _look(self, flags: int) -> None:
        if self.returncode is None:
            self._end.setblocking(not flags & os.WNOHANG)
            try:
                self.returncode = int(self._end.recv(64))
            except BlockingIOError:
                return
            self._end.close()


class _Prepared:
    """The process that forks commands; it is started with the first of them, and ends with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting = threading.Lock()

    def control(self) -> socket.socket:
        """Where it is told what to run."""
        with self._starting:
            if self._control is None:
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = subprocess.Popen(
                        [sys.executable, "-m", "support.prepared", str(theirs.fileno())],
                        cwd=Path(__file__).parents[1],
                        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                        stdin=subprocess.DEVNULL,
                        pass_fds=[theirs.fileno()],
                    )
                atexit.register(self._stop)
            return self._control

    def _stop(self) -> None:
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()


_PREPARED = _Prepared()


def serve(descriptor: int) -> list[int]:
    """Fork a command for each message, until whoever asks is gone; in a command's process, what it was sent.

    That is: where to tell its end, what is to be run, its input and its two outputs. Nothing where it is over.
    """
    _import_everything()
    gc.collect()
    gc.freeze()
    running: dict[int, socket.socket] = {}
    children, wake = socket.socketpair()
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with children, wake, socket.socket(fileno=descriptor) as control, selectors.DefaultSelector() as selector:
        for end in (children, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        selector.register(control, selectors.EVENT_READ)
        selector.register(children, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is children:
                    children.recv(4096)
                    _reap(running)
                    continue
                message, descriptors, _, _ = socket.recv_fds(control, 16, 5)
                if not message:
                    return []
                if (pid := os.fork()) == 0:
                    signal.set_wakeup_fd(-1)
                    for asker in running.values():
                        asker.close()
                    return descriptors
                running[pid] = socket.socket(fileno=descriptors[0])
                for one in descriptors[1:]:
                    os.close(one)


def _reap(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            with running.pop(pid) as asker:
                asker.send(b"%d" % os.waitstatus_to_exitcode(status))


def become(descriptors: list[int]) -> None:
    """Be the command; it ends as the interpreter ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asker, asked, *streams = descriptors
    with os.fdopen(asked, "rb") as file:
        file.seek(0)
        wanted = json.loads(file.read())
    if wanted["own_session"]:
        os.setsid()
    for standard, one in enumerate(streams):
        os.dup2(one, standard)
        os.close(one)
    os.environ.clear()
    os.environ.update(wanted["environ"])
    time.tzset()
    os.chdir(wanted["cwd"])
    with socket.socket(fileno=asker) as told:
        told.send(b"%d" % os.getpid())
    code: object = 0
    try:
        _main_of(wanted["arguments"])()
    except SystemExit as end:
        code = end.code
    _end(code)


def _main_of(words: list[str]) -> Callable[[], None]:
    """What the words of a command line start, which gets those that are its own."""
    from gbrain.entry import main
    from support import driver, endpoint_server

    match words[1:]:
        case [driver.DRIVER, *_]:
            sys.argv = words[1:]
            return driver.main
        case ["-m", "support.endpoint_server", *_]:
            sys.argv = words[2:]
            return endpoint_server.main
    sys.argv = words
    return main


def _end(code: object) -> None:
    """End as an interpreter does, but for taking apart piece by piece what goes with the process anyway."""
    if not isinstance(code, int):
        sys.exit(code)  # type: ignore[arg-type]
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _import_everything() -> None:
    """All that commands import; what would bring threads along, which no fork has, is kept from it."""
    import gbrain

    for module in pkgutil.walk_packages(gbrain.__path__, "gbrain."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("numpy", "tokenizers", "safetensors.numpy", "support.driver", "support.endpoint_server"):
        importlib.import_module(name)
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("what was imported has started threads: a process that has some is not forked")


if __name__ == "__main__":
    if sent := serve(int(sys.argv[1])):
        become(sent)
