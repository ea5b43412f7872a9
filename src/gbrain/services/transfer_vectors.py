"""Vectors, which were paid for and are in no repository, carried to another brain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gbrain import logs
from gbrain.domain.models import Model, ModelState, Spec
from gbrain.services import models, transfer
from gbrain.services.transfer_lines import Ending, last_line, line_of
from gbrain.services.transfer_models import is_of_this_program, model_out
from gbrain.store import faults, vector_transfer
from gbrain.store.connection import Pool
from gbrain.store.vector_transfer import Carried, Piece

RETRY_SECONDS = 600.0
"""How long a piece is tried again while others hold locks it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an export holds: its document, and of each model how many vectors."""

    document: dict[str, Any]
    vectors: list[tuple[Model, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What an import did for one model: as it is here now, whether it was made, and how many of its vectors were new.

    `is_usable`: this program makes the same, so that it can be filled and searched.
    """

    model: Model
    added: bool
    vectors: int
    new: int
    is_usable: bool


async def export(pool: Pool, write: Callable[[bytes], None]) -> Written:
    """Write everything that no repository tells, as of one moment, line by line; what that is."""
    counts, ending = [], Ending()
    async with vector_transfer.at_one_moment(pool) as (conn, found):
        document = await transfer.export(conn) | {"models": [model_out(model) for model in found]}
        write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        for number, model in enumerate(found):
            before = ending.vectors
            async for piece in vector_transfer.pieces(conn, model):
                write(line_of(number, piece))
                ending = ending.with_piece(piece)
            counts.append((model, ending.vectors - before))
        write(last_line(ending))
    return Written(document=document, vectors=counts)


async def bring_in(
    pool: Pool,
    carried: list[Carried],
    pieces: Iterable[tuple[int, Piece]],
    local: Callable[[], Spec],
    *,
    stored: Callable[[int], None] = lambda vectors: None,
) -> list[Brought]:
    """Register the models of an export that the brain does not have, and store the vectors that it lacks.

    The active one becomes active where the brain has none and this program makes the same; others are retired, until
    somebody uses them. May be done again: each piece is whole in itself. `stored` is told how many vectors are through.
    """
    found = [await _adopted(pool, model, local) for model in carried]
    through = 0
    for number, piece in pieces:
        count, new = len(piece.hashes), await _stored(pool, found[number].model, piece)
        brought = found[number]
        found[number] = replace(brought, vectors=brought.vectors + count, new=brought.new + new)
        through += count
        stored(through)
    for brought in found:
        if brought.model.state is not ModelState.RETIRED:
            await models.seed(pool, brought.model)
    return found


async def _adopted(pool: Pool, carried: Carried, local: Callable[[], Spec]) -> Brought:
    usable = is_of_this_program(carried, local)
    may_serve = usable and carried.state is ModelState.ACTIVE
    async with pool.connection() as conn:
        model, added = await vector_transfer.adopt(conn, carried, may_serve=may_serve)
    return Brought(model=model, added=added, vectors=0, new=0, is_usable=usable)


async def _stored(pool: Pool, model: Model, piece: Piece) -> int:
    """Store a piece, again and again while somebody else's lock is in the way."""
    pause, until = 0.05, time.monotonic() + RETRY_SECONDS
    while True:
        try:
            async with pool.connection() as conn:
                return await vector_transfer.store(conn, model, piece)
        except faults.MET_A_LOCK as error:
            if time.monotonic() > until:
                raise
            logs.debug("a piece is stored again", model=model.name, because=str(error).splitlines()[0])
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)
