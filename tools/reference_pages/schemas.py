"""The JSON Schemas that the reference publishes, as the pages read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "schemas"

Schema = dict[str, Any]


def names() -> list[str]:
    """The names of all schemas, that of errors last."""
    found = sorted(file.stem for file in FOLDER.glob("*.json"))
    return [*(name for name in found if name != "error"), "error"]


def read(name: str) -> Schema:
    """One schema."""
    found: Schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def words(name: str, key: str) -> list[str]:
    """The words that the schema allows for a key, or for the items of its list, null left out."""
    found = next(schema for path, schema in keys(read(name)) if path.rpartition(".")[2].removesuffix("[]") == key)
    return [word for word in (found.get("items", found))["enum"] if word is not None]


def keys(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Each key of a document by its path (`sources[].running.pid`) with what is said of its value, as they stand."""
    yield from _below(schema, schema.get("$defs", {}), "")


def resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """What a reference leads to; anything else as it is."""
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _below(schema: Schema, definitions: dict[str, Schema], path: str) -> Iterator[tuple[str, Schema]]:
    schema = resolved(schema, definitions)
    for choice in schema.get("anyOf", []):
        yield from _below(choice, definitions, path)
    if "items" in schema:
        yield from _below(schema["items"], definitions, f"{path}[]")
    for key, value in schema.get("properties", {}).items():
        inner = f"{path}.{key}" if path else key
        yield inner, value
        yield from _below(value, definitions, inner)
