"""Models as an export holds them, and back: what a brain could not hold is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gbrain.domain.models import LOCAL, MAX_DIMENSIONS, Model, ModelState, Spec
from gbrain.errors import UsageError
from gbrain.services.transfer import made, rows_in
from gbrain.services.transfer_rows import given
from gbrain.store.vector_transfer import Carried

_LONGEST_FINGERPRINT = 64


def model_out(model: Model) -> dict[str, Any]:
    """A model, for JSON."""
    return {
        "name": model.name,
        "embedder": model.embedder,
        "dimensions": model.dimensions,
        "fingerprint": model.fingerprint.hex(),
        "limits": model.limits,
        "state": model.state.value,
    }


def models_in(document: Mapping[str, Any]) -> list[Carried]:
    """The models of an export; raises UsageError where it is damaged."""
    found = [made(_model_in, row, f"models[{number}]") for number, row in enumerate(rows_in(document, "models"))]
    if len({(model.name, model.fingerprint) for model in found}) < len(found):
        raise UsageError("the export holds a model twice", hint="export again")
    if sum(model.state is ModelState.ACTIVE for model in found) > 1:
        raise UsageError("the export has several active models", hint="export again")
    return found


def is_of_this_program(model: Carried, local: Callable[[], Spec]) -> bool:
    """Whether this program makes the same vectors of the same passages. `local` says what its local embedder makes."""
    name = model.name.removeprefix(f"{model.embedder}:")
    version = local().version if model.embedder == LOCAL else ""
    spec = Spec(embedder=model.embedder, model=name, dimensions=model.dimensions, version=version)
    return spec.fingerprint == model.fingerprint


def _model_in(row: Mapping[str, Any]) -> Carried:
    name, embedder = given(row, "name", str), given(row, "embedder", str)
    dimensions, fingerprint = given(row, "dimensions", int), bytes.fromhex(given(row, "fingerprint", str))
    if not embedder or not name.startswith(f"{embedder}:"):
        raise ValueError(f"{name!r} cannot name a model of {embedder!r}")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise ValueError(f"dimensions is {dimensions}")
    if not 1 <= len(fingerprint) <= _LONGEST_FINGERPRINT:
        raise ValueError("its fingerprint is none")
    return Carried(
        name=name,
        embedder=embedder,
        dimensions=dimensions,
        fingerprint=fingerprint,
        limits=_limits(row["limits"]),
        state=ModelState(given(row, "state", str)),
    )


def _limits(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("limits is no object")
    for name in value:
        given({"limits": name}, "limits", str)
        if value[name] is not None and type(value[name]) not in (bool, int, float):
            given(value, name, str)
    return value
