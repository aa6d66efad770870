"""Vega-Lite, as a script of our own site, and what pages draw with it."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import altair
import vl_convert
from jsonschema import ValidationError

from activations.durable import write_whole
from activations.errors import HourbellError

# that of the schema by which charts are judged
VERSION = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])


def script(cache: Path) -> bytes:
    """Vega, Vega-Lite and vega-embed as one script. It is put together once for each version, which takes seconds."""
    path = cache / f"charts-{version('vl-convert-python')}-{VERSION}.js"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # by itself it would leave a hundred names of one letter to every other script
        bundle = vl_convert.javascript_bundle(None, VERSION)  # type: ignore[arg-type]
        write_whole(path, f"(() => {{{bundle}\n}})();\n".encode())
    return path.read_bytes()


def check(spec: Mapping[str, Any]) -> None:
    """Whether a chart is one by the schema of Vega-Lite; raises HourbellError where it is none."""
    try:
        altair.Chart.from_dict({"data": {"name": "rows"}, **spec}, validate=True)
    except ValidationError as error:
        raise HourbellError(f"Vega-Lite does not take it: {error.message.splitlines()[0]}") from error
