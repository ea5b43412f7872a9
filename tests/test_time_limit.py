"""`--timeout`: what is committed stays, the row is partial, and the next run goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from gbrain.domain.outcome import Code, Status
from gbrain.domain.steps import Step
from gbrain.domain.sync_options import SyncOptions
from support import looking
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked, checked_error
from support.fresh import Fresh
from support.inside import Inside
from support.remotes import silent_server
from support.repositories import Repository


def test_a_source_that_is_not_done_in_time_is_partial_and_the_others_are_in(
    brain: BrainCommand, repository: Repository, inside: Inside
) -> None:
    brain.home.mkdir(exist_ok=True)
    (brain.home / "config.toml").write_text("allow_private_hosts = true\n")
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    with silent_server() as port:
        inside.run(brain, "sources", "add", "hung", "--url", f"git://127.0.0.1:{port}/x")
        limited = ("sync", "--all", "--timeout", "2s", "--json")
        dry, _ = checked(inside.run(brain, *limited, "--dry-run", code=1), "sync")["sources"]
        document = checked(inside.run(brain, *limited, code=1), "sync")
    assert (dry["status"], dry["error_code"]) == ("partial", "timeout")
    hung, wiki = document["sources"]
    assert (hung["status"], hung["error_code"]) == ("partial", "timeout")
    assert "within 2 s" in hung["error"]
    assert (wiki["status"], wiki["added"] > 0) == ("ok", True)
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.runs WHERE finished_at IS NULL") == [(0,)]
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.leases WHERE expires_at > now()") == [(0,)]
    [row] = [row for row in json_runs(inside, brain) if row["source_id"] == "hung"]
    assert (row["status"], row["error_code"]) == ("partial", "timeout")


def test_what_was_committed_before_the_time_was_over_stays_and_the_next_run_goes_on(
    brain: BrainCommand, repository: Repository, inside: Inside, fresh: Fresh
) -> None:
    repository.commit({f"p{number}.md": f"# {number}\n" for number in range(2500)})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))

    def pass_the_time(source_id: str, step: Step) -> None:
        """With the first commit, 20 of the lease's 27 seconds are over for everything that waits."""
        loop = asyncio.get_running_loop()
        if step is Step.COMMITTED and "time" not in vars(loop):
            clock = loop.time
            vars(loop)["time"] = lambda: clock() + 20

    [row] = looking.sync(brain.env(), options=SyncOptions(timeout=timedelta(seconds=20)), probe=pass_the_time)
    assert row.trouble is not None
    assert (row.status, row.trouble.code) == (Status.PARTIAL, Code.TIMEOUT)
    assert 0 < row.counts.added < 2500
    assert inside.run(brain, "sync", "--all", "--json").sources()["wiki"]["status"] == "ok"
    assert fresh.differences(brain) == []


@pytest.mark.parametrize("limit", ["0", "soon", "-3"])
def test_a_time_that_is_none_is_refused(brain: BrainCommand, inside: Inside, limit: str) -> None:
    checked_error(inside.run(brain, "sync", "--all", "--timeout", limit, "--json", code=2), "usage")


def json_runs(inside: Inside, brain: BrainCommand) -> list[dict[str, object]]:
    return json.loads(inside.run(brain, "sources", "runs", "--json").out)["runs"]
