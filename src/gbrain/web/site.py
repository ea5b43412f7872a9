"""Everything that is served over HTTP, by path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gbrain.app.brain import Brain
from gbrain.app.searching import Searcher
from gbrain.web.agents import agents_of
from gbrain.web.answers import answer, error
from gbrain.web.guarding import Guard


def site_of(brain: Brain, names: Collection[str]) -> Starlette:
    """The site over an open brain, which may be called by these names."""
    searcher = Searcher(brain)
    agents, manager = agents_of(searcher)

    @asynccontextmanager
    async def lifespan(site: Starlette) -> AsyncIterator[None]:
        try:
            async with manager.run():
                yield
        finally:
            await searcher.close()

    return Starlette(
        routes=[Route("/healthz", _is_there, methods=["GET"]), Route("/mcp", agents)],
        middleware=[Middleware(Guard, names=names)],
        exception_handlers={HTTPException: _is_wrong, Exception: _is_broken},
        lifespan=lifespan,
    )


async def _is_there(request: Request) -> Response:
    """That the process answers, and nothing else."""
    return answer({"status": "ok"})


async def _is_wrong(request: Request, found: Exception) -> Response:
    status, headers = (found.status_code, found.headers) if isinstance(found, HTTPException) else (500, None)
    code = {404: "not_found", 405: "wrong_method"}.get(status, "bad_request")
    hint = "there are /healthz and, for agents, /mcp"
    return error(status, code, f"{request.method} does not lead anywhere here", hint, headers=headers)


async def _is_broken(request: Request, found: Exception) -> Response:
    return error(500, "internal", "the request failed", "this is a defect of gbrain; its standard error says more")
