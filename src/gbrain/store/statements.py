"""SQL statements by name, from the files beside this module."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files

from psycopg.sql import Identifier

_HEAD = re.compile(r"(?:^--.*\n)*^-- name: ([a-z_]+)\n", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, bytes]:
    """Each statement of `sql/<file>.sql` by the name in its `-- name:` line, ready for psycopg."""
    text = files("gbrain.store").joinpath(f"sql/{file}.sql").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}


@lru_cache(maxsize=64)
def of_model(statement: bytes, model_id: int, *, dimensions: int = 0) -> bytes:
    """The statement over the table of a model's vectors: `{vectors}` stands for it, `{index}` for its index.

    They are the only identifiers ever put into a statement; `{dimensions}` stands where its table is made, which takes
    no parameters.
    """
    table = f"embedding_{model_id}"
    named = statement.replace(b"{vectors}", Identifier("gbrain", table).as_bytes(None))
    named = named.replace(b"{index}", Identifier(f"{table}_nearest").as_bytes(None))
    return named.replace(b"{dimensions}", b"%d" % dimensions)
