"""The documents of `--json`, held against the schemas that the reference publishes."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from support.commands import Completed

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"
ERROR_LINE = re.compile(r"error: [^\n]+; [^\n]+")


def checked(completed: Completed, schema: str) -> dict[str, Any]:
    """Standard output as one document of this schema, ended by one line end."""
    assert completed.out.endswith("\n")
    assert completed.out.count("\n") == 1, completed.out
    document = completed.document
    problems = [f"{error.json_path}: {error.message}" for error in _validator(schema).iter_errors(document)]
    assert not problems, problems
    return document


def checked_error(completed: Completed, code: str) -> dict[str, Any]:
    """The error document on standard output and the error's one line on standard error, with the same words."""
    error: dict[str, Any] = checked(completed, "error")["error"]
    assert error["code"] == code, error
    line = last_line(completed.err)
    assert ERROR_LINE.fullmatch(line), completed.err
    assert line == f"error: {error['message'].rstrip('.')}; {error['hint']}"
    assert completed.err.count("error: ") >= 1
    return error


def is_event(line: dict[str, Any]) -> bool:
    """Whether a line of standard error under `--progress json` follows its schema."""
    return _validator("progress-event").is_valid(line)


def last_line(text: str) -> str:
    """The last physical line."""
    return text.rstrip("\n").rpartition("\n")[2]


@cache
def _validator(schema: str) -> Draft202012Validator:
    text = (SCHEMAS / f"{schema}.json").read_text(encoding="utf-8")
    found = json.loads(text)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)
