"""An embedding endpoint as it is configured: `[embedders.NAME]`, checked key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from typing import Any

from gbrain.domain import endpoint_values

RESERVED_NAMES = ("local", "none")
"""What `GBRAIN_EMBEDDER` means by itself, so that no endpoint can be called that."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where embeddings are made, and what it takes. Of the limits on rates and money, 0 means that none is known."""

    name: str
    base_url: str
    """Without a slash at its end: texts are sent to `{base_url}/embeddings`."""
    model: str
    dimensions: int | None = None
    """How long its vectors must be; None where that is what it answers when it is asked first."""
    api_key_env: str | None = None
    """The variable that holds the key; None for an endpoint that needs none."""
    max_items: int = 128
    max_tokens: int = 100_000
    concurrency: int = 16
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    requests_per_day: int = 0
    tokens_per_day: int = 0
    price_per_million_tokens: float = 0.0
    max_cost_per_day: float = 0.0
    timeout: timedelta = timedelta(seconds=60)
    """How long one request may take in all."""

    @property
    def model_name(self) -> str:
        """What the model is called among the brain's models."""
        return f"{self.name}:{self.model}"


def read_endpoint(name: str, table: Mapping[str, object]) -> Endpoint:
    """The endpoint that `[embedders.NAME]` describes; raises ValueError with a sentence where it describes none.

    No value but a number is ever repeated in the sentence: a key may have been put into any of them.
    """
    if (wrong := _wrong_name(name)) is not None:
        raise ValueError(wrong)
    where = f"[embedders.{name}]"
    _check_keys(table, where)
    values = {key: _read(key, value, where) for key, value in table.items()}
    endpoint = Endpoint(name=name, **values)
    if endpoint.max_cost_per_day and not endpoint.price_per_million_tokens:
        raise ValueError(f"max_cost_per_day of {where} bounds nothing without price_per_million_tokens: set that too")
    return endpoint


def _wrong_name(name: str) -> str | None:
    if _NAME.fullmatch(name) is None:
        return f"an embedder's name is 1 to 32 lower-case letters, digits and inner dashes: rename [embedders.{name}]"
    if name in RESERVED_NAMES:
        return f"no endpoint can be called {name}, which GBRAIN_EMBEDDER means otherwise: rename [embedders.{name}]"
    return None


def _check_keys(table: Mapping[str, object], where: str) -> None:
    if "api_key" in table:
        raise ValueError(f"a key is never written in {where}: name the variable that holds it with api_key_env")
    for key in table:
        if key not in _READERS:
            raise ValueError(f"unknown key {key!r} in {where}; known are: {', '.join(sorted(_READERS))}")
    for key in _REQUIRED:
        if key not in table:
            raise ValueError(f"{where} has no {key}: add it")


def _read(key: str, value: object, where: str) -> Any:
    try:
        return _READERS[key](value)
    except ValueError as error:
        shown = f" is {value!r}, which" if isinstance(value, int | float) else ""
        raise ValueError(f"{key} of {where}{shown} is not {error}") from None


_READERS: Mapping[str, Callable[[object], Any]] = {
    "base_url": endpoint_values.base_url,
    "model": endpoint_values.text,
    "dimensions": endpoint_values.dimensions,
    "api_key_env": endpoint_values.variable,
    "max_items": endpoint_values.positive,
    "max_tokens": endpoint_values.positive,
    "concurrency": endpoint_values.positive,
    "requests_per_minute": endpoint_values.limit,
    "tokens_per_minute": endpoint_values.limit,
    "requests_per_day": endpoint_values.limit,
    "tokens_per_day": endpoint_values.limit,
    "price_per_million_tokens": endpoint_values.amount,
    "max_cost_per_day": endpoint_values.amount,
    "timeout": endpoint_values.duration,
}

_REQUIRED = tuple(field.name for field in fields(Endpoint) if field.default is MISSING and field.name != "name")
