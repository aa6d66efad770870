"""Pages from templates, with what browsers are told to keep them safe."""

from functools import cache
from pathlib import Path
from typing import Any

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError
from liquid.undefined import FalsyStrictUndefined
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from activations.errors import HourbellError
from activations.settings.shop import read_shop

FOLDER = Path(__file__).resolve().parent
OWN = "_pages"
"""Where a shop puts pages of its own among its templates, by the same names: in its own words, or language."""
STYLE_PATH = "/pages.css"
_LAYOUT = "layout"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}


class Pages:
    """The pages of a shop. Raises HourbellError where one cannot be read."""

    def __init__(self, templates: Path) -> None:
        self._folders = (templates / OWN, FOLDER)
        self._environment = Environment(autoescape=True, undefined=FalsyStrictUndefined)
        self.shop = read_shop(templates)
        self._read = cache(self._parse)
        for path in FOLDER.glob("*.html.liquid"):
            self._read(path.name.removesuffix(".html.liquid"))

    def show(self, name: str, *, status: int = 200, headers: dict[str, str] | None = None, **fields: Any) -> Response:
        """A page by its name."""
        known = {"shop": self.shop.as_fields(), "style": STYLE_PATH, **fields}
        inside = self._read(name).render(**known)
        # what is inside was escaped when it was rendered
        whole = self._read(_LAYOUT).render(**known).replace("<!-- inside -->", inside)
        return HTMLResponse(whole, status, {**HEADERS, **(headers or {})})

    def not_ours(self) -> Response:
        """What is said of a link that we did not make, or that was changed."""
        return self.show("not_ours", status=400, title="This link does not work")

    def style(self) -> Response:
        return PlainTextResponse((FOLDER / "pages.css").read_text(), media_type="text/css", headers=_STYLE_HEADERS)

    def _parse(self, name: str) -> BoundTemplate:
        path = next((found for folder in self._folders if (found := folder / f"{name}.html.liquid").exists()), None)
        if path is None:
            raise HourbellError(f"There is no page {name!r} in {self._folders[0]}. Put {name}.html.liquid there.")
        try:
            return self._environment.from_string(path.read_text(encoding="utf-8"), name=path.name)
        except (OSError, LiquidError) as error:
            raise HourbellError(f"The page {path} cannot be read: {error}. Mend it.") from error


_STYLE_HEADERS = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
