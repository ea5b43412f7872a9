"""The page of JSON documents: each key of each document, what may stand there, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from reference_pages import schemas
from reference_pages.keys import meaning
from reference_pages.schemas import Schema

_HEAD = """# JSON documents

Generated from the [schemas](schemas/README.md) by `tools/reference.py`.

Every key of a document is always there, null where it does not apply. A path in the tables leads from the document to
the value: `sources[].pid` is the key `pid` of each row of the list `sources`.

| what stands there | is |
|---|---|
| instant | text: a moment in UTC to the millisecond, as `2025-01-31T07:30:00.000Z` |
| count | a whole number, 0 or more |
| line | a whole number, 1 or more: lines of a file are counted from 1 |
| id | text: the id of a source, 1 to 32 of `a-z`, `0-9` and `-` |
| revision | text: an object id of git, 40 or 64 hexadecimal digits |
| path | text; in double quotes with git's escapes where a control character, `"`, `\\` or what is not UTF-8 is in it |
"""


def page() -> str:
    """The page's text."""
    return "\n".join([_HEAD, *(_section(name, schemas.read(name)) for name in schemas.names())])


def _section(name: str, schema: Schema) -> str:
    rows = [
        f"| `{path}` | {_type(path, value, schema)} | {_said(name, path, value, schema)} |"
        for path, value in schemas.keys(schema)
    ]
    rules = [f"- {rule}" for rule in dict.fromkeys(_rules(schema))]
    return "\n".join(
        [
            f"## {schema['title']}\n",
            f"{schema['description']} Schema: [{name}.json](schemas/{name}.json).\n",
            "| key | what stands there | meaning |\n|---|---|---|",
            *rows,
            "",
            *([*rules, ""] if rules else []),
        ]
    )


def _said(name: str, path: str, value: Schema, schema: Schema) -> str:
    """The schema's own words, or else those of the table of keys."""
    definition = schemas.resolved(value.get("items", value), schema.get("$defs", {}))
    described = value.get("description") or (definition.get("description") if "properties" in definition else None)
    return described or meaning(name, path)


def _type(path: str, value: Schema, schema: Schema) -> str:
    if "$ref" in value:
        name = str(value["$ref"].rpartition("/")[2])
        return "object" if "properties" in schema["$defs"][name] else name
    if "anyOf" in value:
        return " or ".join(sorted((_type(path, one, schema) for one in value["anyOf"]), key="null".__eq__))
    if "enum" in value:
        return ", ".join(_literal(word) for word in value["enum"])
    if "const" in value:
        return _literal(value["const"])
    kinds = [value["type"]] if isinstance(value["type"], str) else value["type"]
    return " or ".join(_kind(kind, path, value, schema) for kind in kinds)


def _kind(kind: str, path: str, value: Schema, schema: Schema) -> str:
    match kind:
        case "array":
            of = _type(path, value["items"], schema)
            most = f", {value['maxItems']:,} at most" if "maxItems" in value else ""
            return "list of " + ("objects" if of == "object" else of) + most
        case "string":
            return "path" if re.search(r"(^|\.|_)(path|subdir)$", path) else "text"
        case "integer":
            return {0: "count", 1: "whole number, 1 or more"}.get(value.get("minimum", ""), "whole number")
        case "boolean":
            return "true or false"
        case _:
            return kind


def _literal(word: Any) -> str:
    return "null" if word is None else f"`{word}`"


def _rules(schema: Schema) -> Iterator[str]:
    """What the schema demands of keys together, in sentences."""
    for definition in schema.get("$defs", {}).values():
        for rule in definition.get("allOf", []):
            otherwise = f"; else {_demands(rule['else'])}" if "else" in rule else ""
            yield f"Where {_condition(rule['if'])}, {_demands(rule['then'])}{otherwise}."
        if "oneOf" in definition:
            yield f"Either {'; or '.join(map(_demands, definition['oneOf']))}."


def _condition(condition: Schema) -> str:
    return " and ".join(_demand(key, value) for key, value in condition["properties"].items())


def _demands(demanded: Schema) -> str:
    return ", ".join(_demand(key, value) for key, value in demanded["properties"].items())


def _demand(key: str, value: Schema) -> str:
    match value:
        case {"const": word}:
            said = _literal(word)
        case {"enum": [word]}:
            said = _literal(word)
        case {"enum": words}:
            said = f"one of {', '.join(map(_literal, words))}"
        case {"type": "null"}:
            said = "null"
        case {"maxItems": 0}:
            said = "empty"
        case {"minItems": 1}:
            said = "not empty"
        case {"minimum": least}:
            said = f"{least} or more"
        case _:
            said = "not null"
    return f"`{key}` is {said}"
