"""Behind a pooler the term of a lease is doubled, unless there is a way round it for renewals."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gbrain.domain.steps import Step
from support.commands import BrainCommand
from support.databases import ask
from support.driver import sync
from support.repositories import Repository
from support.servers import Server


@pytest.mark.parametrize(
    ("is_pooled", "has_way_round", "factor"), [(False, False, 1), (True, False, 2), (True, True, 1)]
)
def test_the_term_is_doubled_where_renewals_must_pass_a_pooler(
    brain: BrainCommand,
    repository: Repository,
    server: Server,
    bouncer: int,
    is_pooled: bool,
    has_way_round: bool,
    factor: int,
) -> None:
    brain.configure('lease_term = "40s"\n')
    brain.add("wiki", repository.folder)
    direct = brain.url or ""
    environ = brain.env()
    if is_pooled:
        environ["GBRAIN_DATABASE_URL"] = direct.replace(f":{server.port}/", f":{bouncer}/")
    if has_way_round:
        environ["GBRAIN_DIRECT_DATABASE_URL"] = direct
    left: list[timedelta] = []

    def look(source_id: str, step: Step) -> None:
        if step is Step.LEASED:
            left.extend(row[0] for row in ask(direct, "SELECT expires_at - clock_timestamp() FROM gbrain.leases"))

    sync(environ, probe=look)
    term = timedelta(seconds=40) * factor
    assert [term - timedelta(seconds=15) < one <= term for one in left] == [True]
