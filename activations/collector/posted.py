"""Forms that people and mailboxes post."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from activations.collector.providers.face import Posted, RefusedError
from activations.collector.providers.form import fields_of
from activations.collector.requests import RefusedError as RequestRefusedError
from activations.collector.requests import read_body

_LIMIT = 64 * 1024


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, encoded or in parts, each with its first value; an empty one where there is none."""
    body = await read_body(request, _LIMIT)
    posted = Posted("", {"content-type": request.headers.get("content-type", "")}, body)
    try:
        return {name: values[0] for name, values in fields_of(posted).items()}
    except (RefusedError, UnicodeDecodeError) as error:
        raise RequestRefusedError(400, "invalid_form", "The form cannot be read.") from error


def plainly(refused: RequestRefusedError) -> Response:
    """A refusal, as a sentence."""
    return PlainTextResponse(f"{refused.message}\n", refused.status)
