"""The local model as the `wordllama` wheel carries it: where its two files are, which they are, what is in them.

The package itself is never imported: it takes a third of a second, looks for the tokenizer where it is not, and sets up
logging for the whole process.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbrain.errors import CouldNotRun

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HINT = (
    "install it into the Python that runs gbrain with `pip install 'wordllama>=0.4,<0.5'`, "
    "or set GBRAIN_EMBEDDER=none to go without vectors"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The two files of the model."""

    table: Path
    tokenizer: Path

    def digest(self) -> str:
        """Twelve hex digits of the two files' hashes, as the wheel was recorded; of their bytes where it was not."""
        home = self.table.parent.parent
        hashes = _recorded(home)
        names = [str(file.relative_to(home.parent)) for file in (self.table, self.tokenizer)]
        known = [hashes.get(name) or hashlib.sha256(_bytes_of(home.parent / name)).hexdigest() for name in names]
        return hashlib.sha256(" ".join(known).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The vector of each token; the numbers of a piece's tokens; the numbers of what is a token wherever it stands."""

    table: NDArray[np.float32]
    tokenize: Callable[[str], list[int]]
    special: dict[str, int]


def find(package: str = "wordllama") -> Files:
    """The files of the installed package, which is not executed; CouldNotRun where it or one of them is missing."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CouldNotRun(f"the local embedding model was looked for, and {package} is not installed", hint=HINT)
    home = Path(spec.submodule_search_locations[0])
    return Files(
        table=_there(home / "weights" / "l2_supercat_256.safetensors"),
        tokenizer=_there(home / "tokenizers" / "l2_supercat_tokenizer_config.json"),
    )


def load(files: Files) -> Weights:
    """What the files hold, in about 0.1 s and 65 MiB of memory; CouldNotRun where they cannot be read."""
    from safetensors.numpy import load as tensors
    from tokenizers import Tokenizer

    try:
        table = tensors(_bytes_of(files.table))["embedding.weight"].astype("float32")
        tokenizer = Tokenizer.from_buffer(_bytes_of(files.tokenizer))
    except Exception as error:  # tokenizers raises Exception itself
        home = files.table.parent.parent
        raise CouldNotRun(f"loading the local embedding model from {home}: {error}", hint=HINT) from error
    return Weights(table=table, tokenize=_of(tokenizer.model), special=_special(tokenizer))


def _recorded(home: Path) -> dict[str, str]:
    """The hash of each installed file of the package, by its path: what was installed is not read again to know it."""
    found = {}
    for record in home.parent.glob(f"{home.name}-*.dist-info/RECORD"):
        for line in record.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, rest = line.partition(",")
            found[name] = rest.partition(",")[0].removeprefix("sha256=")
    return found


def _of(model: Any) -> Callable[[str], list[int]]:
    return lambda piece: [token.id for token in model.tokenize(piece)]


def _special(tokenizer: Any) -> dict[str, int]:
    return {token.content: number for number, token in tokenizer.get_added_tokens_decoder().items()}


def _there(file: Path) -> Path:
    if not file.is_file():
        raise CouldNotRun(f"the local embedding model was looked for, and {file} is not there", hint=HINT)
    return file


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CouldNotRun(f"reading {file} of the local embedding model: {error.strerror}", hint=HINT) from error
