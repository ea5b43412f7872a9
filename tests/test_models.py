"""`gbrain models`: which there are, another one put to use while the one before it serves, and one dropped."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.databases import ask, copy_of, drop
from support.documents import checked, checked_error
from support.driven import poll
from support.endpoint import EndpointServer, endpoint
from support.servers import Server
from support.vectors import embedding, pages, states, stored

LOCAL = "local:wordllama-256"
REMOTE = "test:test-model"


@pytest.fixture
def provider() -> Iterator[EndpointServer]:
    """An endpoint that takes whatever comes."""
    with endpoint() as running:
        yield running


@pytest.fixture(scope="module")
def laid_out(server: Server, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> BrainCommand:
    """A brain of 40 pages with the local model, to be copied and left as it is."""
    folder = tmp_path_factory.mktemp("laid-out")
    brain = embedding(BrainCommand(home=folder / "home", url=server.url(new_database())))
    brain.add("wiki", pages(folder / "vault", 40))
    brain.run("sync", "--all")
    return brain


@pytest.fixture
def filled(laid_out: BrainCommand, server: Server, provider: EndpointServer, tmp_path: Path) -> Iterator[BrainCommand]:
    """A brain of 40 pages with the local model, and an endpoint that nobody has used yet."""
    name = copy_of(server, (laid_out.url or "").rpartition("/")[2])
    brain = replace(laid_out, home=tmp_path / "home", url=server.url(name))
    shutil.copytree(laid_out.home, brain.home)
    brain.configure(provider.toml("test", max_items=4))
    vault = pages(tmp_path / "vault", 40)
    ask(brain.url or "", "UPDATE gbrain.sources SET path = %s RETURNING id", os.fsencode(vault))
    yield brain
    drop(server, name)


def test_a_brain_without_a_model_says_so(brain: BrainCommand) -> None:
    assert brain.run("models").out == "no model yet: gbrain embed makes the first\n"
    assert checked(brain.run("models", "list", "--json"), "models-list")["models"] == []
    assert brain.run("models", "list", "--refused").out == "no text is refused\n"


def test_the_list_shows_how_far_each_model_is_and_which_embedders_are_not_used(filled: BrainCommand) -> None:
    head, row, unused = filled.run("models").out.splitlines()
    assert head.split() == ["MODEL", "STATE", "DIMENSIONS", "COVERAGE", "REFUSED", "SIZE", "INDEX"]
    assert row.split()[:6] == [LOCAL, "active", "256", "100.0", "%", "0"]
    assert row.endswith("no")
    assert unused == "not used: test (gbrain models use test)"
    [model] = checked(filled.run("models", "--json"), "models-list")["models"]
    assert (model["embedder"], model["chunks_total"], model["chunks_unembedded"]) == ("local", 40, 0)
    assert (model["indexed"], model["refusals"]) == (False, None)
    assert model["size_bytes"] > 40 * 512


def test_another_model_is_filled_while_the_first_serves_and_then_takes_its_place(filled: BrainCommand) -> None:
    done = checked(filled.run("models", "use", "test", "--json"), "models-use")
    [row] = done["models"]
    assert (done["before"], done["switched"]) == (LOCAL, True)
    assert (row["model"], row["embedded"], row["serves"], row["coverage_pct"]) == (REMOTE, 40, True, 100.0)
    assert states(filled) == {LOCAL: "retired", REMOTE: "active"}
    again = filled.run("models", "use", "test")
    assert again.out == f"{REMOTE} is active already: search uses it\n"
    assert checked(filled.run("models", "use", REMOTE, "--json"), "models-use")["switched"] is False
    back = filled.run("models", "use", "local").out.splitlines()
    assert back == [
        f"{LOCAL}: nothing to embed; coverage 100.0 %",
        f"switched from {REMOTE} to {LOCAL}",
    ]


def test_a_change_that_was_interrupted_goes_on_and_sends_nothing_twice(
    filled: BrainCommand, provider: EndpointServer
) -> None:
    provider.tell(latency=0.2)
    process = filled.start("models", "use", "test", "--parallel", "1")
    poll(lambda: len(provider.journal()) > 3, "some are sent")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"gbrain models use test goes on from here" in err
    assert states(filled) == {LOCAL: "active", REMOTE: "filling"}
    kept = stored(filled, REMOTE)
    provider.clear()
    provider.tell(latency=0.0)
    assert filled.run("models", "use", "test").out.splitlines()[-1] == f"switched from {LOCAL} to {REMOTE}"
    assert len(provider.texts()) - 1 == 40 - kept


def test_a_change_that_cannot_be_completed_leaves_the_first_model_in_use_and_says_how_to_go_on(
    filled: BrainCommand, provider: EndpointServer
) -> None:
    provider.tell(marker="number 7.")
    done = filled.run("models", "use", "test", code=1).out.splitlines()
    assert done[1].startswith(f"{REMOTE}: 1 text is refused by the provider; ")
    assert done[2] == "to switch without them: gbrain models use test --despite-refused"
    assert done[3] == f"search uses {LOCAL} until then; gbrain models use test goes on from here"
    assert states(filled) == {LOCAL: "active", REMOTE: "filling"}
    assert filled.run("-q", "models", "use", "test", code=1).out != ""
    provider.tell(marker=None)
    [_, row] = checked(filled.run("embed", "--retry-failed", "--json"), "embed")["models"]
    assert (row["model"], row["embedded"], row["serves"]) == (REMOTE, 1, True)
    assert states(filled) == {LOCAL: "retired", REMOTE: "active"}


def test_what_is_half_filled_gives_way_when_the_model_in_use_is_to_stay(
    filled: BrainCommand, provider: EndpointServer
) -> None:
    provider.tell(marker="number 7.")
    filled.run("models", "use", "test", code=1)
    filled.run("models", "use", "local")
    assert states(filled) == {LOCAL: "active", REMOTE: "retired"}
    assert filled.run("embed").out == f"{LOCAL}: nothing to embed; coverage 100.0 %\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nosuch", "known are: local, test"),
        ("nosuch:model", "known are: local, test"),
        ("test:other", "gbrain models use test"),
        ("local:other", "gbrain models use local"),
        ("", "known are: local, test"),
    ],
)
def test_a_name_that_no_embedder_has_is_a_usage_error(filled: BrainCommand, name: str, hint: str) -> None:
    assert hint in checked_error(filled.run("models", "use", name, "--json", code=2), "usage")["hint"]
    assert states(filled) == {LOCAL: "active"}


def test_an_endpoint_that_cannot_be_reached_is_exit_6_and_no_model_is_made(
    filled: BrainCommand, provider: EndpointServer
) -> None:
    provider.tell(down=True)
    checked_error(filled.run("models", "use", "test", "--json", code=6), "embedder")
    assert states(filled) == {LOCAL: "active"}


def test_a_model_is_dropped_only_when_confirmed_and_not_in_use(filled: BrainCommand) -> None:
    filled.run("models", "use", "test")
    assert (
        "search uses it"
        in checked_error(filled.run("models", "drop", "test", "--yes", "--json", code=2), "usage")["message"]
    )
    unsure = checked_error(filled.run("models", "drop", LOCAL, "--json", code=3), "confirmation_needed")
    assert LOCAL in unsure["message"]
    assert states(filled) == {LOCAL: "retired", REMOTE: "active"}
    [row] = checked(filled.run("models", "drop", LOCAL, "--yes", "--json"), "models-drop")["models"]
    assert (row["model"], row["dropped"]) == (LOCAL, True)
    assert row["size_bytes"] > 0
    assert states(filled) == {REMOTE: "active"}
    checked_error(filled.run("models", "drop", LOCAL, "--yes", "--json", code=4), "not_found")


def test_flags_of_the_list_go_without_its_word_and_not_before_another(filled: BrainCommand) -> None:
    assert filled.run("models").out == filled.run("models", "list").out
    assert "flags come last" in filled.run("models", "--refused", "use", "test", code=2).err


def test_a_newer_version_of_the_local_embedder_is_filled_beside_the_old_and_takes_its_place(
    filled: BrainCommand, tmp_path: Path
) -> None:
    ask(filled.url or "", "UPDATE gbrain.models SET fingerprint = 'older' RETURNING id")
    assert filled.run("embed", "--dry-run").out.startswith(f"{LOCAL}: would embed 40 texts, about ")
    pages(tmp_path / "vault", 5, words="Other words")
    filled.run("sync", "--all", "--no-embed")
    done = filled.run("embed").out.splitlines()
    assert done[0].startswith(f"{LOCAL}: embedded 40 texts, ")
    assert done[1:] == [f"{LOCAL}: search uses it from now on"]
    assert [model["state"] for model in filled.run("models", "--json").document["models"]] == ["active", "retired"]
    assert filled.run("models", "drop", "local", "--yes").out.startswith(f"dropped: {LOCAL} (")


def test_counts_that_are_wrong_keep_a_model_from_taking_over_and_no_command_from_ending(
    filled: BrainCommand, provider: EndpointServer
) -> None:
    provider.tell(marker="number 7.")
    filled.run("models", "use", "test", code=1)
    ask(filled.url or "", "UPDATE gbrain.coverage SET pending = pending + 3 RETURNING pending")
    provider.tell(marker=None)
    [_, row] = checked(filled.run("embed", "--retry-failed", "--json", code=1), "embed")["models"]
    assert (row["reason"], row["pending"], row["serves"]) == ("unsettled", 0, False)
    assert states(filled) == {LOCAL: "active", REMOTE: "filling"}


def test_a_model_takes_over_without_texts_that_are_refused_where_that_is_wanted(
    filled: BrainCommand, provider: EndpointServer
) -> None:
    provider.tell(marker="number 7.")
    kept = filled.run("models", "use", "test", code=1)
    assert "gbrain models use test --despite-refused" in kept.out
    assert states(filled) == {LOCAL: "active", REMOTE: "filling"}
    filled.run("models", "use", "test", "--despite-refused", code=1)
    assert states(filled) == {LOCAL: "retired", REMOTE: "active"}
    assert stored(filled, REMOTE) == 39


def test_a_sync_with_an_embedder_that_there_is_not_is_a_usage_error(filled: BrainCommand) -> None:
    typo = embedding(filled, "tset")
    assert "known are: local, test" in typo.run("sync", "--all", code=2).err
