"""What is asked is embedded as the whole model would, without loading it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbrain.embedding import weights
from gbrain.embedding.question import QuestionModel
from gbrain.embedding.static_model import StaticModel
from gbrain.errors import CouldNotRun
from support.torture import examples

REPOSITORY = Path(__file__).parents[2]
WRITTEN = [
    "how do I keep two databases in step",
    "",
    " \n\t ",
    "▁▁ the mark ▁ itself",
    "<s>struck</s> and <unk>, <0x0A>",
    "naïve café — “quoted”, l’été; «да, нет»",
    "日本語の文章です。한국어 문장 中文",
    "🙂👩‍👩‍👧 \u0000 \u00a0\u200e caf\udce9",
    "snake_case camelCase 0xDEADbeef00 12,345.67",
    "a" * 1000,
    "ab" * (1000 // 2),
]


@pytest.fixture(scope="module")
def whole() -> StaticModel:
    return StaticModel()


@pytest.fixture(scope="module")
def question() -> QuestionModel:
    return QuestionModel()


def real_questions() -> Iterator[str]:
    for file in sorted([*REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("src/**/*.py")]):
        yield from (line[:1000] for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def without_numpy(question: QuestionModel, text: str) -> list[float]:
    numpy = sys.modules.pop("numpy")
    try:
        return question.vector_of(text)
    finally:
        sys.modules["numpy"] = numpy


def check(question: QuestionModel, whole: StaticModel, texts: list[str]) -> None:
    rows = whole.vectors_of(texts).rows
    for text, row in zip(texts, rows, strict=True):
        found = question.vector_of(text)
        assert found == without_numpy(question, text)
        np.testing.assert_allclose(found, row, rtol=0, atol=1e-6)
        assert math.hypot(*found) == pytest.approx(1.0 if row.any() else 0.0)


def test_real_lines_get_the_vectors_of_the_whole_model(question: QuestionModel, whole: StaticModel) -> None:
    lines = sorted(set(real_questions()))[::5]
    assert len(lines) > 1000
    check(question, whole, lines)


@given(text=st.one_of(st.text(max_size=80), st.sampled_from(WRITTEN), st.text("ab ▁<s>/0xA'é日─", max_size=60)))
@settings(max_examples=examples(300), deadline=None)
def test_any_text_gets_the_vector_of_the_whole_model(question: QuestionModel, whole: StaticModel, text: str) -> None:
    check(question, whole, [text])


def test_neither_numpy_nor_the_tokenizer_is_loaded_for_a_question() -> None:
    program = """
import sys
from gbrain.embedding.question import QuestionModel
assert any(QuestionModel().vector_of("what was decided"))
print([name for name in ("numpy", "tokenizers", "safetensors") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("broken", ["table", "tokenizer"])
@pytest.mark.parametrize("kept_bytes", [0, 100, 1_000_000])
def test_files_that_are_cut_short_are_an_error(
    broken: str, kept_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = weights.find()
    (tmp_path / "broken").write_bytes(getattr(files, broken).read_bytes()[:kept_bytes])
    changed = {name: getattr(files, name) for name in ("table", "tokenizer")} | {broken: tmp_path / "broken"}
    monkeypatch.setattr(weights, "find", lambda: weights.Files(**changed))
    with pytest.raises(CouldNotRun, match="reading the local embedding model"):
        QuestionModel()
