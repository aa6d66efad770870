"""Providers' webhooks: believed by their signatures, and kept as one set of events whoever they are of."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from activations.collector.collector import Collector
from activations.collector.engagement import Rows, rows_of
from activations.collector.posted import plainly
from activations.collector.providers.face import NotSetUpError, Posted, Provider, RefusedError, Report
from activations.collector.providers.registry import PROVIDERS
from activations.collector.requests import MEBIBYTE, in_form, read_body
from activations.settings.shop import read_shop

PATH = "/webhooks/"
LIMIT = 5 * MEBIBYTE
_REMEMBERED = 100_000

log = logging.getLogger(__name__)


class Remembered:
    """What was reported lately, and when first: a provider that names no time is taken at its first word."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._first: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()

    def first(self, key: str, said: bytes, now: datetime) -> tuple[datetime, bytes]:
        """When something was said first, and a digest of what."""
        if key not in self._first:
            self._first[key] = (now, said)
            if len(self._first) > self._most:
                self._first.popitem(last=False)
        return self._first[key]


def routes(collector: Collector) -> list[BaseRoute]:
    """One path a provider."""
    remembered = Remembered()
    origin = urlsplit(read_shop(collector.templates).tracking_url)

    async def post(request: Request) -> Response:
        provider = PROVIDERS.get(request.path_params["provider"])
        if provider is None:
            return _refused(404)
        body = await read_body(request, LIMIT)
        query = f"?{request.url.query}" if request.url.query else ""
        posted = Posted(
            # what is in front of us ends TLS, and may call us by another name than the one that was signed
            f"{origin.scheme}://{origin.netloc}{request.url.path}{query}",
            {name.lower(): value for name, value in request.headers.items()},
            body,
        )
        try:
            reports = dated(provider, provider.receive(posted, collector.secrets, collector.now()), posted)
        except NotSetUpError as missing:
            log.warning("%s posts to us, and there is no secret %s by which to believe it.", provider.name, missing)
            return _refused(404)
        except RefusedError as refused:
            log.warning("A webhook that says it is of %s was refused: %s.", provider.name, refused)
            return _refused(400)
        if url := provider.asks(posted):
            log.warning("%s asks to be let in. If that is what you want, open %s", provider.name, url)
        await keep(collector, rows_of(provider.name, reports, collector.now()))
        content, kind = provider.thanks
        return Response(content, media_type=kind)

    def dated(provider: Provider, reports: Sequence[Report], posted: Posted) -> list[Report]:
        """The reports with the time at which each was made first."""
        said, found = hashlib.sha256(posted.body).digest(), []
        for report in reports:
            at, before = remembered.first(f"{provider.name}/{report.dedupe}", said, collector.now())
            if before != said and not provider.signs_body:
                raise RefusedError("it says something else than it said before, by the same signature")
            found.append(replace(report, occurred_at=report.occurred_at or at))
        return found

    async def greet(request: Request) -> Response:
        provider = PROVIDERS.get(request.path_params["provider"])
        if provider is None or provider.greet is None:
            return _refused(404)
        try:
            return PlainTextResponse(provider.greet(dict(request.query_params), collector.secrets))
        except (NotSetUpError, RefusedError) as refused:
            log.warning("%s was not greeted: %s.", provider.name, refused)
            return _refused(403)

    path = f"{PATH}{{provider}}"
    return [Route(path, in_form(plainly, post), methods=["POST"]), Route(path, greet, methods=["GET"])]


async def keep(collector: Collector, rows: Rows) -> None:
    """Keep rows of several tables; they are on disk when this returns."""
    await asyncio.gather(*(collector.store.append(table, found) for table, found in rows.items() if found))


def _refused(status: int) -> Response:
    """Whoever calls learns nothing from it."""
    return PlainTextResponse("refused\n", status)
