"""Fills under what happens to them: killed, side by side, pushed back, edited under, switched.

The endpoint is played over real HTTP by a process of its own, the brain is real, the commands are those that users run.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gbrain.postgres.pool import open_pool
from gbrain.services import models
from gbrain.store import faults, search
from support.commands import BrainCommand
from support.databases import ask
from support.driven import poll
from support.endpoint import EndpointServer, endpoint, vectors_of
from support.vectors import embedding, pages, served_by, states, stored

REMOTE = "test:test-model"


@pytest.fixture
def provider() -> Iterator[EndpointServer]:
    """An endpoint that takes a moment for each request."""
    with endpoint(latency=0.05) as running:
        yield running


def _served(brain: BrainCommand, provider: EndpointServer, folder: Path, number: int, **keys: object) -> BrainCommand:
    """A brain whose `number` texts wait for the endpoint."""
    found = served_by(provider, brain, **{"max_items": 8, **keys})
    found.add("wiki", pages(folder, number))
    found.run("models", "use", "test")
    found.run("sync", "--all", "--no-embed")
    provider.clear()
    return found


def _vectors(brain: BrainCommand) -> dict[bytes, list[float]]:
    """What is stored of the endpoint's model, by passage."""
    [(number,)] = ask(brain.url or "", "SELECT id FROM gbrain.models WHERE name = %s", REMOTE)
    return dict(ask(brain.url or "", f"SELECT passage, vector::real[] FROM gbrain.embedding_{number}"))


def _check_right(brain: BrainCommand, provider: EndpointServer) -> None:
    """Each text that stands somewhere has the vector that the endpoint makes of it, and no other."""
    sent = {hashlib.sha256(text.encode()).digest(): text for text in provider.texts()}
    found = _vectors(brain)
    standing = {row[0] for row in ask(brain.url or "", "SELECT passage FROM gbrain.chunks WHERE passage IS NOT NULL")}
    assert standing <= found.keys()
    for passage in standing & sent.keys():
        [right] = vectors_of([sent[passage]])
        np.testing.assert_allclose(found[passage], right, atol=2e-3)
    active = "(SELECT id FROM gbrain.models WHERE state = 'active')"
    waits = f"SELECT sum(pending) FROM gbrain.coverage WHERE model_id = {active}"
    assert ask(brain.url or "", waits) == [(0,)]


def test_after_kill_9_no_text_is_sent_again_whose_vector_was_stored_and_none_is_missed(
    brain: BrainCommand, provider: EndpointServer, tmp_path: Path
) -> None:
    brain = _served(brain, provider, tmp_path / "vault", 400)
    for number in (30, 100, 200):
        victim = brain.start("embed")
        poll(lambda least=number: len(_vectors(brain)) > least, "some are stored")
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        poll(lambda: not _at_work(brain), "the server has ended the sessions of the killed process")
        before, sent = _vectors(brain).keys(), len(provider.texts())
        assert 0 < len(before) < 400
        brain_again = brain.start("embed")
        provider.until(len(provider.journal()) + 3)
        again = {hashlib.sha256(text.encode()).digest() for text in provider.texts()[sent:]}
        assert not again & before
        os.killpg(brain_again.pid, signal.SIGKILL)
        brain_again.wait()
    brain.run("embed")
    assert stored(brain, REMOTE) == 400
    _check_right(brain, provider)


def _at_work(brain: BrainCommand) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gbrain' AND datname = current_database()"
    return ask(brain.url or "", query) != [(0,)]


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_several_processes_on_one_backlog_send_each_text_once_and_all_end_when_nothing_is_left(
    brain: BrainCommand, provider: EndpointServer, tmp_path: Path, processes: int
) -> None:
    brain = _served(brain, provider, tmp_path / "vault", 150, max_items=4, concurrency=2)
    running = [brain.start("embed") for _ in range(processes)]
    for process in running:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, (out, err)
        assert b"coverage 100.0 %" in out
    assert Counter(provider.texts()).most_common(1)[0][1] == 1
    assert len(provider.texts()) == 150
    _check_right(brain, provider)
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.workers") == [(0,)]


def test_what_is_under_way_follows_what_the_provider_takes(brain: BrainCommand, tmp_path: Path) -> None:
    with endpoint(latency=0.3, capacity=4) as provider:
        brain = _served(brain, provider, tmp_path / "vault", 900, max_items=1)
        running = brain.start("embed")
        began = time.monotonic()
        poll(lambda: time.monotonic() - began > 6, "six seconds at 4")
        provider.tell(capacity=16)
        raised = time.monotonic()
        poll(lambda: time.monotonic() - raised > 10, "ten seconds at 16", within_s=20)
        provider.tell(capacity=2)
        lowered = time.monotonic()
        poll(lambda: time.monotonic() - lowered > 10, "ten seconds at 2", within_s=20)
        ended = time.monotonic()
        running.terminate()
        running.communicate()
        taken = [sent for sent in provider.journal() if sent.status == 200 and sent.ended is not None]

        def most(start: float, end: float) -> float:
            """How many were under way on average, of those that were taken."""
            return sum(max(0.0, min(sent.ended or end, end) - max(sent.at, start)) for sent in taken) / (end - start)

        assert 2.5 <= most(began + 3, raised) <= 4
        assert 10 <= most(raised + 7, lowered) <= 16
        assert 0.9 <= most(lowered + 7, ended) <= 2
        refused = [sent for sent in provider.journal() if sent.status == 429 and sent.at > lowered + 7]
        assert len(refused) < 3 * len([sent for sent in taken if sent.at > lowered + 7])


@contextmanager
def _silent(provider: EndpointServer) -> Iterator[None]:
    """Within the block a request is under way, and is not answered."""
    provider.until(1)
    os.kill(provider.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(provider.process.pid, signal.SIGCONT)


def test_a_page_edited_while_it_is_embedded_ends_with_the_vector_of_its_new_text(
    brain: BrainCommand, tmp_path: Path
) -> None:
    with endpoint(latency=1) as provider:
        brain = _served(brain, provider, tmp_path / "vault", 3)
        running = brain.start("embed")
        with _silent(provider):
            (tmp_path / "vault" / "page-1.md").write_text("# Page 1\n\nOther words than those that are under way.\n")
            brain.run("sync", "--all", "--no-embed")
        assert running.wait(60) == 0
        assert [text for text in provider.texts() if "Other words" in text]
        _check_right(brain, provider)
        assert ask(brain.url or "", "SELECT count(*) FROM gbrain.loose") == [(1,)]


def test_a_text_that_comes_during_the_last_request_is_not_left_behind(brain: BrainCommand, tmp_path: Path) -> None:
    with endpoint(latency=1) as provider:
        brain = _served(brain, provider, tmp_path / "vault", 3)
        running = brain.start("embed")
        with _silent(provider):
            (tmp_path / "vault" / "late.md").write_text("# Late\n\nThis came late.\n")
            brain.run("sync", "--all", "--no-embed")
        assert running.wait(60) == 0
        assert len(provider.texts()) == 4
        _check_right(brain, provider)


def test_a_provider_that_is_down_changes_no_page_no_failure_and_no_freshness(
    brain: BrainCommand, provider: EndpointServer, tmp_path: Path
) -> None:
    brain = served_by(provider, brain, head='embed_budget = "2s"\n')
    brain.add("wiki", pages(tmp_path / "vault", 5))
    brain.run("sync", "--all")
    provider.tell(down=True)
    for turn in range(3):
        (tmp_path / "vault" / f"new-{turn}.md").write_text(f"# New {turn}\n\nWritten while the provider was down.\n")
        row = brain.run("sync", "--all", "--json").sources()["wiki"]
        assert (row["status"], row["sync_status"], row["added"], row["failed"]) == ("ok", "synced", 1, 0)
        assert (row["failures_open"], row["error"], row["embedded"]) == (0, None, 0)
        assert row["embeddings_pending"] == turn + 1
        status = brain.run("sources", "status", "--json").sources()["wiki"]
        assert (status["staleness_class"], status["last_attempt_status"], status["failures_open"]) == ("fresh", "ok", 0)
        assert status["pages"] == 6 + turn
    assert stored(brain, REMOTE) == 5
    provider.tell(down=False)
    row = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (row["sync_status"], row["embedded"], row["embeddings_pending"]) == ("up_to_date", 3, 0)
    _check_right(brain, provider)


@pytest.mark.parametrize("defect", ["fewer", "long", "ragged", "nan", "garbage"])
def test_answers_that_are_not_the_vectors_asked_for_are_not_stored(
    brain: BrainCommand, provider: EndpointServer, tmp_path: Path, defect: str
) -> None:
    brain = _served(brain, provider, tmp_path / "vault", 10)
    provider.tell(defect=defect)
    failed = brain.run("embed", "--json", code=1).document
    assert failed["models"][0]["reason"] == "malformed"
    assert stored(brain, REMOTE) == 0
    provider.tell(defect="")
    brain.run("embed")
    assert stored(brain, REMOTE) == 10
    _check_right(brain, provider)


def test_while_models_are_switched_the_nearest_are_found_all_the_while_in_a_full_table(
    brain: BrainCommand, tmp_path: Path
) -> None:
    with endpoint(latency=0.1, dimensions=16) as provider:
        brain = embedding(served_by(provider, brain, max_items=4, concurrency=2))
        brain.add("wiki", pages(tmp_path / "vault", 120))
        brain.run("sync", "--all")
        assert states(brain) == {"local:wordllama-256": "active"}
        found, stop = [], threading.Event()
        asking = threading.Thread(target=lambda: asyncio.run(_keep_asking(brain, found, stop)))
        asking.start()
        poll(lambda: len(found) > 5, "the nearest are found")
        switching = brain.start("models", "use", "test")
        provider.until(5)
        (tmp_path / "vault" / "late.md").write_text("# Late\n\nThis came while the models were switched.\n")
        brain.run("sync", "--all")
        out, err = switching.communicate(timeout=60)
        assert switching.returncode == 0, (out, err)
        assert states(brain) == {"local:wordllama-256": "retired", REMOTE: "active"}
        seen = len(found)
        poll(lambda: len(found) > seen + 5, "the nearest are found in the new model")
        brain.run("models", "drop", "local", "--yes")
        seen = len(found)
        poll(lambda: len(found) > seen + 5, "and when the old one is gone")
        stop.set()
        asking.join()
        assert set(found) <= {(256, 120), (256, 121), (16, 120), (16, 121)}
        assert found == sorted(found, key=lambda seen: (-seen[0], seen[1]))
        assert found[-1] == (16, 121)


async def _keep_asking(brain: BrainCommand, found: list[tuple[int, int]], stop: threading.Event) -> None:
    """The nearest to some vector, again and again: of how many dimensions the model is, and how many are found."""
    async with open_pool(brain.url or "", size=1, gone_after_s=20) as pool:
        while not stop.is_set():
            try:
                async with pool.connection() as conn, search.moment(conn, near=True) as scope:
                    model = (await models.in_use(conn)).active
                    assert model is not None
                    vector = [1.0] + [0.0] * (model.dimensions - 1)
                    rows = await search.nearest(
                        conn, model.id, list(scope), vector, 1000, pages=None, few=True, within_s=10
                    )
            except faults.GONE:
                continue  # dropped between the two questions: a search asks once more
            found.append((model.dimensions, len(rows)))
            await asyncio.sleep(0.01)


def test_a_switch_that_is_interrupted_goes_on_where_it_was(brain: BrainCommand, tmp_path: Path) -> None:
    with endpoint(latency=0.2) as provider:
        brain = embedding(served_by(provider, brain, max_items=4, concurrency=2))
        brain.add("wiki", pages(tmp_path / "vault", 100))
        brain.run("sync", "--all")
        victim = brain.start("models", "use", "test")
        provider.until(6)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        assert states(brain) == {"local:wordllama-256": "active", REMOTE: "filling"}
        poll(lambda: not _at_work(brain), "the server has ended the sessions of the killed process")
        before = stored(brain, REMOTE)
        sent = len(provider.texts())
        assert 0 < before < 100
        brain.run("models", "use", "test")
        assert states(brain) == {"local:wordllama-256": "retired", REMOTE: "active"}
        assert len(provider.texts()) - sent - 1 <= 100 - before  # one is the question for the dimensions
        _check_right(brain, provider)


def test_moved_pages_and_the_same_repository_again_ask_for_nothing(
    brain: BrainCommand, provider: EndpointServer, tmp_path: Path
) -> None:
    brain = served_by(provider, brain)
    folder = tmp_path / "vault"
    folder.mkdir()
    pages(folder / "old", 60)
    brain.add("wiki", folder)
    brain.run("sync", "--all")
    provider.clear()
    (folder / "old").rename(folder / "new")
    row = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (row["renamed"], row["embedded"], row["embeddings_pending"]) == (60, 0, 0)
    brain.add("again", folder)
    row = brain.run("sync", "--all", "--json").sources()["again"]
    assert (row["added"], row["embedded"], row["embeddings_pending"]) == (60, 0, 0)
    assert provider.journal() == []


def test_claims_of_a_worker_that_was_stopped_go_to_others_and_it_stores_nothing_twice(
    brain: BrainCommand, provider: EndpointServer, tmp_path: Path
) -> None:
    brain = _served(brain, provider, tmp_path / "vault", 120, concurrency=2)
    (brain.home / "config.toml").write_text('lease_term = "2s"\n' + (brain.home / "config.toml").read_text())
    stopped = brain.start("embed")
    provider.until(4)
    os.killpg(stopped.pid, signal.SIGSTOP)
    brain.run("embed")
    assert stored(brain, REMOTE) == 120
    os.killpg(stopped.pid, signal.SIGCONT)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 0, (out, err)
    assert stored(brain, REMOTE) == 120
    _check_right(brain, provider)


def test_budgets_of_a_minute_are_shared_by_all_processes(
    brain: BrainCommand, provider: EndpointServer, tmp_path: Path
) -> None:
    brain = _served(brain, provider, tmp_path / "vault", 100, max_items=5, requests_per_minute=6)
    running = [brain.start("embed") for _ in range(3)]
    poll(lambda: len(provider.journal()) >= 6, "the budget is used")
    poll(lambda: _waiting(brain) == 3, "all wait for the next minute")
    assert len(provider.journal()) == 6
    for process in running:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert ask(brain.url or "", "SELECT sum(requests)::int FROM gbrain.spending") == [(6,)]


def _waiting(brain: BrainCommand) -> int:
    [(count,)] = ask(brain.url or "", "SELECT count(*) FROM gbrain.workers WHERE waits_until > clock_timestamp()")
    return int(count)


def test_what_was_sent_before_the_budget_of_the_day_was_spent_is_stored(brain: BrainCommand, tmp_path: Path) -> None:
    with endpoint(latency=0.5) as provider:
        brain = _served(brain, provider, tmp_path / "vault", 40, requests_per_day=2)
        [row] = brain.run("embed", "--json", code=1).document["models"]
        assert (row["reason"], row["embedded"], row["refused"]) == ("budget_spent", 16, 0)
        assert [sent.delivered for sent in provider.journal()] == [True, True]
        assert stored(brain, REMOTE) == 16
        assert "midnight UTC" in brain.run("embed", code=1).out
        assert len(provider.journal()) == 2


def test_what_a_sync_has_sent_when_its_time_for_embedding_is_nearly_over_is_stored(
    brain: BrainCommand, tmp_path: Path
) -> None:
    with endpoint(latency=0.3) as provider:
        brain = served_by(provider, brain, head='embed_budget = "3s"\n', max_items=2, concurrency=1)
        brain.add("wiki", pages(tmp_path / "vault", 60))
        row = brain.run("sync", "--all", "--json").sources()["wiki"]
        assert (row["status"], row["embedded"] + row["embeddings_pending"]) == ("ok", 60)
        assert 0 < row["embedded"] < 60
        assert all(sent.delivered for sent in provider.journal())
        assert stored(brain, REMOTE) == row["embedded"]
