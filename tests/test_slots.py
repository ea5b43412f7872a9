"""Fetch slots: given out in order, given back at once, and never all to sources that hang."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gbrain.services.slots import Slots


async def test_a_slot_that_is_given_back_starts_the_next_source_at_once() -> None:
    slots = Slots(fetch=1, write=1)
    started: list[str] = []
    all_of_them = asyncio.Barrier(3)

    async def one(source_id: str) -> None:
        async with slots.fetch(source_id) as slot:
            started.append(source_id)
            slot.give_back()
            await all_of_them.wait()

    async with asyncio.timeout(10):
        await asyncio.gather(*map(one, "abc"))
    assert started == ["a", "b", "c"]


async def test_sources_that_hung_last_wait_for_their_quarter_and_leave_the_rest_to_others() -> None:
    slots = Slots(fetch=8, write=1, slow={f"slow-{n}" for n in range(8)})
    held = contextlib.AsyncExitStack()
    async with held:
        for n in range(2):
            await held.enter_async_context(slots.fetch(f"slow-{n}"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), slots.fetch("slow-2"):
                pass
        for n in range(6):
            await held.enter_async_context(slots.fetch(f"good-{n}"))
    # Whoever gave up waiting holds nothing.
    async with slots.fetch("slow-3"), slots.fetch("slow-4"):
        pass


async def test_a_slot_may_be_taken_again_and_is_given_back_once() -> None:
    slots = Slots(fetch=1, write=1)
    async with slots.fetch("a") as slot:
        slot.give_back()
        async with slot, slot:
            pass
        async with slots.fetch("b"):
            pass
    async with slots.fetch("c"):
        pass
