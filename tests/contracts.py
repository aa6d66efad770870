"""What providers publish of their interfaces, and requests of ours as they are held against it."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

SPECS = Path(__file__).resolve().parents[2] / "shared" / "specs"


class Contract:
    """A provider's own description of its requests; the test is skipped where it is not here."""

    def __init__(self, file: str) -> None:
        path = SPECS / file
        if not path.exists():
            pytest.skip(f"../shared/specs/{file} is not here")
        self._api = OpenAPI.from_dict(json.loads(path.read_text()))

    def fault(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """What it finds wrong with a post; None where it takes it."""
        try:
            self._api.validate_request(_Request(url, headers, body))
        except OpenAPIError as error:
            return f"{type(error).__name__}: {error.__cause__ or error}"
        return None


class _Request:
    """As openapi-core wants to be shown one."""

    method = "post"

    def __init__(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        parts = urlsplit(url)
        self.host_url, self.path, self.body = f"{parts.scheme}://{parts.netloc}", parts.path, body
        self.content_type = headers["content-type"]
        self.parameters = RequestParameters(ImmutableMultiDict(), Headers(dict(headers)))
