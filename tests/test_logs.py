"""Standard error carries our own records only, in the format that was asked for."""

from __future__ import annotations

import json
import logging

import pytest

from gbrain import logs


def test_a_librarys_warnings_stay_off_standard_error_unless_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(verbose=0, quiet=False, as_json=False)
    logging.getLogger("psycopg.pool").warning("discarding closed connection")
    assert capfd.readouterr().err == ""
    logs.configure(verbose=1, quiet=False, as_json=True)
    logging.getLogger("psycopg.pool").warning("discarding closed connection")
    record = json.loads(capfd.readouterr().err)
    assert (record["event"], record["logger"]) == ("discarding closed connection", "psycopg.pool")
    logs.configure(verbose=0, quiet=False, as_json=False)
