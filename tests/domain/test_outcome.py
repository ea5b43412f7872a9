"""Status, exit code and counts by the table of the contract."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.outcome import Code, Counts, Result, Status, Trouble, exit_code, status_of

_PARTIAL_ONCE_IN = {"fetch_failed", "fetch_timeout", "auth_failed", "remote_gone", "branch_gone"}
_ERRORS = {
    "not_a_repository",
    "path_missing",
    "no_commit",
    "lease_lost",
    "database",
    "disk_full",
    "internal",
}
_ALWAYS = {"timeout": "partial", "mass_delete": "refused", "lease_held": "busy", "disabled": "skipped"}
_EVERY = [*itertools.product([None, *Code], (False, True), (False, True))]
_counts = st.builds(Counts, **{name: st.integers(0, 99) for name in Counts.__dataclass_fields__})


def expected_status(code: Code | None, *, has_bookmark: bool, all_sources: bool) -> str:
    """The contract's words, put the other way round."""
    if code is None:
        return "ok"
    if code.value in _PARTIAL_ONCE_IN:
        return "partial" if has_bookmark else "error"
    if code.value == "other_host":
        return "skipped" if all_sources else "error"
    return "error" if code.value in _ERRORS else _ALWAYS[code.value]


@pytest.mark.parametrize(("code", "has_bookmark", "all_sources"), _EVERY)
def test_the_status_follows_from_the_code(code: Code | None, has_bookmark: bool, all_sources: bool) -> None:
    status = status_of(code, has_bookmark=has_bookmark, all_sources=all_sources)
    assert status.value == expected_status(code, has_bookmark=has_bookmark, all_sources=all_sources)


def test_every_code_of_the_contract_is_there_and_no_other() -> None:
    assert {code.value for code in Code} == {*_PARTIAL_ONCE_IN, *_ERRORS, *_ALWAYS, "other_host"}


def row(status: Status, failures_open: int = 0) -> Result:
    trouble = None if status is Status.OK else Trouble(code=Code.INTERNAL, message="m", hint="h")
    return Result(source_id="s", name="S", status=status, trouble=trouble, failures_open=failures_open)


@pytest.mark.parametrize(
    ("status", "alone", "among_all"),
    [
        (Status.OK, 0, 0),
        (Status.PARTIAL, 1, 1),
        (Status.REFUSED, 1, 1),
        (Status.ERROR, 1, 1),
        (Status.BUSY, 5, 0),
        (Status.SKIPPED, 0, 0),
    ],
)
def test_the_exit_code_follows_from_the_row(status: Status, alone: int, among_all: int) -> None:
    assert exit_code([row(status)], all_sources=False) == alone
    assert exit_code([row(status)], all_sources=True) == among_all


@given(st.lists(st.builds(row, st.sampled_from(list(Status)), st.integers(0, 2)), max_size=6))
def test_among_all_one_row_that_needs_attention_makes_the_exit_one(rows: list[Result]) -> None:
    needs = any(r.failures_open or r.status in (Status.PARTIAL, Status.REFUSED, Status.ERROR) for r in rows)
    assert exit_code(rows, all_sources=True) == (1 if needs else 0)


def test_open_failures_alone_make_the_exit_one_and_nothing_to_sync_is_fine() -> None:
    assert exit_code([row(Status.OK, failures_open=1)], all_sources=False) == 1
    assert exit_code([row(Status.BUSY, failures_open=1)], all_sources=True) == 1
    assert exit_code([], all_sources=True) == 0


@given(_counts, _counts, _counts)
def test_counts_add_up_in_any_order(a: Counts, b: Counts, c: Counts) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Counts() == a
    assert all(getattr(a + b, name) == getattr(a, name) + getattr(b, name) for name in Counts.__dataclass_fields__)
