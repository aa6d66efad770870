"""Great Expectations' Data Docs and dbt's docs, linked from one page, and asking no other host for anything."""

import html
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import duckdb

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.landing.data_docs import Landed, Page, write_data_docs
from dagster_project.registry import steps_by_workflow
from dagster_project.reports.pages import read_pages
from dagster_project.reports.site import DATA_DOCS, DBT_DOCS, PAGES, SITE
from dagster_project.ticks.transform import manifest, write_docs_of_models
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse

INDEX = "index.html"
# as exposures name a page, seen from dbt's docs where they are written by default
_PAGE_URL = "../../reports/site/"

# whatever a page still names, a browser asks nobody but the page's own folder
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'self\' file: data: blob: '
    "'unsafe-inline' 'unsafe-eval'\">"
)
_OUTSIDE = re.compile(
    r"<script\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>\s*</script>"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>"
    r"|<img\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<iframe\b[^>]*>.*?</iframe>"
    r"|@import[^;]*;"
    r"|background(?:-image)?:\s*url\([\"']?(?:https?:)?//[^)]*\)[^;}]*;?",
    re.IGNORECASE | re.DOTALL,
)
_STYLE = (
    "<style>body{font-family:sans-serif;margin:2rem;max-width:60rem;line-height:1.5}"
    "td{padding:.2rem 1rem .2rem 0}</style>"
)


def write_docs(home: Home, folder: Path) -> list[Page]:
    """Build all pages into a folder, in place of what is there. The caller holds the lock.

    Raises HourbellError where they cannot be written; what is there stays.
    """
    prepare_warehouse(home)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        pages = write_data_docs(unfinished / DATA_DOCS, last_landed(home))
        # its own is drawn by scripts of other hosts
        site = os.path.relpath(home.reports / SITE, folder)
        (unfinished / DATA_DOCS / INDEX).write_text(_list_of(unfinished / DATA_DOCS, pages, f"../{site}"))
        _write_dbt_docs(home, unfinished / DBT_DOCS, f"../{site}")
        (unfinished / INDEX).write_text(_asking_nobody(_index(site)))
        for page in (unfinished / DATA_DOCS).rglob("*"):
            if page.suffix in (".html", ".css"):
                page.write_text(without_other_hosts(page.read_text()))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    except OSError as error:
        raise HourbellError(
            f"The documentation cannot be written to {folder}: {error}. Make room or give rights, or name another "
            "folder: hourbell docs --out FOLDER."
        ) from error
    return pages


def without_other_hosts(text: str) -> str:
    """A page or a style without anything that a browser would fetch from elsewhere; links that people follow stay."""
    return _asking_nobody(_OUTSIDE.sub("", text))


def _asking_nobody(page: str) -> str:
    return re.sub(r"(<head\b[^>]*>)", lambda head: head[1] + _POLICY, page, count=1, flags=re.IGNORECASE)


def last_landed(home: Home) -> dict[str, Landed]:
    """The files of each table that were taken in last, as far as they are still there."""
    try:
        with open_warehouse(home) as connection:
            rows = connection.execute(
                "select table_name, list(landing_file order by landing_file), any_value(landed_at_tick) "
                "from (select * from raw.landed_files "
                "qualify landed_at_tick = max(landed_at_tick) over (partition by table_name)) group by table_name"
            ).fetchall()
    except duckdb.Error as error:
        raise HourbellError(f"It is not known what has landed: {error}. Run a tick first.") from error
    found = {}
    for table, names, tick_start in rows:
        files = tuple(path for name in names if (path := home.landing / table / name).exists())
        if files:
            found[table] = Landed(files, tick_start)
    return found


def _write_dbt_docs(home: Home, folder: Path, site: str) -> None:
    folder.mkdir()
    made = write_docs_of_models(home, folder / "made")
    # it brings along all that it needs
    (folder / INDEX).write_text(_asking_nobody(made.read_text().replace(_PAGE_URL, f"{site}/")))
    shutil.rmtree(folder / "made")


def _list_of(folder: Path, pages: Sequence[Page], site: str) -> str:
    rows = "".join(
        f'<tr><td>{html.escape(page.table)}</td><td><a href="{_link(page.suite, folder)}">what is expected</a></td>'
        + (
            f'<td><a href="{_link(page.validation, folder)}">what landed last</a></td>'
            f"<td>{page.met} of {page.asked} met</td></tr>"
            if page.validation is not None
            else "<td>nothing has landed</td><td></td></tr>"
        )
        for page in pages
    )
    back = (
        f'<p>What was set aside, and what that cost: <a href="{site}/data_quality.html">the page on data quality</a>. '
        f'Every table and column: <a href="../{DBT_DOCS}/{INDEX}">dbt\'s docs</a>.</p>'
    )
    return _page("Data quality", f"{back}<table>{rows}</table>")


def _index(site: str) -> str:
    files: dict[str, list[tuple[str, str]]] = {}
    for page in read_pages(PAGES, sorted(steps_by_workflow())):
        files.setdefault(page.path.stem, []).append((page.title, page.file))
    exposures = "".join(
        f"<li>{_links_to(site, exposure.label or exposure.name, files.get(exposure.name, files[Path(INDEX).stem]))}: "
        f"{html.escape(exposure.description)}</li>"
        for exposure in sorted(manifest().exposures.values(), key=lambda one: one.name)
    )
    return _page(
        "Hourbell's documentation",
        f'<ul><li><a href="{DATA_DOCS}/{INDEX}">Data quality</a>: what is expected of each table that lands, and how '
        "what landed last met it (Great Expectations)</li>"
        f'<li><a href="{DBT_DOCS}/{INDEX}">Models</a>: every table and column, where it comes from and who keeps it '
        f"(dbt)</li></ul><h2>Pages for marketers</h2><ul>{exposures}</ul>",
    )


def _links_to(site: str, label: str, pages: Sequence[tuple[str, str]]) -> str:
    """An exposure's page, or those of which there is one for each workflow."""
    if len(pages) == 1:
        return f'<a href="{site}/{pages[0][1]}">{html.escape(label)}</a>'
    listed = ", ".join(f'<a href="{site}/{file}">{html.escape(title)}</a>' for title, file in pages)
    return f"{html.escape(label)} ({listed})"


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{_STYLE}</head>'
        f"<body><h1>{title}</h1>{body}</body></html>"
    )


def _link(page: Path, folder: Path) -> str:
    return html.escape(quote(page.relative_to(folder).as_posix()))
