"""The sandbox's receiver over HTTP on loopback: of webhooks, each id once, and as the providers that it plays."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from activations.errors import HourbellError
from activations.keys.signing import ID, is_signed, signing_key
from activations.sandbox import (
    chat,
    fcm,
    google_ads,
    hubspot,
    mailgun,
    meta,
    postmark,
    salesforce,
    sendgrid,
    ses,
    twilio,
    vonage,
    web_push,
    whatsapp,
)
from activations.sandbox.records import Asked, Player, Records
from activations.sandbox.reply import HOST, SECRET, ProviderAnswer, Reply
from activations.sandbox.webhooks import Call, WebhookStore

# as large a call as any provider takes
_SIZE_LIMIT = 64 * 1024 * 1024


PROVIDERS: Mapping[str, Callable[[str, Mapping[str, str], bytes], ProviderAnswer]] = {
    "fcm": fcm.answer,
    "mailgun": mailgun.answer,
    "postmark": postmark.answer,
    "sendgrid": sendgrid.answer,
    "ses": ses.answer,
    "slack": chat.slack,
    "teams": chat.teams,
    "twilio": twilio.answer,
    "vonage": vonage.answer,
    "web_push": web_push.answer,
    "whatsapp": whatsapp.answer,
}
"""By the first part of the path."""
PLAYERS: Mapping[str, Player] = {
    "google_ads": google_ads.play,
    "hubspot": hubspot.play,
    "meta": meta.play,
    "salesforce": salesforce.play,
}
"""The same, of those who remember what they were told."""

Script = Callable[[str], Reply | None]


class HttpSandbox:
    """Accepts and keeps webhooks in a folder; a context manager that runs in a thread of its own.

    `now` is the time that is noted as received, and by which signatures are fresh. `before` and `after` may answer for
    a webhook by its id, or for a message to a provider by its recipient, before it is kept and afterwards; what they
    leave is accepted, or answered as the provider does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        now: Callable[[], datetime],
        before: Script | None = None,
        after: Script | None = None,
    ) -> None:
        self.folder = folder
        self.port = port
        self._now = now
        self._before = before
        self._after = after
        self._key = signing_key(SECRET)
        self._store: WebhookStore | None = None
        self._records: Records | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="webhook sandbox", daemon=True)
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._waiting: list[tuple[Call, asyncio.Future[None]]] = []

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._store, self._records = WebhookStore(self.folder), Records(self.folder)
        try:
            # asyncio turns Nagle's algorithm off only where the protocol is named
            self._listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listening.bind((HOST, self.port))
        except OSError as error:
            self._store.close()
            self._records.close()
            raise HourbellError(
                f"The sandbox cannot listen on {HOST}:{self.port}: {error.strerror}. Give it another port."
            ) from error
        self.port = self._listening.getsockname()[1]
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._store is not None:
            self._store.close()
        if self._records is not None:
            self._records.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        larger = partial(web.BaseRequest, loop=self._loop, client_max_size=_SIZE_LIMIT)
        runner = web.ServerRunner(web.Server(self._answer, request_factory=larger, access_log=None))
        await runner.setup()
        await web.SockSite(runner, self._listening, shutdown_timeout=0.1).start()
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        name = request.path.split("/")[1]
        said = PROVIDERS[name](request.path, request.headers, body) if name in PROVIDERS else None
        player = PLAYERS.get(name)
        asked = Asked(request.method, request.path.removeprefix(f"/{name}"), request.query, request.headers, body)
        key = request.headers.get(ID, "") if said is None else said.recipient
        key = asked.name if player is not None else key
        reply = self._before(key) if self._before is not None else None
        if reply is None:
            now = self._now()
            if player is not None and self._records is not None:
                said = player(asked, self._records, now)
            call = Call(
                endpoint=request.path.strip("/") if said is None else name,
                webhook_id=key,
                idempotency_key=request.headers.get("idempotency-key", ""),
                headers=dict(request.headers),
                body=body,
                is_signed=is_signed(self._key, request.headers, body, now=int(now.replace(tzinfo=UTC).timestamp())),
                received_at=now,
            )
            if said is None:
                await asyncio.gather(*(self._keep(each) for each in _each(call)))
            else:
                taken = said.taken if said.message_id is None else [(said.message_id, body)]
                await asyncio.gather(
                    *(self._keep(replace(call, webhook_id=one, body=text, is_signed=True)) for one, text in taken)
                )
            reply = self._after(key) if self._after is not None else None
            if reply is None and said is not None:
                reply = said.reply
        if reply is not None and reply.wait and self._stop is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), reply.wait)
        if reply is not None and not reply.status:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if reply is None:
            return web.Response()
        return web.Response(status=reply.status, headers=reply.headers, text=reply.text)

    def _keep(self, call: Call) -> asyncio.Future[None]:
        """Keep what comes in at the same moment together; done when it is kept."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((call, future))
        return future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        assert self._store is not None
        self._store.append([call for call, _ in waiting])
        for _, future in waiting:
            if not future.done():
                future.set_result(None)


def _each(call: Call) -> list[Call]:
    """The webhooks of a call, each under its own id where it carries a batch."""
    if not call.body.startswith(b"["):
        return [call]
    return [
        replace(call, webhook_id=str(item.get("id", "")), body=json.dumps(item, ensure_ascii=False).encode())
        for item in json.loads(call.body)
    ]
