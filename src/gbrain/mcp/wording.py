"""What a schema of a tool lets stand somewhere, in words: for whoever got it wrong, and for the reference."""

from __future__ import annotations

from gbrain.mcp.schemas import SOURCE_ID, Schema

FORMS: dict[str, str] = {SOURCE_ID["pattern"]: "the id of a source (1 to 32 of a-z, 0-9 and -)"}


def in_words(schema: Schema) -> str:
    """What may stand there, as a phrase: `a whole number from 1 to 50`."""
    match schema:
        case {"anyOf": [*choices]}:
            return " or ".join(in_words(choice) for choice in choices)
        case {"enum": [*words]}:
            return listed(["null" if word is None else str(word) for word in words], "or")
        case {"const": word}:
            return str(word).lower() if isinstance(word, bool) else str(word)
        case {"type": [*kinds]}:
            return " or ".join(in_words(schema | {"type": kind}) for kind in kinds)
        case _:
            return _of_type(schema)


def listed(words: list[str], last: str) -> str:
    """`a, b or c`."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _of_type(schema: Schema) -> str:
    match schema["type"]:
        case "string":
            return FORMS[schema["pattern"]] if "pattern" in schema else "text" + _between(schema, "Length", "character")
        case "array":
            return f"a list{_between(schema, 'Items', 'item')}, each {in_words(schema['items'])}"
        case "integer":
            return "a whole number" + _between(schema, "imum", "")
        case "object":
            return "an object"
        case kind:
            return {"number": "a number", "boolean": "true or false", "null": "null"}[kind]


def _between(schema: Schema, what: str, unit: str) -> str:
    """The bounds behind a noun: ` of 1 to 9 characters`, ` from 1 to 9`, `, 1 or more`."""
    least, most = schema.get(f"min{what}", 0 if unit else None), schema.get(f"max{what}")
    if most is None:
        return f", {least} or more" if least else ""
    return f" of {least:,} to {most:,} {unit}s" if unit else f" from {least:,} to {most:,}"
