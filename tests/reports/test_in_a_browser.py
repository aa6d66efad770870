"""The pages in a real browser: they render, say what the marts say, and ask nobody for anything."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, DRIVER, MISSING, Browser, chromium
from built_site import Site
from oracle import NOTHING, Asked, Oracle, hours

from dagster_project.home import Home
from dagster_project.reports import build
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
    for name in sorted(page.name for page in pages_of(site) if page.subject in (None, "lead_nurturing")):
        page = site.pages[f"{name}.html"]
        asked = Asked({key: value for key, value in SOME.values.items() if key in ("from", "to", *page.filters)})
        browser.open(f"{site.address}{page.file}#{asked.hash}")
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
    (level, *_), listed = list_behind(browser, site.pages["audience.html"], "How interested contacts are", "Contacts")
    assert browser.run("return document.querySelector('dialog[open] h2').textContent") == level
    expected = [
        f"hourbell explain {contact}"
        for (contact,) in site.marts.execute(
            "select contact_id from marts.engagement_scores where level = ? order by score desc, contact_id limit 50",
            [level.lower()],
        ).fetchall()
    ]
    assert listed == expected
    assert len(listed) == 50


def test_numbers_of_the_overview_and_of_attribution_lead_to_their_contacts(browser: Browser, site: Site) -> None:
    listed = "return [...document.querySelectorAll('dialog[open] li')].map((line) => line.textContent.trim())"
    browser.open(f"{site.address}index.html#workflow=abandoned_cart")
    browser.run("document.querySelector('[data-label=Conversions] .behind').click()")
    converted = site.marts.execute(
        "select distinct cast(converted_at as date) as day, contact_id from marts.workflow_positions"
        " where workflow = 'abandoned_cart' and converted_at is not null order by day desc, contact_id limit 50"
    )
    assert browser.run(listed) == each_once(contact for _, contact in converted.fetchall())
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
        contacts.append(each_once(contact for _, contact in expected.fetchall()))
        assert browser.run(listed) == contacts[-1], model
    assert contacts[0] != contacts[1]


LISTED = "return [...document.querySelectorAll('dialog[open] li')].map((line) => line.textContent.trim())"
# a page, a table of it and a number, and whose contacts those are: by which cells of the line, in which mart
LISTS: list[tuple[str, str, str, dict[int, str], str]] = [
    ("audience", "Segments", "Members", {0: "segment"}, "segment_contacts where belongs_now"),
    ("audience", "Segments", "Joined", {0: "segment"}, "segment_contacts where has_joined"),
    ("audience", "Segments", "Left", {0: "segment"}, "segment_contacts where not has_joined"),
    *(
        ("deliverability", "Domains", label, {0: "domain"}, f"returned_emails where became = '{became}'")
        for label, became in (
            ("Refused", "refused"),
            ("Bounced", "bounced"),
            ("Complaints", "complained"),
            ("Unsubscribed", "unsubscribed"),
        )
    ),
    *(
        ("experiments", "Variants", label, {0: "experiment", 3: "variant"}, f"experiment_contacts where {condition}")
        for label, condition in (
            ("Contacts", "true"),
            ("Conversions", "has_converted"),
            ("Unsubscribed", "has_unsubscribed"),
            ("Complaints", "has_complained"),
        )
    ),
    *(
        (
            "audience",
            "Lists by channel and topic",
            label,
            {0: "channel", 1: "topic"},
            f"list_contacts where {condition}",
        )
        for label, condition in (
            ("Joined", "became = 'joined'"),
            ("Unsubscribed", "became in ('unsubscribed', 'complained')"),
            ("Bounced", "became = 'bounced'"),
            ("Address lost", "became in ('without address', 'merged')"),
        )
    ),
    *(
        (
            "audience",
            "Messages in a week, and what they do",
            label,
            {0: "messages_in_week"},
            f"fatigued_contacts {those}",
        )
        for label, those in (
            ("Contacts", "where true"),
            ("Held back", "where held_back > 0"),
            ("By caps", "where stopped_frequency_cap > 0"),
        )
    ),
    *(
        (
            "audience",
            "What the next message of a week earns",
            label,
            {0: "message_number"},
            f"marginal_contacts where {those}",
        )
        for label, those in (
            ("Was to go to", "not is_held_out"),
            ("Sent", "is_sent"),
            ("Held out", "is_held_out"),
            ("Lost", "is_lost"),
        )
    ),
    *(
        (
            "data_quality",
            "What was held on the way out, and what that cost",
            label,
            {0: "workflow", 1: "reasons", 2: "became"},
            f"held_contacts inner join marts.held_messages using (tick_end, workflow, became) where {condition}",
        )
        for label, condition in (("Messages", "true"), ("Lost", "fate = 'lost'"), ("Still held", "fate = 'waiting'"))
    ),
    ("index", "Workflows", "Held back", {0: "workflow"}, "held_back_contacts where true"),
    ("index", "Why something was not sent", "Times", {0: "gate"}, "held_back_contacts where true"),
    (
        "workflow-lead_nurturing",
        "Why something was not sent",
        "Times",
        {0: "step", 1: "gate"},
        "held_back_contacts where workflow = 'lead_nurturing'",
    ),
]


def each_once(contacts: Iterable[int]) -> list[str]:
    return [f"hourbell explain {contact}" for contact in dict.fromkeys(contacts)]


def list_behind(browser: Browser, page: Page, title: str, label: str) -> tuple[list[str], list[str]]:
    """Click the first number of a column that leads to contacts: what stands in its line, and who is listed."""
    [(place, block)] = [
        (place, block) for place, block in enumerate(page.blocks) if block.options.get("title") == title
    ]
    labels = [figure["label"] for figure in block.options["figures"]]
    column = len(block.options["by"]) + labels.index(label) + 1
    cells = browser.run(
        "document.querySelector('dialog[open]')?.close();"
        "const [block, column] = arguments;"
        "const number = document.querySelector(`#block-${block} tbody tr > :nth-child(${column}) .behind`);"
        "number?.click(); return [...(number?.closest('tr').children ?? [])].map((cell) => cell.textContent)",
        place,
        column,
    )
    return cells, browser.run(LISTED)


@pytest.mark.parametrize(("name", "title", "label", "key", "mart"), LISTS, ids=lambda one: str(one)[:24])
def test_a_number_leads_to_the_contacts_of_its_line_and_to_nobody_else(
    browser: Browser, site: Site, name: str, title: str, label: str, key: dict[int, str], mart: str
) -> None:
    page = site.pages[f"{name}.html"]
    browser.open(f"{site.address}{page.file}")
    cells, listed = list_behind(browser, page, title, label)
    rows = site.marts.execute(f"select contact_id, {', '.join(key.values())} from marts.{mart}").fetchall()
    mine = [contact for contact, *told in rows if [spoken(str(one)) for one in told] == [cells[place] for place in key]]
    assert listed
    assert len(listed) == len(set(listed)) <= 50
    assert set(listed) <= set(each_once(mine))
    assert len(mine) > 50 or set(listed) == set(each_once(mine))
    assert len(mine) < len(rows), "the line is not all there is"


def test_who_belongs_to_a_segment_is_listed_for_now_alone(browser: Browser, site: Site) -> None:
    page = site.pages["audience.html"]
    browser.open(f"{site.address}{page.file}#from=2026-03-05&to=2026-03-14")
    assert list_behind(browser, page, "Segments", "Members") == ([], [])
    _, joined = list_behind(browser, page, "Segments", "Joined")
    assert joined
    browser.open(f"{site.address}{page.file}#from=2026-03-05")
    assert list_behind(browser, page, "Segments", "Members")[1]


def test_a_journey_leads_to_those_who_left_at_a_step_by_mouse_and_by_keyboard(browser: Browser, site: Site) -> None:
    browser.open(f"{site.address}workflow-lead_nurturing.html")
    for act in (
        "new MouseEvent('click', { bubbles: true })",
        "new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })",
    ):
        step = browser.run(
            "document.querySelector('dialog[open]')?.close();"
            "const left = document.querySelector('.node .left.behind-me');"
            f"left.dispatchEvent({act}); return left.closest('.node').dataset.step"
        )
        gone = site.marts.execute(
            "select contact_id from marts.workflow_positions where workflow = 'lead_nurturing' and step = ?"
            " and status = 'left' order by exited_at desc, contact_id limit 50",
            [step],
        )
        assert browser.run(LISTED) == each_once(contact for (contact,) in gone.fetchall()) != []


AS_READ = """
title: Numbers
queries:
  said: |
    select * from (values
        ('conversions', 0.004, 0.004, 53.27, 3, 1000), ('revenue', 0.00001, 0.4, 47.6, 1, 10),
        ('clicks', 1, -0.012, 0.4, 2, 1000), ('opens', 0.05, 0, 24.5, 0, 0)
    ) as numbers (what, p, number, hours, complained, sent)
blocks:
  - tiles: said
    figures:
      - label: Few
        value: sum(complained) / sum(sent)
        where: {what: revenue}
        alarm: complaints_stop
        about: "{limit}"
      - {label: Many, value: sum(complained) / sum(sent), where: {what: conversions}, alarm: complaints_stop}
  - table: said
    by: [what]
    figures:
      - {label: p, value: max(p), format: probability}
      - label: Number
        value: max(number)
        format: {by: what, conversions: points, revenue: decimal, clicks: points, opens: points}
      - {label: Hours, value: max(hours), format: hours}
      - {label: Complaint rate, value: sum(complained) / sum(sent), format: percent, alarm: complaints_stop}
"""


def test_numbers_are_written_as_people_read_them_and_few_are_no_alarm(
    browser: Browser, apart: Home, pages_folder: Path
) -> None:
    (pages_folder / "index.yml").write_text(AS_READ)
    built = build(apart, pages=pages_folder)
    assert not built.failures
    browser.open(built.start.resolve().as_uri())
    # a p is never none, a small share is told in points, and a time in whole hours
    assert {line[0]: line[1:] for line in lines_shown(browser, 1)} == {
        "Conversions": ["0.0040", "+0.4 pp", "2 d 5 h", "0.3 %"],
        "Revenue": ["under 0.0001", "0.40", "2 d", "10.0 %"],
        "Clicks": ["1.0000", "-1.2 pp", "under 1 h", "0.2 %"],
        "Opens": ["0.0500", "0.0 pp", "25 h", "–"],
    }
    alarming = browser.run(
        "return [...document.querySelectorAll('.bad')].map((cell) => cell.closest('tr').cells[0].textContent)"
    )
    assert alarming == ["Conversions"], "one complaint of ten messages says nothing"
    assert browser.run("return [...document.querySelectorAll('.tile.alarm')].map((tile) => tile.dataset.label)") == [
        "Many"
    ]
    assert browser.run("return document.querySelector('[data-label=Few] p').textContent") == "0.3\u00a0%"


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
