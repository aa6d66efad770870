"""The collector as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from activations.collector.collector import Collector
from activations.collector.registry import ROUTES
from activations.errors import HourbellError


def create_app(collector: Collector) -> Starlette:
    """All that the collector answers. When it stops, what waits in its store is written."""
    surfaces = collector.surfaces

    @asynccontextmanager
    async def until_stopped(_: Starlette) -> AsyncIterator[None]:
        # nobody waits for it: events come in meanwhile
        looking = None if surfaces is None else asyncio.create_task(asyncio.to_thread(surfaces.look))
        yield
        await collector.store.close()
        if surfaces is not None and looking is not None:
            await looking
            surfaces.close()

    routes = [route for module in ROUTES for route in module(collector)]
    return Starlette(
        routes=[Route("/health", _health), *routes],
        exception_handlers={HourbellError: _come_again},
        lifespan=until_stopped,
    )


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _come_again(_: Request, error: Exception) -> Response:
    """Nothing was kept, and nothing is wrong with the request: whoever sent it sends it again."""
    return JSONResponse({"error": str(error)}, 503, {"retry-after": "5"})
