"""Forms as providers post them."""

from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from activations.collector.providers.face import Posted, RefusedError

Fields = dict[str, list[str]]
_MOST = 500


def fields_of(posted: Posted) -> Fields:
    """The fields of a form, each with all of its values in their order; raises RefusedError."""
    kind = posted.headers.get("content-type", "")
    pairs = _parts(posted, kind) if kind.startswith("multipart/form-data") else _encoded(posted)
    fields: Fields = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _encoded(posted: Posted) -> list[tuple[str, str]]:
    try:
        return parse_qsl(posted.body.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=_MOST)
    except ValueError as error:
        raise RefusedError("its body is no form") from error


def _parts(posted: Posted, kind: str) -> list[tuple[str, str]]:
    whole = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + posted.body)
    parts = [part for part in whole.iter_parts() if not part.get_filename()]
    if not whole.is_multipart() or len(parts) > _MOST:
        raise RefusedError("its body is no form")
    return [
        (str(part.get_param("name", "", "content-disposition")), bytes(part.get_payload(decode=True) or b"").decode())
        for part in parts
    ]
