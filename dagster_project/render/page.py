"""All that was rendered on one page, phone and desktop side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from dagster_project.render.render import View

# pictures are of the folder itself; a message may name pictures of its shop, and nobody is asked for them
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:; frame-src 'self' about: file:"
_STYLE = """
:root { color-scheme: light dark; --paper: #fafaf8; --text: #222; --faint: #666; --line: #ddd; --quote: #f1f1ee; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1c1b19; --text: #eae7e1; --faint: #a8a39a; --line: #45423d; --quote: #272522; }
}
body { margin: 0 auto; max-width: 1400px; padding: 24px; color: var(--text); background: var(--paper); }
body { font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 16px; }
h2 { font-size: 18px; margin: 40px 0 0; }
nav { columns: 4 200px; }
.small { color: var(--faint); margin: 0 0 12px; }
.looks { display: flex; gap: 24px; align-items: flex-start; }
.looks figure { margin: 0; }
.looks .phone { flex: 0 0 30%; }
.looks .desktop { flex: 1; }
figcaption { color: var(--faint); font-size: 13px; }
img, iframe { width: 100%; border: 1px solid var(--line); border-radius: 6px; }
iframe { height: 640px; background: #fff; }
pre { white-space: pre-wrap; background: var(--quote); padding: 12px; border-radius: 6px; }
@media (max-width: 700px) { .looks { display: block; } }
"""


def page_of(views: Sequence["View"], widths: Mapping[str, int]) -> str:
    """The page as HTML; the files that it shows are beside it."""
    listed = Markup("").join(Markup('<div><a href="#{0}">{0}</a></div>').format(_title(view)) for view in views)
    body = Markup("\n").join(_shown(view, widths) for view in views)
    return Markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="{}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>Templates</title><style>{}</style></head>\n<body><h1>Templates</h1><nav>{}</nav>\n{}\n</body></html>\n"
    ).format(_POLICY, Markup(_STYLE), listed, body)


def _title(view: "View") -> str:
    return f"{view.template} ({view.locale})" if view.locale else view.template


def _shown(view: "View", widths: Mapping[str, int]) -> Markup:
    looks = Markup("").join(
        Markup('<figure class="{0}"><figcaption>{0}, {1} px</figcaption>{2}</figure>').format(
            name, width, _look(view, name)
        )
        for name, width in widths.items()
    )
    return Markup(
        '<h2 id="{0}">{0}</h2><p class="small">{1} · <a href="{2}">HTML</a></p><div class="looks">{3}</div>'
        "<details><summary>Plain text</summary><pre>{4}</pre></details>"
    ).format(_title(view), view.rendered.subject, view.html.name, looks, view.rendered.text)


def _look(view: "View", width: str) -> Markup:
    if picture := view.pictures.get(width):
        return Markup('<img src="{}" alt="" loading="lazy">').format(picture.name)
    # without scripts, forms or a way out
    return Markup('<iframe sandbox="" title="{}" src="{}" loading="lazy"></iframe>').format(
        _title(view), view.html.name
    )
