"""What the embedders that the settings name make: models, described before anything is stored of them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gbrain.app.settings import Settings
from gbrain.domain.endpoint import Endpoint
from gbrain.domain.endpoint_values import dimensions_error
from gbrain.domain.models import LOCAL, Model, Spec
from gbrain.embedding.answers import Answer, Deferred, PushedBack, Vectors
from gbrain.errors import EmbedderUnusable, UsageError


async def spec_of(settings: Settings, name: str, environ: Mapping[str, str] = os.environ) -> Spec:
    """What the embedder of this name makes. An endpoint is asked for one vector, before anything is stored.

    Raises UsageError where there is none of the name, EmbedderUnusable where it cannot be used.
    """
    if name == LOCAL:
        return local_spec()
    endpoint = endpoint_of(settings, name)
    return endpoint_spec(endpoint, await _probed(endpoint, environ))


def local_spec() -> Spec:
    """What the local embedder makes; nothing is loaded for that."""
    from gbrain.embedding.local import LocalEmbedder

    local = LocalEmbedder()
    return Spec(embedder=LOCAL, model=local.model_name, dimensions=local.dimensions, version=local.version)


def endpoint_spec(endpoint: Endpoint, dimensions: int) -> Spec:
    """What an endpoint makes."""
    limits = {
        "max_items": endpoint.max_items,
        "max_tokens": endpoint.max_tokens,
        "concurrency": endpoint.concurrency,
        "requests_per_minute": endpoint.requests_per_minute or None,
        "tokens_per_minute": endpoint.tokens_per_minute or None,
    }
    return Spec(embedder=endpoint.name, model=endpoint.model, dimensions=dimensions, limits=limits)


def maker_of(settings: Settings, model: Model) -> Endpoint | None:
    """The endpoint that makes the model's vectors; None: the local embedder does.

    Raises EmbedderUnusable where nothing that is configured here makes the same.
    """
    if model.embedder == LOCAL:
        if local_spec().fingerprint != model.fingerprint:
            raise EmbedderUnusable(
                f"the model {model.name} was made by another version of the local embedder",
                hint="fill the one of this version: gbrain models use local",
            )
        return None
    endpoint = settings.embedders.get(model.embedder)
    if endpoint is None:
        raise EmbedderUnusable(
            f"the model {model.name} is made by an endpoint that is not configured here",
            hint=f"add [embedders.{model.embedder}] to config.toml, or use another model: gbrain models use NAME",
        )
    if endpoint_spec(endpoint, endpoint.dimensions or model.dimensions).fingerprint != model.fingerprint:
        raise EmbedderUnusable(
            f"[embedders.{endpoint.name}] makes something else than {model.name} of {model.dimensions:,} dimensions",
            hint=f"fill what it makes now: gbrain models use {endpoint.name}; or put back what was configured",
        )
    return endpoint


def endpoint_of(settings: Settings, name: str) -> Endpoint:
    """The endpoint of this name; raises UsageError where it is not configured."""
    found = settings.embedders.get(name)
    if found is None:
        known = ", ".join([LOCAL, *sorted(settings.embedders)])
        hint = f"known are: {known}; an endpoint is a table [embedders.{name}] in config.toml"
        raise UsageError(f"there is no embedder {name}", hint=hint)
    return found


def key_of(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    """The endpoint's key; raises EmbedderUnusable where it needs one and none is set."""
    if endpoint.api_key_env is None:
        return None
    key = environ.get(endpoint.api_key_env)
    if not key:
        raise EmbedderUnusable(
            f"the key of [embedders.{endpoint.name}] is not set",
            hint=f"put it into the environment: export {endpoint.api_key_env}=…",
        )
    return key


async def _probed(endpoint: Endpoint, environ: Mapping[str, str]) -> int:
    from gbrain.embedding.remote import RemoteEmbedder, probe

    embedder = RemoteEmbedder(endpoint, key_of(endpoint, environ))
    try:
        found = await probe(embedder)
    finally:
        await embedder.close()
    if not isinstance(found, int):
        raise _unusable(endpoint, found)
    if (wrong := dimensions_error(found)) is not None:
        raise EmbedderUnusable(
            f"{endpoint.model_name} answers vectors of {wrong}",
            hint="configure fewer with `dimensions`, where the model can make them",
        )
    return found


def _unusable(endpoint: Endpoint, answer: Answer) -> EmbedderUnusable:
    if isinstance(answer, Vectors):
        raise TypeError("vectors are no reason")
    later = "try again later" if isinstance(answer, PushedBack | Deferred) else None
    hint = later or getattr(answer, "hint", None) or f"see [embedders.{endpoint.name}] in config.toml"
    return EmbedderUnusable(f"{endpoint.model_name} cannot be used: {answer.message}", hint=hint)
