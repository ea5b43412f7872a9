"""Deriving in processes: files that kill the process that reads them do not keep the others out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import pytest

from gbrain.domain.content import PageContent, Reason, Refused
from gbrain.errors import GbrainError
from gbrain.services import deriving
from gbrain.services.deriving import MOST_DEADLY, Derivers
from gbrain.store.encoded import EncodedPage

DYING_OF_SOME = """
import os
from gbrain.chunking import derive as module
whole = module.derive
module.derive = lambda path, blob: os._exit(9) if b"deadly" in path else whole(path, blob)
from gbrain.services.deriving_child import main
main()
"""


@pytest.fixture(autouse=True)
def dying_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real child over its real pipes, but for the files whose names say that it dies of them."""

    async def start() -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        words = (sys.executable, "-P", "-c", DYING_OF_SOME)
        return await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, start_new_session=True)

    monkeypatch.setattr(deriving, "_start", start)


def files(count: int, *, deadly: Sequence[int]) -> list[tuple[bytes, bytes]]:
    return [(b"%s-%d.md" % (b"deadly" if n in deadly else b"page", n), b"# Page\n") for n in range(count)]


@pytest.mark.parametrize("deadly", [[], [0], [6], [2, 3], [0, 4, 6]])
async def test_a_file_that_kills_its_process_is_refused_and_the_others_come_in(deadly: list[int]) -> None:
    derivers = Derivers(2)
    try:
        items = files(7, deadly=deadly)
        encoded = await derivers.encode(items, list(range(10, 17)), in_processes=True)
        refused = [n for n, page in enumerate(encoded) if isinstance(page, Refused)]
        assert refused == deadly
        assert {page.reason for page in encoded if isinstance(page, Refused)} <= {Reason.UNREADABLE}
        assert encoded[1] == (await Derivers(1).encode([items[1]], [11], in_processes=False))[0]
        assert isinstance(encoded[1], EncodedPage)
    finally:
        await derivers.close()


async def test_verification_finds_the_same_files_unreadable() -> None:
    derivers = Derivers(1)
    try:
        derived = await derivers.derive(files(3, deadly=[1]), in_processes=True)
        assert [type(one) for one in derived] == [PageContent, Refused, PageContent]
    finally:
        await derivers.close()


async def test_many_files_that_kill_their_processes_are_a_lack_of_memory_and_refuse_no_more() -> None:
    derivers = Derivers(1)
    try:
        count = MOST_DEADLY + 1
        with pytest.raises(GbrainError, match="killed again and again") as told:
            await derivers.encode(files(count, deadly=range(count)), list(range(count)), in_processes=True)
        assert "--workers 1" in (told.value.hint or "")
    finally:
        await derivers.close()
