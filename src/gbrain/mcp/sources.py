"""The tools `list_sources` and `sources_status`: what the command line tells, of the sources the caller may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gbrain.app.plainly import plainly
from gbrain.documents.sources import described
from gbrain.documents.status import document
from gbrain.domain.health import Health, Staleness
from gbrain.domain.models import NONE
from gbrain.domain.source import Strategy
from gbrain.mcp import schemas
from gbrain.mcp.cursors import cursor, position
from gbrain.mcp.schemas import Schema, asked, several, told
from gbrain.mcp.tools import Call, Tool
from gbrain.services.reading import seen_dashboard, seen_sources

MOST_SOURCES = 500
_USUAL = 100


async def _list(call: Call) -> dict[str, Any]:
    with plainly(call.brain):
        found = await call.brain.ask(lambda conn: seen_sources(conn, call.access))
    rows = [described(state) for state in found]
    return {"sources_count": len(rows), **_page("list_sources", call.arguments, rows)}


async def _status(call: Call) -> dict[str, Any]:
    with plainly(call.brain):
        found = await call.brain.ask(lambda conn: seen_dashboard(conn, call.access))
    told_of = document(found.without_embeddings if call.brain.settings.embedder == NONE else found)
    return {
        "embedding_column": told_of["embedding_column"],
        "unacknowledged_failures": told_of["unacknowledged_failures"],
        "sources_count": len(told_of["sources"]),
        **_page("sources_status", call.arguments, told_of["sources"]),
        # Its numbers are of all sources together.
        "embedding": told_of["embedding"] if call.access.sources is None else None,
    }


def _page(tool: str, arguments: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """As many rows as are wanted, behind the cursor, and where it goes on."""
    behind, limit = position(tool, arguments, str), int(arguments.get("limit", _USUAL))
    left = [row for row in rows if behind is None or row["source_id"] > behind]
    more = cursor(tool, arguments, left[limit - 1]["source_id"]) if len(left) > limit else None
    return {"sources": left[:limit], "next_cursor": more}


_PAGED: dict[str, Schema] = {"limit": schemas.limit(_USUAL, MOST_SOURCES), "cursor": schemas.CURSOR}

LIST_SOURCES = Tool(
    name="list_sources",
    title="List the sources",
    description="The sources that you may see, by id, with their settings and the commit each is at.",
    input=asked(**_PAGED),
    output=told(
        sources_count=schemas.COUNT | {"description": "How many there are in all."},
        sources=several(
            told(
                source_id=schemas.SOURCE_ID,
                name=schemas.TEXT,
                host=schemas.MAYBE_TEXT,
                local_path=schemas.MAYBE_TEXT,
                is_plain_folder=schemas.FLAG,
                url=schemas.MAYBE_TEXT,
                branch=schemas.MAYBE_TEXT,
                subdir=schemas.MAYBE_TEXT,
                strategy={"enum": [*map(str, Strategy)]},
                include=several(schemas.TEXT),
                exclude=several(schemas.TEXT),
                federated=schemas.FLAG | {"description": "Whether it is searched when no source is named."},
                sync_enabled=schemas.FLAG,
                max_age_hours=schemas.MAYBE_NUMBER,
                interval_s=schemas.MAYBE_NUMBER,
                archived_at=schemas.INSTANT,
                is_default=schemas.FLAG,
                last_commit=schemas.MAYBE_TEXT,
                content_at=schemas.INSTANT,
            )
        ),
        next_cursor=schemas.NEXT_CURSOR,
    ),
    answer=_list,
)

_RUN = told(
    host=schemas.TEXT,
    pid=schemas.COUNT,
    started_at=schemas.INSTANT,
    phase=schemas.TEXT,
    done=schemas.COUNT,
    total=schemas.MAYBE_NUMBER,
    rate_per_s=schemas.MAYBE_NUMBER,
    eta_s=schemas.MAYBE_NUMBER,
)

_FILL = told(
    model=schemas.TEXT,
    host=schemas.TEXT,
    pid=schemas.COUNT,
    started_at=schemas.INSTANT,
    done=schemas.COUNT,
    total=schemas.MAYBE_NUMBER,
    rate_per_s=schemas.MAYBE_NUMBER,
    eta_s=schemas.MAYBE_NUMBER,
    cools_until=schemas.INSTANT,
    trouble=schemas.MAYBE_TEXT,
)

SOURCES_STATUS = Tool(
    name="sources_status",
    title="How fresh the sources are",
    description=(
        "How fresh and how complete each source is that you may see, and what runs at the moment. Totals are of these "
        "sources alone. `embedding` is for callers that see all sources."
    ),
    input=asked(**_PAGED),
    output=told(
        embedding_column=schemas.MAYBE_TEXT | {"description": "The model whose embeddings are counted."},
        unacknowledged_failures=schemas.COUNT,
        sources_count=schemas.COUNT | {"description": "How many sources there are in all."},
        sources=several(
            told(
                source_id=schemas.SOURCE_ID,
                name=schemas.TEXT,
                host=schemas.MAYBE_TEXT,
                local_path=schemas.MAYBE_TEXT,
                url=schemas.MAYBE_TEXT,
                federated=schemas.FLAG,
                sync_enabled=schemas.FLAG,
                last_sync_at=schemas.INSTANT,
                last_attempt_at=schemas.INSTANT,
                last_attempt_status=schemas.MAYBE_TEXT,
                staleness_hours=schemas.MAYBE_NUMBER,
                staleness_class={"enum": [*map(str, Staleness)]},
                max_age_hours=schemas.MAYBE_NUMBER,
                last_commit=schemas.MAYBE_TEXT,
                content_at=schemas.INSTANT,
                pages=schemas.COUNT,
                chunks_total=schemas.COUNT,
                chunks_unembedded=schemas.COUNT,
                embedding_coverage_pct=schemas.MAYBE_NUMBER,
                failures_open=schemas.COUNT,
                failures_acknowledged=schemas.COUNT,
                running={"anyOf": [_RUN, {"type": "null"}]},
                health={"enum": [*map(str, Health)]},
                reasons=several(schemas.TEXT),
            )
        ),
        next_cursor=schemas.NEXT_CURSOR,
        embedding={
            "anyOf": [
                told(
                    model=schemas.TEXT,
                    filling={"anyOf": [told(model=schemas.TEXT, coverage_pct=schemas.NUMBER), {"type": "null"}]},
                    fills=several(_FILL),
                ),
                {"type": "null"},
            ]
        },
    ),
    answer=_status,
)
