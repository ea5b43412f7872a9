"""Deriving in processes: files over which the process crashes do not keep the others out; defects are told as such."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence

import pytest

from gbrain.children.asking import Children
from gbrain.chunking.packing import LIMIT_BYTES
from gbrain.domain.content import PageContent, Reason, Refused
from gbrain.errors import GbrainError
from gbrain.services.deriving import Derivers
from gbrain.services.deriving_child import encode_all
from gbrain.store.encoded import EncodedPage, place_row

HARMED_BY_SOME = """
import os, signal
from gbrain.chunking import derive as module
whole = module.derive
def harmed(path, blob):
    if b"crash" in path:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"killed" in path:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"memory" in path:
        raise MemoryError
    if b"defect" in path:
        raise ValueError("a defect")
    return whole(path, blob)
module.derive = harmed
from gbrain.services.deriving_child import main
main()
"""


@pytest.fixture
async def derivers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Derivers]:
    """With the real child over its real pipes, but for the files whose names say what comes over it."""

    async def start(children: Children) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        words = (sys.executable, "-P", "-c", HARMED_BY_SOME)
        return await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, start_new_session=True)

    monkeypatch.setattr(Children, "_started", start)
    made = Derivers(2)
    yield made
    await made.close()


def files(count: int, *, harmful: Sequence[int], how: str) -> list[tuple[bytes, bytes]]:
    return [(f"{how if n in harmful else 'page'}-{n}.md".encode(), b"# Page\n") for n in range(count)]


@pytest.mark.parametrize("harmful", [[], [0], [6], [2, 3], [0, 2, 3, 4, 5, 6]])
async def test_a_file_over_which_the_process_crashes_is_refused_and_the_others_come_in(
    derivers: Derivers, harmful: list[int]
) -> None:
    items = files(7, harmful=harmful, how="crash")
    encoded = await derivers.encode(items, list(range(10, 17)), in_processes=True)
    assert [n for n, page in enumerate(encoded) if isinstance(page, Refused)] == harmful
    assert {page.reason for page in encoded if isinstance(page, Refused)} <= {Reason.UNREADABLE}
    assert encoded[1] == (await derivers.encode([items[1]], [11], in_processes=False))[0]
    assert isinstance(encoded[1], EncodedPage)


async def test_verification_finds_the_same_files_unreadable(derivers: Derivers) -> None:
    derived = await derivers.derive(files(3, harmful=[1], how="crash"), in_processes=True)
    assert [type(one) for one in derived] == [PageContent, Refused, PageContent]


@pytest.mark.parametrize("how", ["killed", "memory"])
async def test_a_process_that_is_killed_or_short_of_memory_refuses_no_file_and_the_error_names_it(
    derivers: Derivers, how: str
) -> None:
    with pytest.raises(GbrainError, match=f"{how}-4.md was killed") as told:
        await derivers.encode(files(7, harmful=[4], how=how), list(range(7)), in_processes=True)
    assert "--workers 1" in (told.value.hint or "")


async def test_a_defect_is_raised_as_one_and_refuses_no_file(derivers: Derivers) -> None:
    items = files(3, harmful=[1], how="defect")
    with pytest.raises(RuntimeError, match=r"ValueError: a defect \(.*, line \d+\)"):
        await derivers.encode(items, [1, 2, 3], in_processes=True)
    assert len(await derivers.encode(items[:1], [1], in_processes=True)) == 1


def test_a_child_whose_parent_is_gone_ends_without_a_word() -> None:
    child = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-c",
            "import time; from gbrain.services import deriving_child as c; "
            "whole = c.answered; c.answered = lambda q: time.sleep(0.5) or whole(q); c.main()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    import pickle

    from gbrain.children.answering import LENGTH

    question = pickle.dumps((files(200, harmful=[], how=""), None))
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdin.write(LENGTH.pack(len(question)) + question)
    child.stdin.close()
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(timeout=30) in (0, -signal.SIGPIPE)


def test_deep_headings_take_no_more_room_between_processes_than_the_page() -> None:
    titles = [("#" * level + " " + "字" * 500).encode() for level in range(1, 6)]
    sections = [b"###### s%d\n" % n + b"w " * (LIMIT_BYTES // 4) for n in range(200)]
    blob = b"\n\n".join([*titles, *sections])
    [page] = encode_all([(b"deep.md", blob)], [1])
    assert isinstance(page, EncodedPage)
    written = sum(len(place_row(place)) for place in page.places)
    import pickle

    assert written > 5 * len(blob) > 2 * len(pickle.dumps(page, protocol=5))
    assert os.fsdecode(page.places[-1][1][0]) == "字" * 500
