"""Front matter: cutting the YAML at the head of a Markdown file from the body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gbrain.chunking.yaml_values import read_mapping
from gbrain.domain.content import Refused

_OPENING = re.compile(rb"---[ \t]*(?:\r\n|\n|\r)")
_CLOSING = re.compile(rb"(?:\A|(?<=[\r\n]))(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A file divided: its front matter as JSON values, None where it has none, and the byte its body begins at."""

    front_matter: dict[str, Any] | None
    body_start: int


def split(text: bytes) -> Split | Refused:
    """Cut the front matter off: YAML between a first line `---` and a line `---` or `...`.

    What is not closed, or closed around a scalar or a list, is body. An empty block is front matter without keys.
    Refused where the YAML is broken or passes a limit.
    """
    opening = _OPENING.match(text)
    closing = _CLOSING.search(text, opening.end()) if opening else None
    if opening is None or closing is None:
        return Split(front_matter=None, body_start=0)
    mapping = read_mapping(text[opening.end() : closing.start()].decode(), first_line=2)
    if isinstance(mapping, Refused):
        return mapping
    return Split(front_matter=mapping, body_start=0 if mapping is None else closing.end())
