"""Whether each setting of the embedded server pays: pairs of runs, with our value and with PostgreSQL's own.

The load was a first sync's dearest part until words were indexed by us: COPY of texts into a table with a generated
search column and a GIN index, four connections at once, durable. Prints a table; run it on a quiet machine, as
`python -m benchmarks.settings`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from gbrain.postgres.embedded import EmbeddedServer, destroy

CONNECTIONS = 4
CANDIDATES = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "jit": "off",
    "io_method": "sync",
    "wal_buffers": "32MB",
    "wal_compression": "pglz",
    "huge_pages": "off",
    "gin_pending_list_limit": "32MB",
    "autovacuum": "off",
    "backend_flush_after": "1MB",
    "synchronous_commit": "off",
}
"""What may be worth setting; the last, which is not ours to give up, shows what durability costs."""

NEEDED_WITH = {"wal_level": {"max_wal_senders": "0"}}


def main() -> None:
    """Measures every candidate, or those named, and prints a line for each as it comes."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("names", nargs="*", default=list(CANDIDATES))
    words.add_argument("--pairs", type=int, default=5)
    words.add_argument("--texts", type=int, default=8000)
    given = words.parse_args()
    texts = some_texts(given.texts)
    print(f"{'setting':24} {'tried':>8} {'default':>8} {'tried s':>8} {'default s':>9} {'gain':>7}")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            defaults = boot_values(home)
            seconds(home, texts, {})
            for name in given.names:
                print_pairs(home, texts, name, defaults[name], given.pairs)
        finally:
            destroy(home)


def print_pairs(home: Path, texts: list[str], name: str, default: str, pairs: int) -> None:
    """One line: medians of both, and the median gain within pairs; the first of a pair takes turns."""
    tried = {**NEEDED_WITH.get(name, {}), name: CANDIDATES[name]}
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(2 * pairs):
        which = (turn + turn // 2) % 2
        times[which].append(seconds(home, texts, tried if which == 0 else {name: default}))
    gain = statistics.median(1 - ours / theirs for ours, theirs in zip(*times, strict=True))
    ours, theirs = map(statistics.median, times)
    print(f"{name:24} {CANDIDATES[name]:>8} {default:>8} {ours:8.2f} {theirs:9.2f} {gain:7.1%}", flush=True)


def boot_values(home: Path) -> dict[str, str]:
    """PostgreSQL's own value of every setting, with its unit."""
    with EmbeddedServer.open(home, say=tell) as server, psycopg.connect(server.conninfo) as connection:
        rows = connection.execute("SELECT name, boot_val, coalesce(unit, '') FROM pg_settings").fetchall()
    blocks = {"8kB": 8, "16MB": 16}
    values = {}
    for name, value, unit in rows:
        scaled = (
            f"{int(value) * blocks[unit]}{unit.lstrip('0123456789')}" if unit in blocks and value[0] != "-" else None
        )
        values[name] = scaled or (value if value is None or value[:1] == "-" else value + unit)
    return values


def seconds(home: Path, texts: list[str], settings: Mapping[str, str]) -> float:
    """How long the load takes on a server started with these settings, in a new table, what GIN put off included."""
    with EmbeddedServer.open(home, say=tell, settings=settings) as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS load")
            connection.execute(
                "CREATE TABLE load (id bigint, text text, search tsvector"
                " GENERATED ALWAYS AS (to_tsvector('english', text)) STORED)"
            )
            connection.execute("CREATE INDEX ON load USING gin (search)")
            connection.execute("CHECKPOINT")
        writers = [
            threading.Thread(target=write, args=(server.conninfo, texts[part::CONNECTIONS]))
            for part in range(CONNECTIONS)
        ]
        began = time.perf_counter()
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("SELECT gin_clean_pending_list('load_search_idx')")
        return time.perf_counter() - began


def write(conninfo: str, texts: list[str]) -> None:
    """Copies the texts in transactions of 250, as a sync's batches do."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for start in range(0, len(texts), 250):
            with connection.transaction(), connection.cursor().copy("COPY load (id, text) FROM STDIN") as copy:
                for number, text in enumerate(texts[start : start + 250], start):
                    copy.write_row((number, text))


def some_texts(count: int) -> list[str]:
    """Texts of about 1.2 KB whose words are as unevenly frequent as those of a language; the same in every run."""
    chance = random.Random(1)
    vocabulary = ["".join(chance.choices("etaoinshrdlucm", k=chance.randint(2, 11))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    return [" ".join(chance.choices(vocabulary, weights, k=160)) for _ in range(count)]


def tell(line: str) -> None:
    """Passes on what the server's start has to say."""
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
