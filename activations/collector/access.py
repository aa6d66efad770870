"""Who asks, and which pages may: what the routes of the surfaces have in common.

A token stands in the header Authorization and never in a cookie, so that a page of somebody else can make nobody's
browser send it along. CORS lets the shop's own pages read the answers, and nobody else's.
"""

from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from activations.collector.collector import Collector
from activations.collector.requests import bearer
from activations.settings.shop import read_shop
from activations.surfaces.tokens import Viewer, viewer_of
from activations.surfaces.website import read_website

_SECONDS_REMEMBERED = 600
PRIVATE = {"cache-control": "private, no-store"}


def cors(collector: Collector) -> list[Middleware]:
    """What lets pages of the shop's origin, and of those that website.yml names, ask from a browser."""
    parts = urlsplit(read_shop(collector.templates).url)
    origins = [f"{parts.scheme}://{parts.netloc}", *read_website(collector.templates).origins]
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "If-None-Match"],
            expose_headers=["ETag"],
            allow_credentials=False,
            max_age=_SECONDS_REMEMBERED,
        )
    ]


def viewer(collector: Collector, request: Request) -> Viewer | None:
    """Who asks; None where no token of ours says so."""
    token = bearer(request)
    return None if token is None else viewer_of(token, collector.profile.link_key, collector.now())


def unknown_viewer() -> Response:
    """The answer to whom no token of ours names."""
    return JSONResponse(
        {"error": "a token of this contact is needed"}, 401, {"www-authenticate": 'Bearer realm="hourbell"', **PRIVATE}
    )
