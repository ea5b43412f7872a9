"""`gbrain embed --dry-run`, wired: what would be sent, told without asking anybody and without changing anything."""

from __future__ import annotations

from pathlib import Path

from gbrain.app.brain import Brain
from gbrain.app.embedders import packing_of
from gbrain.app.embedding import source_named
from gbrain.app.specs import endpoint_of, local_spec, maker_of
from gbrain.domain.endpoint import Endpoint
from gbrain.domain.models import LOCAL, Model
from gbrain.services import models
from gbrain.services.weighing import Weight, weigh, weigh_new
from gbrain.store.connection import Connection


async def run_rehearsal(brain: Brain, *, named: str | None, here: Path, retry_failed: bool) -> list[Weight]:
    """What `gbrain embed` would send, as far as that can be told without sending.

    A model that it would make is weighed as if it were there. Raises what `run_embed` does, but not for want of a key.
    """
    source = await source_named(brain, named, here)

    async def weights(conn: Connection) -> list[Weight]:
        found = await models.in_use(conn)
        usable = [model for model in found.each if not _is_outdated(model)]
        there = [await _weight(conn, model, brain, source, retry_failed=retry_failed) for model in usable]
        return [*there, *await _weight_of_new(conn, found, brain, source)]

    return await brain.ask(weights)


async def _weight(conn: Connection, model: Model, brain: Brain, source: str | None, *, retry_failed: bool) -> Weight:
    endpoint = maker_of(brain.settings, model)
    return await weigh(conn, model, source, packing_of(endpoint), endpoint, retry_failed=retry_failed)


async def _weight_of_new(conn: Connection, found: models.InUse, brain: Brain, source: str | None) -> list[Weight]:
    """Of the model that would be made first."""
    if found.active is None:
        named = brain.settings.embedder or LOCAL
        endpoint = None if named == LOCAL else endpoint_of(brain.settings, named)
    elif found.filling is None and _is_outdated(found.active):
        endpoint = None
    else:
        return []
    return [await weigh_new(conn, _name(endpoint), source, packing_of(endpoint), endpoint)]


def _is_outdated(model: Model) -> bool:
    """Whether an earlier version of the local embedder made it, so that one of this version is filled beside it."""
    return model.embedder == LOCAL and model.fingerprint != local_spec().fingerprint


def _name(endpoint: Endpoint | None) -> str:
    return local_spec().name if endpoint is None else endpoint.model_name
