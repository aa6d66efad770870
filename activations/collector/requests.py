"""What a request carries: its body within bounds, JSON, and the key that says who sends it."""

import asyncio
import base64
import binascii
import json
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from activations.collector.write_keys import WriteKeys

MEBIBYTE = 1024 * 1024
_PATIENCE = 30.0


class RefusedError(Exception):
    """A request that is not taken: a status of HTTP, a word for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


Handler = Callable[[Request], Awaitable[Response]]


def in_form(refusal: Callable[[RefusedError], Response], handler: Handler) -> Handler:
    """A handler whose refusals are answered in the form that its callers know."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusedError as refused:
            return refusal(refused)
        except ClientDisconnect:
            # nobody hears this
            return Response(status_code=400)

    return answer


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON; raises RefusedError."""
    return parse_json(await read_body(request, limit))


async def read_body(request: Request, limit: int) -> bytes:
    """The body, unpacked, of no more than so many bytes; raises RefusedError."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise RefusedError(415, "unsupported_encoding", f"The content-encoding {encoding} is not known; gzip is.")
    if (request.headers.get("content-length") or "0").isdigit():
        _within(int(request.headers.get("content-length") or 0), limit)
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                _within(len(body), limit)
    except TimeoutError as error:
        raise RefusedError(408, "timeout", f"The body did not come within {_PATIENCE:.0f} seconds.") from error
    return _unpacked(bytes(body), limit) if encoding == "gzip" else bytes(body)


def parse_json(body: bytes) -> Any:
    """JSON; what Python's own json writes beyond the standard (NaN, Infinity, halves of characters) does no harm."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as strict:
        try:
            text = body.decode()
            return json.loads(text, parse_constant=lambda _: None)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "invalid_json", f"The body is no JSON: {strict}.") from error


def needs_json(request: Request) -> None:
    """Any page can make a browser post a form or plain text to us, with the password that the browser keeps."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(400, "invalid_content_type", "The content-type must be application/json.")


def basic_user(request: Request) -> str | None:
    """The user of basic authentication; None where there is none."""
    return _credentials(request, "basic")


def bearer(request: Request) -> str | None:
    """The token of a bearer; None where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def source_of(keys: WriteKeys, *given: object) -> str:
    """Whose key is given, the first that is; raises RefusedError where it is nobody's."""
    key = next((key for key in given if isinstance(key, str) and key), None)
    if key is None:
        raise RefusedError(401, "invalid_write_key", "No write key was given.")
    source = keys.source_of(key)
    if source is None:
        raise RefusedError(401, "invalid_write_key", "The write key is not known.")
    return source


def _credentials(request: Request, scheme: str) -> str | None:
    said, _, encoded = request.headers.get("authorization", "").partition(" ")
    if said.lower() != scheme:
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


def _within(size: int, limit: int) -> None:
    if size > limit:
        raise RefusedError(413, "payload_too_large", f"The body is larger than {limit // 1024:,} KiB.")


def _unpacked(body: bytes, limit: int) -> bytes:
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise RefusedError(400, "invalid_encoding", "The body is not what gzip packs.") from error
    _within(len(unpacked), limit)
    if not reader.eof:
        raise RefusedError(400, "invalid_encoding", "The body, packed by gzip, has no end.")
    return unpacked


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """An object of JSON, empty where there is none; raises RefusedError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RefusedError(400, "invalid_request", f"{name} is no object.")
    return value
