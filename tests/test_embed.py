"""`gbrain embed`: everything gets its vector, or it is said what has none and why."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked, checked_error, is_event
from support.driven import poll
from support.endpoint import EndpointServer, endpoint, in_flight
from support.servers import free_port
from support.terminal import on_terminal
from support.vectors import embedding, pages, served_by, states, stored

LOCAL = "local:wordllama-256"
REMOTE = "test:test-model"
BUSY = '{"error":{"message":"Rate limit reached"}}'


@pytest.fixture
def provider() -> Iterator[EndpointServer]:
    """An endpoint that takes whatever comes."""
    with endpoint() as running:
        yield running


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A folder of 40 pages."""
    return pages(tmp_path / "vault", 40)


def test_what_a_sync_has_left_is_embedded_here_and_then_there_is_nothing_to_do(
    brain: BrainCommand, vault: Path
) -> None:
    brain = embedding(brain)
    brain.add("wiki", vault)
    left = brain.run("sync", "--all", "--no-embed")
    assert left.out.splitlines()[-2:] == [
        "40 chunks wait for embeddings: embedding was left for later; gbrain embed fills it in",
        "1 ok",
    ]
    done = brain.run("embed", "--all").out
    assert done.startswith(f"{LOCAL}: embedded 40 texts, ")
    assert done.endswith("; coverage 100.0 %\n")
    assert stored(brain, LOCAL) == 40
    assert brain.run("embed").out == f"{LOCAL}: nothing to embed; coverage 100.0 %\n"
    assert brain.run("-q", "embed").out == ""


def test_the_document_says_what_was_done_for_each_model(brain: BrainCommand, vault: Path) -> None:
    brain = embedding(brain)
    brain.add("wiki", vault)
    brain.run("sync", "--all", "--no-embed")
    [row] = checked(brain.run("embed", "--json"), "embed")["models"]
    assert (row["model"], row["state"], row["serves"]) == (LOCAL, "active", True)
    assert (row["embedded"], row["pending"], row["refused"], row["coverage_pct"]) == (40, 0, 0, 100.0)
    assert (row["cost"], row["reason"], row["planned"]) == (None, None, None)
    [row] = checked(brain.run("embed", "--json"), "embed")["models"]
    assert (row["embedded"], row["requests"]) == (0, 0)


def test_of_one_source_only_its_own_texts_are_embedded(brain: BrainCommand, vault: Path, tmp_path: Path) -> None:
    brain = embedding(brain)
    brain.add("wiki", vault)
    brain.add("other", pages(tmp_path / "other", 7, words="Other words"))
    brain.run("sync", "--all", "--no-embed")
    [row] = checked(brain.run("embed", "--source", "other", "--json"), "embed")["models"]
    assert (row["embedded"], row["pending"], row["coverage_pct"]) == (7, 0, 14.9)
    assert stored(brain, LOCAL) == 7
    [row] = checked(brain.run("embed", "--json"), "embed")["models"]
    assert (row["embedded"], row["coverage_pct"]) == (40, 100.0)


def test_a_sync_says_what_it_embedded_of_each_source_and_what_waits(
    brain: BrainCommand, vault: Path, tmp_path: Path
) -> None:
    brain = embedding(brain)
    brain.add("wiki", vault)
    brain.add("other", pages(tmp_path / "other", 7, words="Other words"))
    done = brain.run("sync", "--source", "other", "--no-embed", "--json")
    assert checked(done, "sync")["embedding"] == {
        "model": LOCAL,
        "embedded": 0,
        "pending": 7,
        "reason": "not_asked_to",
        "error": "embedding was left for later",
        "hint": "gbrain embed fills it in",
    }
    assert done.sources()["other"]["embeddings_pending"] == 7
    done = brain.run("sync", "--all", "--json")
    assert checked(done, "sync")["embedding"] == {
        "model": LOCAL, "embedded": 47, "pending": 0, "reason": None, "error": None, "hint": None
    }  # fmt: skip
    rows = done.sources()
    assert {name: (row["embedded"], row["embeddings_pending"]) for name, row in rows.items()} == {
        "wiki": (40, 0),
        "other": (7, 0),
    }
    pages(vault, 3, words="Quite other words")
    assert brain.run("sync", "--all").out.splitlines()[-2:] == [f"embedded 3 chunks ({LOCAL})", "2 ok"]
    pages(vault, 4, words="More words")
    assert brain.run("-q", "sync", "--all", "--no-embed").out == ""
    planned = checked(brain.run("sync", "--all", "--dry-run", "--json"), "sync")
    assert planned["embedding"] is None
    assert {(row["embedded"], row["embeddings_pending"]) for row in planned["sources"]} == {(0, 0)}


def test_where_embedding_is_switched_off_a_sync_says_nothing_of_it_and_embed_is_a_usage_error(
    brain: BrainCommand, vault: Path, tmp_path: Path
) -> None:
    brain.add("wiki", vault)
    done = brain.run("sync", "--all", "--json")
    assert checked(done, "sync")["embedding"] is None
    assert "embed" not in brain.run("sync", "--all").out
    unmade = BrainCommand(home=tmp_path / "unmade")
    for command in (brain, unmade):
        for words in (("embed",), ("embed", "--dry-run"), ("models", "use", "local")):
            error = checked_error(command.run(*words, "--json", code=2), "usage")
            assert "GBRAIN_EMBEDDER" in error["hint"]
    assert not unmade.home.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--source", "wiki", "--all"), "--all"),
        (("--source", "wiki", "--source", "more"), "--source"),
        (("--parallel", "0"), "--parallel"),
        (("--parallel", "some"), "--parallel"),
        (("--progress", "loud"), "--progress"),
    ],
)
def test_flags_that_make_no_sense_are_usage_errors(brain: BrainCommand, words: tuple[str, ...], said: str) -> None:
    assert said in checked_error(embedding(brain).run("embed", *words, "--json", code=2), "usage")["message"]


def test_an_embedder_that_there_is_not_is_a_usage_error_that_lists_those_there_are(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    served_by(provider, brain)
    brain = embedding(brain, "nosuch")
    for words in (("embed",), ("embed", "--dry-run")):
        error = checked_error(brain.run(*words, "--json", code=2), "usage")
        assert "known are: local, test" in error["hint"]
    brain.add("wiki", vault)
    assert "known are: local, test" in checked_error(brain.run("sync", "--all", "--json", code=2), "usage")["hint"]


def test_no_such_source_is_exit_4_and_no_database_exit_6(brain: BrainCommand) -> None:
    brain = embedding(brain)
    for words in (("embed",), ("embed", "--dry-run")):
        assert (
            "nosuch" in checked_error(brain.run(*words, "--source", "nosuch", "--json", code=4), "not_found")["message"]
        )
    nowhere = replace(brain, url=f"postgresql://gbrain@127.0.0.1:{free_port()}/brain")
    for words in (("embed",), ("embed", "--dry-run"), ("models", "use", "local")):
        checked_error(nowhere.run(*words, "--json", code=6), "database")


def test_a_dry_run_weighs_what_would_be_sent_and_changes_nothing(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    brain = served_by(provider, brain, max_items=16, price_per_million_tokens=2.0, api_key_env="TEST_KEY")
    brain.add("wiki", vault)
    replace(brain, environ={"GBRAIN_EMBEDDER": "none"}).run("sync", "--all")
    [row] = checked(brain.run("embed", "--dry-run", "--json"), "embed")["models"]
    planned = row["planned"]
    assert (row["model"], row["state"], row["pending"], row["coverage_pct"]) == (REMOTE, None, 40, None)
    assert (planned["texts"], planned["requests"]) == (40, 3)
    assert planned["cost"] == pytest.approx(planned["tokens"] * 2 / 1_000_000)
    assert brain.run("embed", "--dry-run").out.startswith(f"{REMOTE}: would embed 40 texts, about ")
    assert provider.journal() == []
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.models") == [(0,)]
    [done] = checked(replace(brain, environ=brain.environ | {"TEST_KEY": "x"}).run("embed", "--json"), "embed")[
        "models"
    ]
    assert done["tokens"] == pytest.approx(planned["tokens"], rel=0.5)
    assert done["cost"] == pytest.approx(done["tokens"] * 2 / 1_000_000)
    pages(vault, 5, words="Other words")
    brain.run("sync", "--all", "--no-embed")
    [row] = checked(brain.run("embed", "--dry-run", "--source", "wiki", "--json"), "embed")["models"]
    assert (row["state"], row["planned"]["texts"], row["coverage_pct"]) == ("active", 5, 87.5)
    assert stored(brain, REMOTE) == 40


def test_a_dry_run_where_there_is_no_brain_makes_none(tmp_path: Path) -> None:
    brain = embedding(BrainCommand(home=tmp_path / "home"))
    assert checked(brain.run("embed", "--dry-run", "--json"), "embed")["models"] == []
    assert brain.run("embed", "--dry-run").out == "nothing to embed: there is no brain yet\n"
    brain.run("embed", "--dry-run", "--source", "wiki", code=4)
    assert not brain.home.exists()


def test_a_key_that_is_missing_or_wrong_is_exit_6_before_anything_is_stored(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    provider.tell(key="sesame")
    brain = served_by(provider, brain, api_key_env="TEST_KEY")
    brain.add("wiki", vault)
    brain.run("sync", "--all")
    missing = checked_error(brain.run("embed", "--json", code=6), "embedder")
    assert "TEST_KEY" in missing["hint"]
    wrong = checked_error(_with_key(brain, "guessed").run("embed", "--json", code=6), "embedder")
    assert "401" in wrong["message"]
    assert "guessed" not in str(wrong)
    assert states(brain) == {}
    assert _with_key(brain, "sesame").run("embed").out.startswith(f"{REMOTE}: embedded 40 texts in ")


def test_a_key_that_is_taken_no_more_ends_a_fill_at_once_and_a_sync_is_none_the_worse(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    provider.tell(key="sesame")
    brain = _with_key(served_by(provider, brain, api_key_env="TEST_KEY", max_items=4), "sesame")
    brain.add("wiki", vault)
    brain.run("sync", "--all")
    provider.tell(key="another")
    provider.clear()
    pages(vault, 20, words="Other words")
    done = brain.run("sync", "--all", "--json")
    document = checked(done, "sync")
    assert (document["ok_count"], document["embedding"]["reason"], document["embedding"]["pending"]) == (
        1,
        "denied",
        20,
    )
    assert done.sources()["wiki"]["embeddings_pending"] == 20
    [row] = checked(brain.run("embed", "--json", code=1), "embed")["models"]
    assert (row["reason"], row["embedded"], row["pending"]) == ("denied", 0, 20)
    text = brain.run("embed", code=1).out.splitlines()
    assert text[0] == f"{REMOTE}: nothing was embedded; coverage 50.0 %"
    assert text[1].startswith(f"{REMOTE}: 20 texts are left: ")
    assert text[1].endswith("TEST_KEY")
    assert {sent.status for sent in provider.journal()} == {401}


def test_vectors_of_another_length_than_before_are_not_stored(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    brain = served_by(provider, brain)
    brain.add("wiki", vault)
    brain.run("sync", "--all")
    provider.tell(dimensions=9)
    pages(vault, 5, words="Other words")
    brain.run("sync", "--all", "--no-embed")
    [row] = checked(brain.run("embed", "--json", code=1), "embed")["models"]
    assert (row["reason"], row["pending"], row["embedded"]) == ("malformed", 5, 0)
    assert stored(brain, REMOTE) == 40


def test_an_endpoint_that_answers_other_dimensions_than_configured_is_not_taken(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    provider.tell(obeys_dimensions=False)
    brain = served_by(provider, brain, dimensions=12)
    brain.add("wiki", vault)
    done = brain.run("sync", "--all", "--json")
    assert checked(done, "sync")["embedding"]["reason"] == "no_embedder"
    assert "12" in checked_error(brain.run("embed", "--json", code=6), "embedder")["message"]
    assert states(brain) == {}


def test_a_provider_that_is_down_costs_a_sync_its_budget_and_nothing_else(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    brain = served_by(provider, brain, head='embed_budget = "1s"\n')
    brain.add("wiki", vault)
    brain.run("sync", "--all")
    provider.tell(down=True)
    pages(vault, 5, words="Other words")
    done = brain.run("sync", "--all")
    assert done.out.splitlines()[-2] == (
        "5 chunks wait for embeddings: the 1 s that a sync embeds for (embed_budget) were over; "
        "the next sync goes on, or gbrain embed does it now"
    )
    row = brain.run("sync", "--all", "--json").sources()["wiki"]
    assert (row["status"], row["embeddings_pending"], row["error"]) == ("ok", 5, None)
    provider.tell(down=False)
    assert brain.run("sync", "--all").out.splitlines()[-2] == f"embedded 5 chunks ({REMOTE})"


def test_a_provider_that_pushes_back_now_and_then_is_sent_to_again_until_all_is_done(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    brain = served_by(provider, brain, max_items=2)
    brain.add("wiki", vault)
    provider.tell(refuse_every=4, refusal_headers={"Retry-After": "0"})
    brain.run("sync", "--all", "--no-embed")
    [row] = checked(brain.run("embed", "--json"), "embed")["models"]
    assert (row["embedded"], row["pending"]) == (40, 0)
    texts = provider.texts()[1:]
    assert len(texts) == len(set(texts)) == 40
    assert 429 in {sent.status for sent in provider.journal()}


def test_a_provider_that_wants_an_hour_is_given_it(brain: BrainCommand, vault: Path, provider: EndpointServer) -> None:
    brain = served_by(provider, brain)
    brain.add("wiki", vault)
    brain.run("sync", "--all")
    pages(vault, 5, words="Other words")
    brain.run("sync", "--all", "--no-embed")
    provider.tell(statuses=[(429, {"Retry-After": "3600"}, BUSY)])
    [row] = checked(brain.run("embed", "--json", code=1), "embed")["models"]
    assert (row["reason"], row["pending"]) == ("busy", 5)


def test_a_text_that_is_refused_is_put_aside_shown_and_tried_again_when_that_is_wanted(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    brain = served_by(provider, brain)
    brain.add("wiki", vault)
    provider.tell(marker="number 7.")
    done = brain.run("sync", "--all")
    assert done.out.splitlines()[-3:-1] == [
        f"embedded 39 chunks ({REMOTE})",
        "1 chunk waits for its embedding: 1 text is refused by the provider; "
        "gbrain models list --refused shows which; gbrain embed --retry-failed tries again",
    ]
    [row] = checked(brain.run("embed", "--json", code=1), "embed")["models"]
    assert (row["reason"], row["pending"], row["refused"], row["coverage_pct"]) == ("refused", 0, 1, 97.5)
    assert brain.run("models", "list", "--refused").out.startswith(f"{REMOTE}: wiki:page-7.md 1-3 127.0.0.1")
    [model] = checked(brain.run("models", "--refused", "--json"), "models-list")["models"]
    assert [(refusal["path"], refusal["first_line"]) for refusal in model["refusals"]] == [("page-7.md", 1)]
    provider.clear()
    brain.run("embed", code=1)
    assert provider.journal() == []
    assert brain.run("embed", "--retry-failed", "--dry-run").out.startswith(f"{REMOTE}: would embed 1 text, ")
    brain.run("embed", "--retry-failed", code=1)
    provider.tell(marker=None)
    brain.run("embed", "--retry-failed")
    assert stored(brain, REMOTE) == 40
    assert brain.run("models", "list", "--refused").out == "no text is refused\n"


def test_no_more_requests_are_under_way_than_parallel_allows(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    brain = served_by(provider, brain, max_items=2)
    brain.add("wiki", vault)
    brain.run("sync", "--all", "--no-embed")
    provider.tell(latency=0.1)
    brain.run("embed", "--parallel", "2")
    journal = provider.journal()
    assert max(in_flight(journal, sent.at) for sent in journal) == 2


def test_progress_of_a_fill_is_told_in_events_that_belong_to_no_source(
    brain: BrainCommand, vault: Path, provider: EndpointServer
) -> None:
    brain = served_by(provider, brain, max_items=2)
    brain.add("wiki", vault)
    brain.run("sync", "--all", "--no-embed")
    done = brain.run("embed", "--progress", "json", "--json")
    events = [json.loads(line) for line in done.err.splitlines()]
    assert all(map(is_event, events))
    filling = [event for event in events if event["phase"] == "embed"]
    assert {event["source_id"] for event in events} == {None}
    assert (filling[0]["event"], filling[0]["done"], filling[0]["total"], filling[0]["model"]) == (
        "start",
        0,
        40,
        REMOTE,
    )
    assert (filling[-1]["event"], filling[-1]["done"]) == ("finish", 40)
    pages(vault, 9, words="Other words")
    brain.run("sync", "--all", "--no-embed")
    provider.tell(statuses=[(429, {"Retry-After": "3"}, BUSY)])
    done = brain.run("embed", "--progress", "json", "--json", "--parallel", "1")
    events = [json.loads(line) for line in done.err.splitlines()]
    assert all(map(is_event, events))
    assert max(event["waits_s"] or 0 for event in events) in (1, 2, 3)
    assert any("Rate limit reached" in (event["trouble"] or "") for event in events)
    assert (events[-1]["event"], events[-1]["done"]) == ("finish", 9)


@pytest.mark.parametrize("columns", [60, 100, 200])
def test_the_table_of_a_fill_shows_how_far_it_is_and_that_the_provider_is_left_alone(
    brain: BrainCommand, vault: Path, provider: EndpointServer, columns: int
) -> None:
    brain = served_by(provider, brain, max_items=2)
    brain.add("wiki", vault)
    brain.run("sync", "--all", "--no-embed")
    provider.tell(latency=0.5)
    with on_terminal(brain, "embed", "--parallel", "1", columns=columns) as terminal:
        lines = terminal.wait_until(
            lambda lines: lines[0].startswith("(all)  embedding") and " of 40" in lines[0], "it"
        )
        assert lines[1].startswith(f"{REMOTE}, ")
        provider.tell(statuses=[(429, {"Retry-After": "60"}, BUSY)] * 4)
        lines = terminal.wait_until(lambda lines: "sends again in " in lines[-1], "it is left alone")
        assert len(lines) == 2
        terminal.type(b"\x03")
        assert terminal.ended() == 130
    assert terminal.lines[-1] == "error: interrupted; what was committed is kept"
    assert terminal.lines[-2] == "what is stored stays; gbrain embed goes on from here"
    assert terminal.lines[-3].startswith("stopped while embedding: ")
    assert len(terminal.lines) == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_fill_that_is_stopped_goes_on_later_and_sends_nothing_twice(
    brain: BrainCommand, vault: Path, provider: EndpointServer, number: int, code: int
) -> None:
    brain = served_by(provider, brain, max_items=2)
    brain.add("wiki", vault)
    brain.run("sync", "--all", "--no-embed")
    provider.tell(latency=0.2)
    process = brain.start("embed", "--parallel", "1")
    poll(lambda: len(provider.journal()) > 3, "some are sent")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, b"")
    assert b"gbrain embed goes on from here" in err
    kept = stored(brain, REMOTE)
    assert 0 < kept < 40
    provider.clear()
    provider.tell(latency=0.0)
    brain.run("embed")
    assert stored(brain, REMOTE) == 40
    assert len(provider.texts()) == 40 - kept


def _with_key(brain: BrainCommand, key: str) -> BrainCommand:
    return replace(brain, environ=brain.environ | {"TEST_KEY": key})
