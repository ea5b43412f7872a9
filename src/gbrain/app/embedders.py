"""Embedders that make the models of a brain, opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gbrain.app.settings import Settings
from gbrain.app.specs import endpoint_of, key_of, local_spec, maker_of
from gbrain.domain.endpoint import Endpoint
from gbrain.domain.models import LOCAL, Model
from gbrain.embedding.answers import Embedder
from gbrain.errors import UsageError
from gbrain.services.requests import Packing
from gbrain.services.throttling import ProviderThrottle, Throttle, Unthrottled
from gbrain.store.connection import Pool

LOCAL_ITEMS = 256
"""Texts that the local embedder takes at once."""

_LOCAL_PROCESSES = 8
"""The most processes that it starts. Each takes some 90 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An embedder, ready to be sent to."""

    embedder: Embedder
    throttle: Throttle
    packing: Packing
    is_local: bool


def opened(
    settings: Settings, model: Model, pool: Pool, *, cap: int | None = None, environ: Mapping[str, str] = os.environ
) -> Opened:
    """The embedder that makes the model's vectors; raises EmbedderUnusable where none here makes the same.

    `cap` bounds the requests under way, where the endpoint's own bound is not enough.
    """
    endpoint = maker_of(settings, model)
    if endpoint is None:
        return _local(cap)
    from gbrain.embedding.remote import RemoteEmbedder

    key = key_of(endpoint, environ)
    return Opened(
        embedder=RemoteEmbedder(endpoint, key, dimensions=model.dimensions),
        throttle=ProviderThrottle(pool, _capped(endpoint, cap), provider_of(endpoint, key)),
        packing=packing_of(endpoint),
        is_local=False,
    )


def packing_of(endpoint: Endpoint | None) -> Packing:
    """What goes into one request; None stands for the local embedder."""
    if endpoint is None:
        return Packing(max_items=LOCAL_ITEMS)
    return Packing(max_items=endpoint.max_items, max_tokens=endpoint.max_tokens)


def embedder_named(settings: Settings, name: str) -> str:
    """The embedder that is meant by its own name or by the full one of what it makes; raises UsageError for neither."""
    embedder, has_model, _ = name.partition(":")
    made = local_spec().name if embedder == LOCAL else endpoint_of(settings, embedder).model_name
    if has_model and made != name:
        raise UsageError(f"{embedder} makes {made}, not {name}", hint=f"gbrain models use {embedder} fills that")
    return embedder


def provider_of(endpoint: Endpoint, key: str | None) -> bytes:
    """What shares the provider's limits: its address, its model, and the key, of which nothing can be read here."""
    parts = "\0".join([endpoint.base_url, endpoint.model, hashlib.sha256((key or "").encode()).hexdigest()])
    return hashlib.sha256(parts.encode()).digest()


def _capped(endpoint: Endpoint, cap: int | None) -> Endpoint:
    return endpoint if cap is None else replace(endpoint, concurrency=min(cap, endpoint.concurrency))


def _local(cap: int | None) -> Opened:
    from gbrain.embedding.local import LocalEmbedder

    cores = max(1, min(os.cpu_count() or 1, cap or _LOCAL_PROCESSES, _LOCAL_PROCESSES))
    embedder = LocalEmbedder(processes=cores if cores > 1 else 0)
    return Opened(embedder=embedder, throttle=Unthrottled(cores + 1), packing=packing_of(None), is_local=True)
