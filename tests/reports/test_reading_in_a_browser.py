"""Pages can be read: numbers as people write them, on a phone, in the dark, and with little on them."""

import shutil
from pathlib import Path

import duckdb
import pytest
from browser import Browser
from built_site import Site
from looking import LOOKED_AT, lines_shown, pages_of
from made_up_marts import publish_made_up

from dagster_project.home import Home
from dagster_project.publish import FILE
from dagster_project.reports import build
from dagster_project.reports.site import PAGES

PHONE, DESKTOP = 375, 1280

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


# words that stand out too little from what is behind them, by WCAG 2.2: below 4.5, or 3 where they are large
FAINT = """
    const parts = (colour) => {
        const numbers = colour.match(/-?[\\d.]+/g).map(Number);
        const scale = colour.startsWith('color(') ? 255 : 1;
        return [...numbers.slice(0, 3).map((part) => part * scale), numbers[3] ?? 1];
    };
    const behind = (element) => {
        const [red, green, blue, cover] = parts(getComputedStyle(element).backgroundColor);
        const below = cover < 1 && element.parentElement ? behind(element.parentElement) : [255, 255, 255];
        return [red, green, blue].map((part, place) => part * cover + below[place] * (1 - cover));
    };
    const light = (colour) => {
        const [red, green, blue] = colour.map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const says = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return [...document.querySelectorAll('body *')]
        .filter((one) => one.getClientRects().length && says(one))
        .map((one) => {
            const style = getComputedStyle(one);
            const own = parts(one instanceof SVGElement ? style.fill : style.color).slice(0, 3);
            const [less, more] = [light(own), light(behind(one))].sort((left, right) => left - right);
            const size = parseFloat(style.fontSize);
            const is_large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            return [one.textContent.trim().slice(0, 40), (more + 0.05) / (less + 0.05), is_large ? 3 : 4.5];
        })
        .filter(([, contrast, least]) => contrast < least);
"""

# labels of a journey that lie on each other, words that leave their step, series of a chart in one colour, and names
# of series that are cut
MINGLED = """
    const box = (one) => one.getBoundingClientRect();
    const all = (what, within = document) => [...within.querySelectorAll(what)];
    // lines of a text touch each other
    const on_each_other = ([one, other]) => one.left < other.right && other.left < one.right
        && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 3;
    const mingled = (elements) => elements.map(box).flatMap((one, place, boxes) => boxes.slice(place + 1)
        .map((other) => [one, other])).filter(on_each_other);
    const alike = all('.block.chart').filter((chart) => {
        const colours = all('.role-legend-symbol path', chart).map((symbol) => symbol.getAttribute('fill'));
        return new Set(colours).size < colours.length;
    });
    return [
        ...mingled(all('.edge .plate')).map(() => 'labels of ways'),
        ...all('.node').filter((node) => mingled(all('text:not(:empty)', node)).length).map((node) => node.textContent),
        ...all('.node text').filter((text) => box(text).right > box(text.parentNode.querySelector('rect')).right)
            .map((text) => text.textContent),
        ...alike.map((chart) => chart.querySelector('h2').textContent),
        ...all('.role-legend-label text').filter((name) => name.textContent.endsWith('…')
            || box(name).right > box(name.closest('.inside')).right).map((name) => name.textContent),
    ];
"""


def test_pages_can_be_read_on_a_phone_and_in_the_dark(browser: Browser, site: Site) -> None:
    for width, dark in ((PHONE, True), (DESKTOP, False)):
        browser.look(width=width, dark=dark)
        for page in pages_of(site):
            browser.open(site.address + page.file)
            wide, paper = browser.run(
                "return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]"
            )
            assert wide <= width, page.file
            assert (brightness(paper) < 0.2) is dark
            assert not browser.run(FAINT), page.file
            assert not browser.run(MINGLED), page.file
            assert not browser.said()
            nameless = browser.run(
                "return [...document.querySelectorAll('table:not(:has(caption)), .chart svg:not([aria-label]),"
                " input, select')]"
                ".filter((one) => !one.closest('label') && !one.ariaLabel && one.tagName !== 'svg').length"
            )
            assert nameless == 0, page.file


MANY = """
title: Many
queries: {many: "select 'series ' || number as name, number + 1 as size from range(12) as numbers (number)"}
blocks:
  - {chart: many, title: Many, height: {step: 20}, spec: {mark: bar, encoding: {
      x: {field: size, type: quantitative}, y: {field: name, type: nominal}, color: {field: name, type: nominal}}}}
"""


def test_twelve_series_have_a_colour_each_and_more_domains_than_that_are_told_together(
    browser: Browser, made_up: Home, tmp_path: Path
) -> None:
    home, pages = Home(tmp_path / "home"), tmp_path / "pages"
    shutil.copytree(made_up.published, home.published)
    with duckdb.connect(str(home.published / FILE)) as connection:
        connection.execute("update marts.email_deliverability set domain = 'mail-' || accepted % 30 || '.example'")
    pages.mkdir()
    (pages / "index.yml").write_text(MANY)
    shutil.copyfile(PAGES / "deliverability.yml", pages / "deliverability.yml")
    built = build(home, pages=pages)
    for page in ("index.html", "deliverability.html"):
        for dark in (True, False):
            browser.look(width=DESKTOP, dark=dark)
            browser.open((built.folder / page).resolve().as_uri())
            assert not browser.run(MINGLED), page
            names = browser.run("return document.querySelector('.role-legend').querySelectorAll('text').length")
            assert names == {"index.html": 12, "deliverability.html": 8}[page]


UNKNOWN = """
title: Unknown
queries: {lifts: "select 'birthday' as workflow, cast(null as double) as lift"}
blocks:
  - {chart: lifts, title: Lifts, known: lift, empty: Nobody is held out yet., spec: {mark: point, encoding: {
      x: {field: lift, type: quantitative}, y: {field: workflow, type: nominal}}}}
"""


def test_a_chart_of_what_is_not_known_is_no_empty_frame(browser: Browser, apart: Home, pages_folder: Path) -> None:
    (pages_folder / "index.yml").write_text(UNKNOWN)
    built = build(apart, pages=pages_folder)
    browser.open(built.start.resolve().as_uri())
    assert browser.run("return document.querySelector('.block.chart .inside').innerText") == "Nobody is held out yet."
    (pages_folder / "index.yml").write_text(UNKNOWN.replace("known: lift", "known: gain"))
    (failure,) = build(apart, pages=pages_folder).failures
    assert "the query lifts has no column gain" in failure


# what a program says where it has nothing to say
UNSAID = r"return document.body.innerText.match(/\b(NaN|nan|undefined|null|Infinity|Invalid Date)\b|\[object/g) ?? []"
# blocks in which there is neither a mark, a line, a number nor a word
BARE = """
    return [...document.querySelectorAll('.block')].filter((block) => !block.querySelector(
        '.role-mark > *, tbody tr, .tile dd:not(:empty), .node .reached:not(:empty), p.empty:not(:empty)'
    ) && !block.matches('.text')).map((block) => block.querySelector('h2').textContent)
"""


@pytest.mark.parametrize("rows", [0, 1])
def test_a_page_with_little_on_it_says_so_in_words(browser: Browser, tmp_path: Path, rows: int) -> None:
    home = Home(tmp_path / "home")
    publish_made_up(home.published, rows)
    built = build(home)
    assert not built.failures
    looked_at = {f"workflow-{name}.html" for name in LOOKED_AT}
    for page in built.pages:
        if page.startswith("workflow-") and page not in looked_at:
            continue
        browser.open((built.folder / page).resolve().as_uri())
        assert not browser.said(), page
        assert not browser.run(UNSAID), page
        assert not browser.run(BARE), page


def brightness(colour: str) -> float:
    red, green, blue = (int(part) for part in colour[4:-1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
