"""The pages in a real browser: they render, say what the marts say, and ask nobody for anything."""

from browser import Browser
from built_site import Site
from looking import ALL, compare, pages_of, tiles_shown
from oracle import Asked, Oracle, hours

SOME = Asked({"from": "2026-03-05", "to": "2026-03-14", "workflow": "abandoned_cart", "channel": "email"})
FILTER_OF = {"from": "date", "to": "date"}


def test_every_page_shows_the_figures_of_the_marts_and_asks_nobody_else(browser: Browser, site: Site) -> None:
    assert not site.built.failures
    compared, looked_at = 0, pages_of(site)
    for page in site.pages.values():
        browser.open(site.address + page.file)
        assert not browser.said(), page.file
        assert not browser.run("return document.querySelectorAll('.failed').length"), page.file
        if page not in looked_at:
            continue
        compared += compare(browser, site, page, ALL)
        drawn = browser.run(
            "return [...document.querySelectorAll('.block.chart')].map((block) => block.querySelectorAll("
            "'svg path, svg line').length)"
        )
        assert all(marks > 3 for marks in drawn), (page.file, drawn)
    assert compared > 500
    assert all(url.startswith((site.address, "data:", "about:")) for url in browser.requests())


def test_filters_change_every_figure_as_the_marts_say_and_stay_in_the_address(browser: Browser, site: Site) -> None:
    for name in sorted(page.name for page in pages_of(site) if page.subject in (None, "lead_nurturing")):
        page = site.pages[f"{name}.html"]
        asked = Asked({key: value for key, value in SOME.values.items() if FILTER_OF.get(key, key) in page.filters})
        # as from another page, which offers more: what this one does not offer hides nothing on it
        browser.open(f"{site.address}{page.file}#{SOME.hash}")
        assert compare(browser, site, page, asked) > 5
        first = next(place for place, block in enumerate(page.blocks) if block.kind == "tiles")
        before = tiles_shown(browser, first)
        browser.run("document.querySelector('[type=reset]').click()")
        browser.drawn()
        assert browser.run("return location.hash") == ""
        assert tiles_shown(browser, first) != before
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
    # also to one that does not offer it, and from there to the next
    browser.open(f"{site.address}experiments.html#channel=sms&workflow=birthday")
    browser.run(
        "const form = document.getElementById('filters'); form.elements.workflow.value = 'lead_nurturing';"
        "form.elements.workflow.dispatchEvent(new Event('change', { bubbles: true }));"
    )
    browser.drawn()
    assert browser.run("return location.hash") == "#workflow=lead_nurturing&channel=sms"
    # a page without anything of what was chosen says so, and that it was chosen
    browser.open(f"{site.address}index.html#channel=pigeon")
    assert browser.run("return document.querySelector('[name=channel]').selectedOptions[0].textContent") == "Pigeon"
    said = browser.run("return [...document.querySelectorAll('.empty')].map((block) => block.textContent)")
    assert set(said) == {"Nothing in this selection."}
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
