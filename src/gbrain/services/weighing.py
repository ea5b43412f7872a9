"""What a fill would send, before it sends anything: texts, tokens, requests, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gbrain.domain.endpoint import Endpoint
from gbrain.domain.models import Model
from gbrain.domain.spending import cost_of
from gbrain.services.requests import Packing
from gbrain.store import backlog
from gbrain.store.backlog import Texts
from gbrain.store.connection import Connection
from gbrain.store.models import Covered, covered

_CHARACTERS_A_TOKEN = 4.0
_MARGIN = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a model's backlog weighs. `tokens` is an estimate, and so is `requests`, which cannot be fewer than that.

    `model` and `covered` are None of a model that is not there yet. `cost` is in the unit of the configured price; None
    where there is no price.
    """

    name: str
    model: Model | None
    covered: Covered | None
    is_local: bool
    texts: int
    tokens: int
    requests: int
    cost: float | None


async def weigh(
    conn: Connection,
    model: Model,
    source: str | None,
    packing: Packing,
    endpoint: Endpoint | None,
    *,
    retry_failed: bool,
) -> Weight:
    """What filling the model would send; `endpoint` is None of the local embedder."""
    if model.seeded:
        texts = await backlog.weigh(conn, model.id, source, refused=retry_failed)
    else:
        texts = await backlog.weigh_lacking(conn, model.id, source)
    return _weight(model.name, model, await covered(conn, model.id), texts, packing, endpoint)


async def weigh_new(
    conn: Connection, name: str, source: str | None, packing: Packing, endpoint: Endpoint | None
) -> Weight:
    """The same of a model that is not there yet."""
    return _weight(name, None, None, await backlog.weigh_all(conn, source), packing, endpoint)


def _weight(
    name: str, model: Model | None, covered: Covered | None, texts: Texts, packing: Packing, endpoint: Endpoint | None
) -> Weight:
    tokens = _estimated(texts)
    by_tokens = math.ceil(tokens / packing.max_tokens) if packing.max_tokens else 0
    price = endpoint.price_per_million_tokens if endpoint is not None else 0.0
    return Weight(
        name=name,
        model=model,
        covered=covered,
        is_local=endpoint is None,
        texts=texts.number,
        tokens=tokens,
        requests=max(math.ceil(texts.number / packing.max_items), by_tokens),
        cost=cost_of(tokens, price) if price else None,
    )


def _estimated(texts: Texts) -> int:
    """A token for four characters of ASCII, and for each half that UTF-8 writes beyond one byte a character."""
    beyond = texts.size_bytes - texts.characters
    return math.ceil((texts.characters / _CHARACTERS_A_TOKEN + beyond * 0.4) * _MARGIN)
