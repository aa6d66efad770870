"""The pages in a real browser: they render, say what the marts say, and ask nobody for anything."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from browser import CHROMIUM, DRIVER, MISSING, Browser, chromium
from built_site import Site
from oracle import NOTHING, Asked, Oracle, hours

from dagster_project.reports.pages import Page

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)

ALL = Asked()
SOME = Asked({"from": "2026-03-05", "to": "2026-03-14", "workflow": "abandoned_cart", "channel": "email"})
PHONE = 375
# of all pages of workflows, the widest graph and the plainest
LOOKED_AT = ("lead_nurturing", "birthday")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def forget(browser: Browser) -> None:
    browser.look(width=1280, dark=False)
    browser.driver.get("about:blank")
    browser.said()
    browser.requests()


def pages_of(site: Site) -> list[Page]:
    return [page for page in site.pages.values() if page.subject is None or page.subject in LOOKED_AT]


def reads_operations(page: Page, query: str | None) -> bool:
    return "operations." in page.queries[str(query)].sql


def tiles_shown(browser: Browser, place: int) -> dict[str, str]:
    found: dict[str, str] = browser.run(
        "return Object.fromEntries([...document.querySelectorAll(`#block-${arguments[0]} .tile`)]"
        ".map((tile) => [tile.dataset.label, tile.querySelector('dd').textContent]))",
        place,
    )
    return found


def lines_shown(browser: Browser, place: int) -> list[list[str]]:
    found: list[list[str]] = browser.run(
        "return [...document.querySelectorAll(`#block-${arguments[0]} tbody tr`)]"
        ".map((line) => [...line.children].map((cell) => cell.textContent))",
        place,
    )
    return found


def missing_marts(site: Site, page: Page) -> set[str]:
    """Queries of marts that another version of the project may have."""
    known = {name for (name,) in site.marts.execute("select table_name from duckdb_tables()").fetchall()}
    return {
        query.name
        for query in page.queries.values()
        if any(f"marts.{mart}" in query.sql for mart in ("experiment_results", "lift_by_step") if mart not in known)
    }


def compare(browser: Browser, site: Site, page: Page, asked: Asked) -> int:
    """Every tile and every line of a table, as the marts have them; returns how many figures that was."""
    oracle = Oracle(site.marts, page, asked)
    compared = 0
    left_out = missing_marts(site, page)
    for place, block in enumerate(page.blocks):
        if block.query in left_out:
            continue
        if block.kind == "tiles":
            shown = tiles_shown(browser, place)
            for figure in block.options["figures"]:
                if not reads_operations(page, figure.get("from", block.query)):
                    assert shown[figure["label"]] == oracle.tile(block, figure), (page.file, figure["label"])
                    compared += 1
        elif block.kind == "table" and not reads_operations(page, block.query):
            expected = oracle.table(block)
            shown_lines = lines_shown(browser, place)
            assert len(shown_lines) == min(len(expected), block.options.get("limit", 25)), (page.file, block.options)
            for line in shown_lines:
                by = len(block.options["by"])
                known = [texts for key, texts in expected.items() if as_named(key, block.options["by"]) == line[:by]]
                texts = [
                    text
                    for text, figure in zip(line[by:], block.options["figures"] * len(line), strict=False)
                    if figure.get("format") != "trend"
                ]
                assert texts in [without_trends(one, block) for one in known], (page.file, block.options["title"], line)
                compared += len(texts)
    return compared


def without_trends(texts: list[str], block: Any) -> list[str]:
    figures = block.options["figures"]
    return [text for place, text in enumerate(texts) if figures[place % len(figures)].get("format") != "trend"]


def as_named(key: tuple[str, ...], columns: list[dict[str, Any]]) -> list[str]:
    """As a page writes names: without underscores, with a capital."""
    return [as_written(part, column) for part, column in zip(key, columns, strict=True)]


def as_written(part: str, column: dict[str, Any]) -> str:
    if not part:
        return spoken(column.get("none", NOTHING))
    return month(part) if column.get("format") == "month" else spoken(part)


def month(text: str) -> str:
    return f"{date.fromisoformat(text):%b %Y}"


def spoken(text: str) -> str:
    known = {"sms": "SMS", "cpc": "CPC", "crm": "CRM", "vip": "VIP"}
    plain = text.replace("_", " ")
    plain = f"VIP {plain[4:]}" if plain.startswith("vip ") else plain
    return known.get(text) or (plain[0].upper() + plain[1:] if "." not in plain and "@" not in plain else plain)


def test_every_page_shows_the_figures_of_the_marts_and_asks_nobody_else(browser: Browser, site: Site) -> None:
    assert not site.built.failures
    compared = 0
    for page in pages_of(site):
        browser.open(site.address + page.file)
        assert not browser.said(), page.file
        compared += compare(browser, site, page, ALL)
        drawn = browser.run(
            "return [...document.querySelectorAll('.block.chart')].map((block) => block.querySelectorAll("
            "'svg path, svg line').length)"
        )
        assert all(marks > 3 for marks in drawn), (page.file, drawn)
        assert not browser.run("return document.querySelectorAll('.failed').length")
    assert compared > 500
    assert all(url.startswith((site.address, "data:", "about:")) for url in browser.requests())


def test_filters_change_every_figure_as_the_marts_say_and_stay_in_the_address(browser: Browser, site: Site) -> None:
    for name in ("index", "workflow-lead_nurturing", "attribution", "audience", "deliverability"):
        page = site.pages[f"{name}.html"]
        asked = Asked({key: value for key, value in SOME.values.items() if key in ("from", "to", *page.filters)})
        browser.open(f"{site.address}{page.file}#{asked.hash}")
        assert compare(browser, site, page, asked) > 5
        before = tiles_shown(browser, 0)
        browser.run("document.querySelector('[type=reset]').click()")
        browser.drawn()
        assert browser.run("return location.hash") == ""
        assert tiles_shown(browser, 0) != before
    # what a person chooses is in the address, and goes along to other pages
    browser.open(f"{site.address}index.html")
    browser.run(
        "const form = document.getElementById('filters'); form.elements.channel.value = 'sms';"
        "form.elements.channel.dispatchEvent(new Event('change', { bubbles: true }));"
    )
    browser.drawn()
    assert browser.run("return location.hash") == "#channel=sms"
    assert compare(browser, site, site.pages["index.html"], Asked({"channel": "sms"})) > 5
    assert browser.run("return document.querySelector('nav a[href*=\"attribution\"]').hash") == "#channel=sms"
    ignoring = browser.run("return [...document.querySelectorAll('.unfiltered')].map((note) => note.textContent)")
    assert "not by channel" in ignoring
    assert not browser.said()


def test_journeys_show_counts_drop_off_and_waits(browser: Browser, site: Site) -> None:
    page = site.pages["workflow-lead_nurturing.html"]
    for asked in (ALL, Asked({"from": "2026-03-05", "to": "2026-03-14"})):
        browser.open(f"{site.address}{page.file}#{asked.hash}")
        oracle = Oracle(site.marts, page, asked)
        query = page.queries["journey"]
        reached = dict(
            oracle.rows(query, "select to_step, sum(enrollments) from asked where to_step is not null group by 1")
        )
        shown = browser.run(
            "return Object.fromEntries([...document.querySelectorAll('.node')]"
            ".map((node) => [node.dataset.step, node.querySelector('.reached').textContent]))"
        )
        assert shown == {step: f"{reached[step]:,}" for step in shown}
        assert len(shown) == 11
        edges = browser.run(
            "return [...document.querySelectorAll('.edge')].map((edge) => ({ ...edge.dataset,"
            " first: edge.querySelector('.first').textContent, second: edge.querySelector('.second').textContent }))"
        )
        assert len(edges) == 11
        left = dict(
            oracle.rows(query, "select from_step, sum(enrollments) from asked where outcome = 'left' group by 1")
        )
        for edge in edges:
            branch = f"and branch = '{edge['branch']}'" if edge["branch"] else ""
            where = f"from_step = '{edge['from']}' and to_step = '{edge['to']}' {branch}"
            ((number, wait),) = oracle.rows(
                query,
                "select count(*), quantile_disc(wait_hours, 0.5) from "
                f"(select wait_hours, unnest(range(enrollments::bigint)) from asked where {where})",
            )
            of = reached[edge["from"]]
            assert (
                edge["first"] == f"{edge['branch'] + ': ' if branch else ''}{number:,} · {round(100 * number / of)} %"
            )
            drop_off = "" if branch else f"{round(100 * left[edge['from']] / of)} % drop off · "
            assert edge["second"] == f"{drop_off}{hours(wait)}"


def test_the_contacts_behind_a_number_are_listed_and_no_more_than_policy_allows(browser: Browser, site: Site) -> None:
    browser.open(f"{site.address}audience.html")
    browser.run("document.querySelector('.behind').click()")
    title, listed = browser.run(
        "const open = document.querySelector('dialog[open]'); return [open.querySelector('h2').textContent,"
        " [...open.querySelectorAll('li')].map((line) => line.textContent.trim())]"
    )
    expected = [
        f"hourbell explain {contact}"
        for (contact,) in site.marts.execute(
            "select contact_id from marts.engagement_scores where level = ? order by score desc, contact_id limit 50",
            [title.lower()],
        ).fetchall()
    ]
    assert listed == expected
    assert len(listed) == 50


def test_numbers_of_the_overview_and_of_attribution_lead_to_their_contacts(browser: Browser, site: Site) -> None:
    listed = "return [...document.querySelectorAll('dialog[open] li')].map((line) => line.textContent.trim())"
    browser.open(f"{site.address}index.html#workflow=abandoned_cart")
    browser.run("document.querySelector('[data-label=Conversions] .behind').click()")
    converted = site.marts.execute(
        "select distinct cast(exited_at as date) as day, contact_id from marts.workflow_positions"
        " where workflow = 'abandoned_cart' and exit_reason = 'converted' order by day desc, contact_id limit 50"
    )
    assert browser.run(listed) == [f"hourbell explain {contact}" for _, contact in converted.fetchall()]
    # by each model of attribution its own
    browser.open(f"{site.address}attribution.html")
    [place] = [
        place
        for place, block in enumerate(site.pages["attribution.html"].blocks)
        if block.options.get("title") == "Orders by workflow, models beside each other"
    ]
    models = ["last_non_direct", "linear", "shapley"]
    contacts = []
    for column, model in enumerate(models):
        [workflow] = browser.run(
            "document.querySelector('dialog[open]')?.close();"
            "const [block, column] = arguments;"
            "const number = document.querySelector(`#block-${block} tbody td:nth-child(${column}) .behind`);"
            "number.click(); return [number.closest('tr').children[0].textContent]",
            place,
            column + 2,
        )
        expected = site.marts.execute(
            "select distinct cast(converted_at as date) as day, contact_id from marts.attributed_conversions"
            " where workflow = ? and attribution_model = ? and attributed_conversions > 0"
            " order by day desc, contact_id limit 50",
            [workflow.lower().replace(" ", "_"), model],
        )
        contacts.append([f"hourbell explain {contact}" for _, contact in expected.fetchall()])
        assert browser.run(listed) == contacts[-1], model
    assert contacts[0] != contacts[1]


def test_pages_can_be_read_on_a_phone_and_in_the_dark(browser: Browser, site: Site) -> None:
    browser.look(width=PHONE, dark=True)
    for page in pages_of(site):
        browser.open(site.address + page.file)
        width, paper, text = browser.run(
            "const style = getComputedStyle(document.body);"
            "return [document.documentElement.scrollWidth, style.backgroundColor, style.color]"
        )
        assert width <= PHONE, page.file
        assert brightness(paper) < 0.2 < 0.7 < brightness(text)
        assert not browser.said()
        nameless = browser.run(
            "return [...document.querySelectorAll('table:not(:has(caption)), .chart svg:not([aria-label]),"
            " input, select')]"
            ".filter((one) => !one.closest('label') && !one.ariaLabel && one.tagName !== 'svg').length"
        )
        assert nameless == 0, page.file


def test_pages_work_as_files(browser: Browser, site: Site) -> None:
    for name in ("index.html", "workflow-lead_nurturing.html"):
        browser.open((site.built.folder / name).resolve().as_uri())
        assert not browser.said()
        assert compare(browser, site, site.pages[name], ALL) > 5
    assert all(url.startswith(("file:", "data:", "about:")) for url in browser.requests())


def test_a_request_to_another_host_would_be_seen_and_refused(browser: Browser, site: Site) -> None:
    """The mutant of what the other tests listen for."""
    browser.open(f"{site.address}index.html")
    browser.requests()
    browser.run("document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.2:9/picture.png' }))")
    browser.driver.get("about:blank")
    said = browser.said()
    assert any("Content Security Policy" in line for line in said), said


def brightness(colour: str) -> float:
    red, green, blue = (int(part) for part in colour[4:-1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
