"""A process with a reference to a home's server: opens, asks, tells in JSON, leaves when its input ends."""

import json
import sys
from pathlib import Path

import psycopg

from gbrain.errors import GbrainError
from gbrain.postgres.embedded import EmbeddedServer


def main(home: Path, rounds: int) -> None:
    said: list[str] = []
    for _ in range(rounds):
        with EmbeddedServer.open(home, say=said.append) as server:
            answer = _ask(server.conninfo)
    with EmbeddedServer.open(home, say=said.append) as server:
        answer = _ask(server.conninfo)
        _tell({**answer, "conninfo": server.conninfo, "said": said})
        sys.stdin.read()


def _ask(conninfo: str) -> dict[str, object]:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row is not None
    return {"role": row[0], "database": row[1]}


def _tell(words: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]))
    except GbrainError as error:
        _tell({"error": type(error).__name__, "message": error.message, "hint": error.hint})
        sys.exit(error.exit_code)
