"""Numbers lead to the contacts behind them, and to nobody else."""

from collections.abc import Iterable

import pytest
from browser import Browser
from built_site import Site
from oracle import spoken

from dagster_project.reports.pages import Page

LISTED = "return [...document.querySelectorAll('dialog[open] li')].map((line) => line.textContent.trim())"


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
    browser.open(f"{site.address}index.html#workflow=abandoned_cart")
    browser.run("document.querySelector('[data-label=Conversions] .behind').click()")
    converted = site.marts.execute(
        "select distinct cast(converted_at as date) as day, contact_id from marts.workflow_positions"
        " where workflow = 'abandoned_cart' and converted_at is not null order by day desc, contact_id limit 50"
    )
    assert browser.run(LISTED) == each_once(contact for _, contact in converted.fetchall())
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
        assert browser.run(LISTED) == contacts[-1], model
    assert contacts[0] != contacts[1]


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
