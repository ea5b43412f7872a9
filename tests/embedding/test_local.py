"""The local embedder: the vectors of the model's own package, exactly and in any batch, at a fraction of its time."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from wordllama import WordLlamaInference

from gbrain.children.asking import Children
from gbrain.embedding import local, weights
from gbrain.embedding.local import LocalEmbedder
from gbrain.embedding.static_model import StaticModel
from gbrain.embedding.tokens import PIECE, Tokens, folded
from gbrain.errors import CouldNotRun
from gbrain.machine.process import started_at
from support.driven import children_of, poll
from support.torture import examples

REPOSITORY = Path(__file__).parents[2]
WRITTEN = [
    "",
    " ",
    "\n",
    "   \n\t\n",
    "one word",
    " leading, trailing ",
    "a  b   c    d\n    indented (code)\n\n\n- [x] done: 12,345.67 ± 0.5 %",
    "<s>struck</s> and <unk>, <s></s>  <S>",
    "▁▁ the mark ▁ itself",
    "naïve café — “quoted”, l’été; Ärger… «да, нет»",
    "日本語の文章です。한국어 문장 中文 mixed with Latin",
    "العربية ελληνικός ── ├ 🙂👩‍👩‍👧 \u0000 \u00a0\u2009\u200e",
    "|-----|:---:|\n| " + "=" * 120 + " | " + "-" * 399,
    "https://example.org/a_b/c-d?e=f&g=%20#h 0xDEADbeef00 _under_score__ camelCase",
    "\r\nWindows\r\n\ttabs\tand\rreturns",
    " " * 150 + "deep",
]
texts = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(WRITTEN),
        st.text(alphabet="ab ▁\n\t.,'’—<s>/unk09_é日ال─├", max_size=60),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def model() -> weights.Weights:
    return weights.load(weights.find())


@pytest.fixture(scope="module")
def package(model: weights.Weights) -> WordLlamaInference:
    return WordLlamaInference(model.table, Tokenizer.from_file(str(weights.find().tokenizer)))


@pytest.fixture(scope="module")
def tokens(model: weights.Weights) -> Tokens:
    return Tokens(model.tokenize, model.special)


@pytest.fixture(scope="module")
def loaded() -> StaticModel:
    return StaticModel()


@pytest.fixture
async def embedder() -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder()
    yield embedder
    await embedder.close()


def real_texts() -> Iterator[str]:
    for file in sorted([*REPOSITORY.rglob("docs/**/*.md"), *REPOSITORY.rglob("src/**/*.py")]):
        text = file.read_text(encoding="utf-8")
        yield from (text[start : start + 1200] for start in range(0, len(text), 1200))


def numbers_of(tokens: Tokens, text: str) -> list[int]:
    return np.frombuffer(b"".join(tokens.of(text)), np.uint16).tolist()


def by_package(package: WordLlamaInference, texts: list[str]) -> np.ndarray:
    """The package's own vectors of the texts, their white space folded as ours is."""
    return np.concatenate([package.embed(" ".join(text.split()), norm=True) for text in texts])


async def test_vectors_are_those_of_the_package(embedder: LocalEmbedder, package: WordLlamaInference) -> None:
    batch = [text for text in (*WRITTEN, *real_texts()) if text.strip()]
    rows = (await embedder.embed(batch)).rows
    assert len(batch) > 200
    assert rows.dtype == np.float32
    assert rows.shape == (len(batch), 256)
    np.testing.assert_allclose(rows, by_package(package, batch), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_tokens_of_real_texts_are_those_of_the_models_tokenizer(tokens: Tokens, package: WordLlamaInference) -> None:
    for text in real_texts():
        assert numbers_of(tokens, text) == package.tokenize(text)[0].ids


@given(texts=texts)
@settings(max_examples=examples(300), deadline=None)
def test_tokens_of_any_text_are_those_of_the_models_tokenizer(
    tokens: Tokens, package: WordLlamaInference, texts: list[str]
) -> None:
    for text in texts:
        assert numbers_of(tokens, text) == package.tokenize(text)[0].ids


def test_no_token_of_the_vocabulary_stands_across_a_border() -> None:
    vocabulary = Tokenizer.from_file(str(weights.find().tokenizer)).get_vocab()
    written = [token for token in vocabulary if not (token.startswith("<0x") or token in ("<s>", "</s>", "<unk>"))]
    assert len(written) == 32_000 - 256 - 3
    assert [token for token in written if len(PIECE.findall(token.replace("▁", " "))) != 1] == []
    assert [token for token in written if re.search("[0-9]{2}", token)] == []


@given(text=st.text())
def test_the_pieces_make_up_the_text(text: str) -> None:
    assert "".join(PIECE.findall(text)) == text


@given(text=st.text(alphabet=" \n\tab\x1c\u3000"), at_once=st.integers(1, 5))
def test_white_space_is_folded_the_same_in_parts(text: str, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gbrain.embedding.tokens._FOLDED_AT_ONCE", at_once)
        assert folded(text) == " ".join(text.split())


@given(texts=texts, data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_a_text_has_the_same_bits_in_whatever_batch(loaded: StaticModel, texts: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    together = loaded.vectors_of(texts).rows
    mixed = loaded.vectors_of([texts[position] for position in order]).rows
    for row, position in zip(mixed, order, strict=True):
        alone = loaded.vectors_of([texts[position]]).rows[0]
        assert row.tobytes() == together[position].tobytes() == alone.tobytes()


async def test_white_space_alone_is_nothing_to_embed_and_counts_for_nothing(embedder: LocalEmbedder) -> None:
    answer = await embedder.embed(["", " ", "\n", "word", " word\n\n"])
    assert answer.rows.any(axis=1).tolist() == [False, False, False, True, True]
    assert answer.rows[3].tobytes() == answer.rows[4].tobytes()
    assert answer.tokens == 0 + 0 + 0 + 1 + 1
    assert (await embedder.embed([])).rows.shape == (0, 256)


async def test_bytes_that_are_no_text_are_embedded_as_something(embedder: LocalEmbedder) -> None:
    assert np.isfinite((await embedder.embed(["caf\udce9"])).rows).all()


@pytest.mark.parametrize("unit", ["word and, more\n", "word ", "letters", " ", "-", "9", "日本"])
async def test_a_long_text_takes_bounded_memory_and_the_tokens_of_its_parts(tokens: Tokens, unit: str) -> None:
    long = unit * (5_000_000 // len(unit))
    parts = list(tokens.of(long))
    assert len(parts) > 1
    assert max(map(len, parts)) <= 2 * 400 * 8192


async def test_a_long_text_of_sentences_has_the_tokens_of_the_models_tokenizer(
    tokens: Tokens, package: WordLlamaInference
) -> None:
    long = "".join(real_texts())
    assert len(long) > 300_000
    assert numbers_of(tokens, long) == package.tokenize(long)[0].ids


async def test_the_event_loop_is_not_held_while_a_long_text_is_embedded(embedder: LocalEmbedder) -> None:
    await embedder.load()
    work = asyncio.create_task(embedder.embed(["a sentence, of some words.\n" * 190_000]))
    longest, last = 0.0, time.perf_counter()
    while not work.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    assert (await work).tokens is not None
    assert longest < 0.1


async def test_calls_side_by_side_get_their_own_answers(embedder: LocalEmbedder) -> None:
    batches = [[f"text {n} of batch {b}" for n in range(20)] for b in range(12)]
    answers = await asyncio.gather(*map(embedder.embed, batches))
    for batch, answer in zip(batches, answers, strict=True):
        assert answer.rows.tobytes() == (await embedder.embed(batch)).rows.tobytes()


async def test_closing_ends_the_thread() -> None:
    embedder = LocalEmbedder()
    await embedder.load()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("embed")]
    await embedder.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("embed")]


@pytest.fixture
async def in_processes(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalEmbedder]:
    """Embeds in two processes, but for the first two texts."""
    monkeypatch.setattr(local, "THREAD_LIMIT_TEXTS", 2)
    embedder = LocalEmbedder(processes=2)
    yield embedder
    await embedder.close()


async def test_processes_give_the_same_bits_and_the_same_count(
    in_processes: LocalEmbedder, loaded: StaticModel
) -> None:
    batches = [["one", "two"], WRITTEN, ["\udcff a byte that is no character"], WRITTEN[::-1]]
    for batch, found in zip(batches, await asyncio.gather(*map(in_processes.embed, batches)), strict=True):
        alone = loaded.vectors_of(batch)
        assert found.rows.tobytes() == alone.rows.tobytes()
        assert (found.rows.shape, found.tokens) == (alone.rows.shape, alone.tokens)
    assert len(_processes()) == 2


async def test_a_process_that_is_killed_is_replaced(in_processes: LocalEmbedder, loaded: StaticModel) -> None:
    await in_processes.embed(WRITTEN)
    [one] = _processes()
    os.kill(one, signal.SIGKILL)
    found = await in_processes.embed(WRITTEN)
    assert found.rows.tobytes() == loaded.vectors_of(WRITTEN).rows.tobytes()
    [another] = _processes()
    assert another != one


@pytest.mark.parametrize("ends_how", ["os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(600)"])
async def test_where_processes_come_to_nothing_the_thread_does_the_rest(
    in_processes: LocalEmbedder,
    loaded: StaticModel,
    ends_how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "no_child_of_ours.py").write_text(f"import os, signal, time\n{ends_how}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    children = Children("no_child_of_ours", 2, what="an embedding process", seconds=1.0)
    monkeypatch.setattr(in_processes, "_children", children)
    for found in await asyncio.gather(*(in_processes.embed(WRITTEN) for _ in range(3))):
        assert found.rows.tobytes() == loaded.vectors_of(WRITTEN).rows.tobytes()
    assert _processes() == []


async def test_closing_ends_the_processes(in_processes: LocalEmbedder) -> None:
    await in_processes.embed(WRITTEN)
    asking = asyncio.create_task(in_processes.embed(["word " * 2_000_000] * 4))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    await in_processes.close()
    assert _processes() == []


def test_a_process_ends_with_the_parent_that_is_killed() -> None:
    script = (
        "import asyncio, os, signal; from gbrain.embedding import local\n"
        "local.THREAD_LIMIT_TEXTS = 0\n"
        "async def main():\n"
        "    e = local.LocalEmbedder(processes=1); await e.embed(['text'])\n"
        "    [child] = e._children._idle; print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, timeout=60)
    poll(lambda: started_at(int(ran.stdout)) is None, "the end of the process")


def _processes() -> list[int]:
    return children_of(os.getpid(), "embedding.local_child")


def test_the_version_changes_with_either_file(tmp_path: Path) -> None:
    table, tokenizer = tmp_path / "table", tmp_path / "tokenizer"
    table.write_bytes(b"weights")
    tokenizer.write_bytes(b"words")
    files = weights.Files(table=table, tokenizer=tokenizer)
    seen = {files.digest()}
    for file in (table, tokenizer):
        file.write_bytes(file.read_bytes() + b"!")
        seen.add(files.digest())
    assert len(seen) == 3


def test_neither_the_package_nor_numpy_is_imported_before_it_is_needed() -> None:
    script = (
        "import sys; from gbrain.embedding.local import LocalEmbedder; e = LocalEmbedder(); e.version;"
        "light = {'numpy', 'tokenizers', 'safetensors'} & set(sys.modules);"
        "import asyncio; rows = asyncio.run(e.embed(['text'])).rows;"
        "print(light, 'wordllama' in sys.modules, rows.shape)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "set() False (1, 256)\n"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of a process is read from /proc")
def test_an_embedder_that_met_more_words_than_it_keeps_adds_less_than_120_mib() -> None:
    script = (
        "import asyncio, os; from pathlib import Path; from gbrain.embedding.local import LocalEmbedder\n"
        "size = lambda: int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')\n"
        "before = size(); e = LocalEmbedder()\n"
        "letters = str.maketrans('0123456789', 'abcdefghij')\n"
        "words = (f' word{n}'.translate(letters) for n in range(100_000))\n"
        "while batch := [next(words, '') * 5 for _ in range(256)]:\n"
        "    asyncio.run(e.embed(batch))\n"
        "    if not batch[-1]: break\n"
        "print(size() - before)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert int(ran.stdout) < 120 * 2**20


def test_a_package_that_is_not_installed_says_what_to_do() -> None:
    with pytest.raises(CouldNotRun) as caught:
        weights.find("wordllama_that_is_not_there")
    assert "not installed" in caught.value.message
    assert "pip install" in (caught.value.hint or "")
    assert "GBRAIN_EMBEDDER=none" in (caught.value.hint or "")


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hollow").mkdir()
    (tmp_path / "hollow" / "__init__.py").write_text("raise RuntimeError('never executed')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CouldNotRun, match=r"l2_supercat_256\.safetensors is not there"):
        weights.find("hollow")


@pytest.mark.parametrize("broken", ["table", "tokenizer"])
def test_a_damaged_file_is_no_crash(tmp_path: Path, broken: str) -> None:
    whole = weights.find()
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"\x00\x01 not a model")
    files = weights.Files(
        table=damaged if broken == "table" else whole.table,
        tokenizer=damaged if broken == "tokenizer" else whole.tokenizer,
    )
    with pytest.raises(CouldNotRun, match="loading the local embedding model") as caught:
        weights.load(files)
    assert caught.value.hint
