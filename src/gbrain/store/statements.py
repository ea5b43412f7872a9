"""SQL statements by name, from the files beside this module."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEAD = re.compile(r"(?:^--.*\n)*^-- name: ([a-z_]+)\n", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, bytes]:
    """Each statement of `sql/<file>.sql` by the name in its `-- name:` line, ready for psycopg."""
    text = files("gbrain.store").joinpath(f"sql/{file}.sql").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    return {name: body.strip().encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}
