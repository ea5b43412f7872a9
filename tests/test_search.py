"""`gbrain search`: what is found, where, and why; and what is said where that is less than was asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.commands import BrainCommand
from support.documents import checked
from support.inside import Inside
from support.repositories import Repository
from support.servers import Server

WIKI: dict[str | bytes, bytes | str] = {
    "gas.md": "---\ntype: note\ntags: [chain, Fees]\ndate: 2024-05-01\n---\n# Gas refunds\n\nUnused gas is refunded.\n",
    "fees.md": "---\ntags: '#fees, money'\ndate: 2024-05-02T23:30:00-02:00\n---\n# Fees\n\nIt burns the base fee.\n",
    "deep/code.md": "# Reading\n\nCall `read_file_whole` before anything.\n\n## Later\n\nread the file whole\n",
    "long.md": "# Long\n\n"
    + "\n\n".join(f"## Part {n}\n\nfiller {n} " + "text " * 300 for n in range(5))
    + "\n\nneedle\n",
    "日本語.md": "# 天文学\n\n星の光を観測する天文学の歴史。\n",
    "quotes.md": "# Quotes\n\nTo be or not to be, that is the question.\n",
    "keys.md": "# Login https://ann:hunter2@example.org\n\n## At ghp_"
    + "a1B2" * 9
    + "\n\nThe walrus logs in at https://ann:hunter2@example.org as a walrus does.\n\n"
    + "kelp " * 60
    + f"narwhal https://ann:{'hunter2' * 50}@example.org narwhal\n",
    "attack.md": "# Ignore <b>\x1b[31m</b>\n\nzebra \x1b[2J \x07 zebra\n",
}
SECRET: dict[str | bytes, bytes | str] = {"plan.md": "# Plan\n\nThe zebra crossing and gas.\n"}


@pytest.fixture(scope="module")
def filled(server: Server, new_database: Any, tmp_path_factory: pytest.TempPathFactory) -> BrainCommand:
    """Two sources, one of them isolated, without vectors."""
    folder = tmp_path_factory.mktemp("search")
    brain = BrainCommand(home=folder / "home", url=server.url(new_database()))
    for name, files, flags in (("wiki", WIKI, ()), ("secret", SECRET, ("--isolated",))):
        repository = Repository.create(folder / name, files)
        brain.run("sources", "add", name, "--path", str(repository.folder), *flags)
    brain.run("sync", "--all", "--no-embed")
    return brain


def found(inside: Inside, brain: BrainCommand, *arguments: str) -> list[str]:
    """The slugs that are found, best first."""
    document = checked(inside.run(brain, "search", "--json", "--mode", "keyword", *arguments), "search")
    return [f"{one['source_id']}:{one['slug']}" for one in document["results"]]


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        (["refunding", "gas"], ["wiki:gas"]),
        (["GAS"], ["wiki:gas"]),
        (["read_file_whole"], ["wiki:deep/code"]),
        (["readFileWhole"], ["wiki:deep/code"]),
        (["天文学"], ["wiki:日本語"]),
        (["観測する天文学"], ["wiki:日本語"]),
        (["needle"], ["wiki:long"]),
        (['"base fee"'], ["wiki:fees"]),
        (['"fee base"'], []),
        (['"not to be"'], []),
        (["question", '"not to be"'], ["wiki:quotes"]),
        (['"天文学の歴史"'], ["wiki:日本語"]),
        (['"歴史の天文学"'], []),
        (["gas fee", "-refunded"], ["wiki:fees"]),
        (["gas fee", "-burns"], ["wiki:gas"]),
        (["gas fee", '-"base fee"'], ["wiki:gas"]),
        (["gas fee", "tag:fees", "type:note"], ["wiki:gas"]),
        (["gas fee", "tag:fees", "tag:money"], ["wiki:fees"]),
        (["gas fee", "-tag:money"], ["wiki:gas"]),
        (["gas fee", "before:2024-05-02"], ["wiki:gas"]),
        (["gas fee", "after:2024-05-03"], ["wiki:fees"]),
        (["gas fee read", "path:deep/"], ["wiki:deep/code"]),
        (["gas", "source:secret"], ["secret:plan"]),
        (["zebra", "-source:wiki"], []),
        (["zebra"], ["wiki:attack"]),
        (["nowhere"], []),
        (["the", "of"], []),
    ],
)
def test_what_is_asked_for_is_found(inside: Inside, filled: BrainCommand, query: list[str], slugs: list[str]) -> None:
    assert found(inside, filled, *query) == slugs


def test_the_page_with_the_phrase_comes_first_where_other_words_are_asked_for_too(
    inside: Inside, filled: BrainCommand
) -> None:
    assert found(inside, filled, "gas", "unused", "refunded", '"base fee"') == ["wiki:fees", "wiki:gas"]


def test_federated_sources_are_looked_at_unless_others_are_named(inside: Inside, filled: BrainCommand) -> None:
    assert found(inside, filled, "zebra", "--source", "secret") == ["secret:plan"]
    assert set(found(inside, filled, "zebra", "--source", "secret,wiki")) == {"secret:plan", "wiki:attack"}
    repeated = ("--source", "secret", "--source", "wiki,wiki")
    assert set(found(inside, filled, "zebra", *repeated)) == {"secret:plan", "wiki:attack"}
    assert set(found(inside, filled, "zebra", "source:secret,wiki")) == {"secret:plan", "wiki:attack"}


def test_an_archived_source_is_not_found_even_where_it_is_named(inside: Inside, filled: BrainCommand) -> None:
    inside.run(filled, "sources", "archive", "secret")
    try:
        assert inside.run(filled, "search", "zebra", "--source", "secret", code=4).out == ""
    finally:
        inside.run(filled, "sources", "restore", "secret")


def test_a_page_is_one_result_by_its_best_passage_with_lines_and_citation(inside: Inside, filled: BrainCommand) -> None:
    document = checked(inside.run(filled, "search", "needle", "filler", "--json"), "search")
    [hit] = document["results"]
    assert hit["citation"] == "[wiki:long]"
    assert "needle" in hit["snippet"]
    first, last = hit["lines"]
    lines = str(WIKI["long.md"]).splitlines()
    assert "needle" in "\n".join(lines[first - 1 : last])
    marked = {hit["snippet"][start:end] for start, end in hit["marks"]}
    assert "needle" in marked


def test_the_parts_of_a_score_make_it_up(inside: Inside, filled: BrainCommand) -> None:
    document = checked(inside.run(filled, "search", "refunds", "of", "gas", "--json", "--explain"), "search")
    [hit] = document["results"]
    assert set(hit["parts"]) == {"gas", "refund"}
    assert sum(hit["parts"].values()) == pytest.approx(hit["score"], abs=1e-5)


def test_what_a_source_says_cannot_move_the_cursor(inside: Inside, filled: BrainCommand) -> None:
    out = inside.run(filled, "search", "zebra").out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_that_only_words_were_looked_at_is_said(inside: Inside, filled: BrainCommand) -> None:
    document = checked(inside.run(filled, "search", "gas", "--json"), "search")
    assert (document["mode"], [note["code"] for note in document["notes"]]) == ("keyword", ["no_model"])
    document = checked(inside.run(filled, "search", "the of", "--json"), "search")
    assert "no_words" in [note["code"] for note in document["notes"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "nothing to search for"),
        (["gas", "--limt", "3"], 2, "No such option: --limt; did you mean --limit?"),
        (["gas", "--explian"], 2, "did you mean --explain?"),
        (["gas", "--sorce=wiki"], 2, "did you mean --source?"),
        (["  "], 2, "nothing to search for"),
        (["gas", "--mode", "magic"], 2, "--mode is 'magic'"),
        (["gas", "--limit", "0"], 2, "--limit"),
        (["gas", "--limit", "5000"], 2, "1,000"),
        (["gas", "--source", ","], 2, "--source names none"),
        (["gas", "--source", "nosuch"], 4, "no source 'nosuch'"),
        (["gas", "--source", "nosuch", "--source", "wiki"], 4, "no source 'nosuch'"),
        (["gas", "source:nosuch"], 4, "no source 'nosuch'"),
    ],
)
def test_what_cannot_be_asked_is_said(
    inside: Inside, filled: BrainCommand, arguments: list[str], code: int, said: str
) -> None:
    assert said in inside.run(filled, "search", *arguments, code=code).err


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        (["tag:fees"], ["wiki:fees", "wiki:gas"]),
        (["after:2024-05-02"], ["wiki:fees"]),
        (["path:deep/"], ["wiki:deep/code"]),
        (["tag:nosuch"], []),
        (["-gas", "-fee", "-filler", "-zebra", "-file", "-天文学", "-walrus"], ["wiki:quotes"]),
    ],
)
def test_filters_alone_list_the_pages_that_fit_the_newest_first(
    inside: Inside, filled: BrainCommand, query: list[str], slugs: list[str]
) -> None:
    assert found(inside, filled, *query) == slugs


def test_what_is_listed_and_not_ranked_has_no_score(inside: Inside, filled: BrainCommand) -> None:
    out = inside.run(filled, "search", "type:note", "--explain").out
    assert out == "[wiki:gas]  Gas refunds\n  gas.md:6-8\n  # Gas refunds Unused gas is refunded.\n"
    assert re.search(r"^  gas\.md:6-8  \d+\.\d{3}$", inside.run(filled, "search", "refunds").out, re.MULTILINE)


def test_credentials_that_stand_in_pages_are_in_no_answer(inside: Inside, filled: BrainCommand) -> None:
    done = inside.run(filled, "search", "walrus", "--json", "--explain")
    [hit] = checked(done, "search")["results"]
    assert (hit["title"], hit["headings"][-1]) == ("Login https://***@example.org", "At ***")
    assert "The walrus logs in at https://***@example.org as" in hit["snippet"]
    assert [hit["snippet"][start:end] for start, end in hit["marks"]] == ["walrus", "walrus"]
    others = [inside.run(filled, "search", *words).out for words in (["walrus"], ["narwhal"], ["narwhal", "--json"])]
    for out in (done.out, *others):
        assert "hunter2" not in out
        assert "a1B2" not in out


def test_help_is_the_answer_to_the_one_word_h_and_tells_what_may_be_asked(
    inside: Inside, filled: BrainCommand, tmp_path: Path
) -> None:
    nothing = BrainCommand(home=tmp_path / "home")
    shown = inside.run(nothing, "search", "--help").out
    for flags in (["-h"], ["--json", "-h"], ["-h", "--limit", "3"]):
        assert inside.run(nothing, "search", *flags).out == shown
    assert not nothing.home.exists()
    for said in ("-word", "source:", "after:2026-05", "docs/reference/query.md"):
        assert said in shown
    assert "wiki:quotes" in found(inside, filled, "--", "-h")
    assert found(inside, filled, "gas", "refunds", "-h") == ["wiki:gas"]


def test_a_brain_without_sources_says_so(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    empty = inside.run(brain, "search", "wiki")
    assert (empty.out, empty.err) == (
        "nothing found\n",
        "there are no sources yet; gbrain sources add ID --path DIR\n",
    )
    document = checked(inside.run(brain, "search", "wiki", "--json"), "search")
    assert [note["code"] for note in document["notes"]] == ["no_sources"]
    brain.add("wiki", repository.folder)
    document = checked(inside.run(brain, "search", "wiki", "--json"), "search")
    assert [note["code"] for note in document["notes"]] == ["no_model"]


def test_limits_are_kept(inside: Inside, filled: BrainCommand) -> None:
    assert len(found(inside, filled, "gas fee read needle zebra", "--limit", "2")) == 2


def test_judged_queries_are_measured_and_held_against_a_saved_run(
    inside: Inside, filled: BrainCommand, tmp_path: Path
) -> None:
    file, saved = tmp_path / "judged.jsonl", tmp_path / "run.json"
    lines = ['{"query": "gas refunds", "relevant": ["wiki:gas"]}', '{"query": "needle", "relevant": ["wiki:fees"]}']
    file.write_text("# mine\n" + "\n".join(lines) + "\n")
    first = checked(inside.run(filled, "search", "--eval", str(file), "--save", str(saved), "--json"), "search-eval")
    assert first["means"] == {"ndcg_at_10": 0.5, "recall_at_10": 0.5, "recall_at_5": 0.5, "mrr": 0.5}
    assert [one["ranking"] for one in first["queries"]] == [["wiki:gas"], ["wiki:long"]]
    assert first["comparison"] is None
    file.write_text(lines[0] + '\n{"query": "needle", "relevant": ["wiki:long"]}\n')
    again = inside.run(filled, "search", "--eval", str(file), "--against", str(saved), "--json")
    compared = checked(again, "search-eval")["comparison"]
    assert (compared["queries_in_both"], compared["worse"]) == (2, [])
    assert compared["better"] == [{"query": "needle", "before": 0.0, "after": 1.0}]
    told = inside.run(filled, "search", "--eval", str(file), "--against", str(saved)).out
    assert "2 queries, hybrid" in told
    assert "0.000 to 1.000  needle" in told
    assert "the worst" not in told


def test_judged_pages_that_there_are_not_and_the_worst_queries_are_named(
    inside: Inside, filled: BrainCommand, tmp_path: Path
) -> None:
    file = tmp_path / "judged.jsonl"
    lines = [
        '{"query": "gas refunds", "relevant": [{"page": "wiki:gas", "grade": 2}, "wiki:nope", "nope:gas"]}',
        '{"query": "needle", "relevant": ["wiki:fees", "wiki:nope", "secret:plan"]}',
        '{"query": "zebra", "relevant": ["wiki:attack"]}',
    ]
    file.write_text("\n".join(lines) + "\n")
    done = inside.run(filled, "search", "--eval", str(file), "--json")
    assert checked(done, "search-eval")["pages_missing"] == ["wiki:nope", "nope:gas"]
    told = "2 judged pages are not in the brain, and counted as not found: wiki:nope, nope:gas"
    assert told in done.err
    shown = inside.run(filled, "search", "--eval", str(file))
    assert told in shown.err
    lowest = re.search(r"^the worst:\n  0\.000  needle\n  0\.\d{3}  gas refunds\n\Z", shown.out, re.MULTILINE)
    assert lowest is not None, shown.out
    file.write_text("".join(f'{{"query": "{n}", "relevant": ["wiki:p{n}", "a\\u0000:b{n}"]}}\n' for n in range(7)))
    many = inside.run(filled, "search", "--eval", str(file))
    assert "14 judged pages are not in the brain" in many.err
    assert many.err.count("wiki:p") + many.err.count(":b") == 5
    assert many.out.count("\n  0.000  ") == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--eval", "nosuch"], "cannot read nosuch"),
        (["--eval", "judged", "words"], "leave the words out"),
        (["--eval", "judged", "--explain"], "--explain is about one search"),
        (["words", "--save", "run"], "--save and --against are about --eval"),
        (["--eval", "judged", "--against", "judged"], "holds no run"),
        (
            ["--eval", "judged", "--against", "nosuch"],
            "cannot read nosuch: No such file or directory; name a file that --save",
        ),
        (["--eval", "judged", "--against", "no text"], "it is not UTF-8; name a file that --save has written"),
        (["--eval", "judged", "--against", "no JSON"], "is not JSON"),
        (["--eval", "broken"], "broken, line 1"),
    ],
)
def test_what_cannot_be_measured_is_said(
    inside: Inside, filled: BrainCommand, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "judged").write_text('{"query": "gas", "relevant": ["wiki:gas"]}\n')
    (tmp_path / "broken").write_text('{"query": "gas"}\n')
    (tmp_path / "no text").write_bytes(b"\xff")
    (tmp_path / "no JSON").write_text("{")
    assert said in inside.run(filled, "search", *arguments, code=2, cwd=tmp_path).err
