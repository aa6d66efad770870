"""What providers publish of their interfaces, and requests of ours as they are held against it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
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


class Discovery:
    """A description of Google's, as it comes with its client: a request with an unknown field is refused."""

    _FORMATS: Mapping[str, str] = {"google-duration": r"[0-9]+(\.[0-9]{1,9})?s"}
    _TYPES: Mapping[str, type] = {"string": str, "boolean": bool, "integer": int, "number": float}

    def __init__(self, name: str) -> None:
        from googleapiclient import discovery_cache

        path = Path(discovery_cache.__file__).parent / "documents" / f"{name}.json"
        self._known = json.loads(path.read_text())

    def url_of(self, *path: str, **parameters: str) -> str:
        """Where a method is called, such as projects, messages, send."""
        *resources, method = path
        known = self._known
        for resource in resources:
            known = known["resources"][resource]
        described = known["methods"][method]
        for name, value in parameters.items():
            assert re.fullmatch(described["parameters"][name]["pattern"], value), value
        where = re.sub(r"\{\+(\w+)\}", lambda match: parameters[match[1]], described["path"])
        return f"{self._known['rootUrl']}{where}"

    def faults(self, schema: str, value: Any) -> list[str]:
        """What is wrong with a body; nothing where it is as described."""
        return list(self._faults({"$ref": schema}, value, schema))

    def _faults(self, schema: Mapping[str, Any], value: Any, at: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._known["schemas"][schema["$ref"]]
        kind = schema.get("type")
        if kind == "object":
            if not isinstance(value, dict):
                yield f"{at} is no object"
                return
            for name, each in value.items():
                described = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
                if described is None:
                    yield f"{at} has no {name}"
                else:
                    yield from self._faults(described, each, f"{at}.{name}")
        elif kind == "array":
            for each in value if isinstance(value, list) else [None]:
                yield from self._faults(schema["items"], each, f"{at}[]")
        elif kind != "any":
            if type(value) is not self._TYPES[kind]:
                yield f"{at} is no {kind}"
            elif "enum" in schema and value not in schema["enum"]:
                yield f"{at} cannot be {value}"
            elif (form := self._FORMATS.get(schema.get("format", ""))) and not re.fullmatch(form, value):
                yield f"{at} is no {schema['format']}"
