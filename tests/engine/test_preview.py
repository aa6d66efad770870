"""`hourbell preview`: one contact through a whole workflow, by every branch; and nothing is touched."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from engine_world import Engine, contents, differences

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.preview import Preview, Stop, preview
from dagster_project.preview.branches import other_ways, read_branching, variants
from dagster_project.preview.page import page_of
from dagster_project.ticks.windows import HOUR
from dagster_project.warehouse import open_warehouse


def ways(found: Preview, step: str) -> dict[str | None, Stop]:
    return {stop.branch: stop for stop in found.stops() if stop.step == step}


@pytest.fixture(scope="module")
def invented(lived: Engine) -> Preview:
    before = contents(lived.home)
    found = preview(lived.home, "abandoned_cart")
    assert differences(before, contents(lived.home)) == []
    return found


def test_every_branch_is_gone_and_the_contacts_own_is_told(invented: Preview) -> None:
    both = ways(invented, "by_value")
    assert set(both) == {"high", "low"}
    value = invented.carried["cart_value"]
    assert [way for way, stop in both.items() if stop.is_own] == ["high" if value >= 50 else "low"]
    assert [stop.step for stop in both["high"].following] == ["incentive"]
    assert both["low"].following == []
    assert [stop.different for stop in both.values() if stop.is_own] == [{}]
    assert [list(stop.different) for stop in both.values() if not stop.is_own] == [["cart_value"]]


def test_waits_pass_in_no_time(invented: Preview) -> None:
    waits = {stop.step: stop.wait for stop in invented.stops()}
    day = timedelta(days=1)
    assert waits == {
        "entered": timedelta(),
        "reminder": timedelta(),
        "reassurance": 23 * HOUR,
        "by_value": day,
        "incentive": timedelta(),
    }


def test_messages_read_as_they_will(invented: Preview) -> None:
    (incentive,) = (stop for stop in invented.stops() if stop.step == "incentive")
    assert incentive.shown is not None
    ((variant, sample),) = incentive.shown.samples
    assert variant is None
    assert sample.subject == "Alex, delivery of your cart is on us"
    assert "Hi Alex" in sample.text
    assert "Hi Alex" in sample.html


def entries(engine: Engine) -> dict[int, float]:
    with open_warehouse(engine.home) as warehouse:
        return dict(
            warehouse.execute(
                "select contact_id, cart_value from workflows.abandoned_cart__entered "
                "qualify count(*) over (partition by contact_id) = 1 order by cart_value"
            ).fetchall()
        )


def test_who_has_entered_goes_their_own_way_with_what_they_carried(lived: Engine) -> None:
    """And the gates are asked as matters stand with them."""
    known = entries(lived)
    with open_warehouse(lived.home) as warehouse:
        unwilling = warehouse.execute(
            "select contact_id from eligibility.eligibility where channel = 'email' and topic = 'offers' "
            "and is_reachable and not is_consented order by 1"
        ).fetchall()
    low = next(contact for (contact,) in unwilling if known.get(contact, 50) < 50)
    for contact in (low, list(known)[-1]):
        found = preview(lived.home, "abandoned_cart", str(contact))
        assert found.carried["cart_value"] == known[contact]
        (own,) = (way for way, stop in ways(found, "by_value").items() if stop.is_own)
        assert own == ("high" if known[contact] >= 50 else "low")
        has_not_agreed = "no consent: has not agreed to offers by email" in told(found, "reminder")[0][0]
        assert has_not_agreed == (contact == low)
    assert known[contact] >= 50


def told(found: Preview, step: str) -> list[list[str]]:
    """What the gates say of a step, on each way that leads to it."""
    return [[one.told for one in stop.shown.verdicts] for stop in found.stops() if stop.step == step and stop.shown]


def test_both_gates_are_asked_about_each_message(lived: Engine, tmp_path: Path) -> None:
    """In the tick of its hour, one message a day; and by the releases of that shop."""
    home = lived.copy(tmp_path / "home").home
    (home.outbox / "approved" / "abandoned_cart.json").unlink()
    first = "the gate out holds it: its first activation: nobody has released this workflow yet"
    found = preview(home, "abandoned_cart")
    at = found.start.reached_at + HOUR
    assert told(found, "reminder") == [[f"the gate lets it go at {at:%a %Y-%m-%d %H:%M} UTC by email", first]]
    # 23 hours behind the reminder, under a cap of one message a day
    put_off, later, held = told(found, "reassurance")[0]
    assert put_off == (
        f"the gate puts it off at {at + 23 * HOUR:%a %Y-%m-%d %H:%M} UTC until {at + 24 * HOUR:%a %Y-%m-%d %H:%M} UTC "
        "(frequency cap: has had its share: one marketing message a day)"
    )
    assert later == f"the gate lets it go at {at + 25 * HOUR:%a %Y-%m-%d %H:%M} UTC by email"
    assert held == first


@pytest.mark.parametrize("workflow", ["cross_sell", "feedback", "lead_nurturing", "welcome_series"])
def test_every_step_is_reached_and_every_message_can_be_read(lived: Engine, workflow: str) -> None:
    """Where it is awaited what happens, where chance decides, where two ways meet."""
    found = preview(lived.home, workflow)
    assert found.not_reached == []
    samples = [sample for stop in found.stops() if stop.shown for _, sample in stop.shown.samples]
    assert len(samples) > 1
    assert [sample.text for sample in samples if not sample.subject] == []
    assert {stop.is_own for stop in found.stops()} == ({True} if workflow == "welcome_series" else {True, False})
    if workflow == "cross_sell":
        assert len(samples) == sum("A stoneware jug, £34.00" in sample.text for sample in samples)
    if workflow == "feedback":
        assert set(ways(found, "answer")) == {"silent", "promoter", "passive", "detractor", "unclear"}
        assert ways(found, "answer")["detractor"].wait < ways(found, "answer")["silent"].wait
    if workflow == "lead_nurturing":
        # who has not looked at the shop is not handed over
        assert {stop.step for stop in found.stops() if stop.is_idle} == {"hand_over", "call"}
    if workflow == "welcome_series":
        (hello,) = (stop for stop in found.stops() if stop.step == "hello")
        assert hello.shown is not None
        assert {variant for variant, _ in hello.shown.samples} == {"short subject", "long subject"}
        assert len({sample.subject for _, sample in hello.shown.samples}) == 2


class _Fetches(HTMLParser):
    """What a page would ask others for, and what it would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.messages: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "link", "img", "object", "embed", "base") or given.get("src"):
            self.found.append(tag)
        if tag == "iframe":
            assert given["sandbox"] == ""
            self.messages.append(str(given["srcdoc"]))


def test_the_page_is_whole_and_fetches_nothing(invented: Preview) -> None:
    named = replace(invented, profile={"first_name": "<script>alert(1)</script>"})
    page = page_of(named)
    assert page.startswith("<!doctype html>\n<html")
    fetches = _Fetches()
    fetches.feed(page)
    assert fetches.found == []
    assert any("Hi Alex" in message for message in fetches.messages)
    assert re.search(r"http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;;", page)
    assert "&lt;script&gt;alert(1)" in page


SOON = datetime(2026, 3, 2, 1)
BRANCHED = """
select arrivals.*, case when color = 'red' and size >= 3 then 'a' when asked then 'b' else 'c' end as branch
from (select * from steps.before) as arrivals
"""


def test_a_way_is_told_by_the_least_that_is_different() -> None:
    branching = read_branching(BRANCHED)
    assert branching is not None
    assert branching.ways == ("a", "b", "c")
    with duckdb.connect() as connection:
        connection.execute("create schema steps")
        connection.execute(
            "create table steps.by_color as select 1::bigint as enrollment_id, timestamp '2026-03-02' as reached_at, "
            "'red' as color, 2 as size, false as asked, 'c' as branch"
        )
        found = {other.way: other.values for other in other_ways(connection, "steps.by_color", 1, "c", branching, SOON)}
    assert found == {"a": {"size": "cast(3 as INTEGER)"}, "b": {"asked": "true"}}


def test_a_way_that_nothing_carried_tells_is_gone_by_force() -> None:
    by_chance = (
        "select arrivals.*, case when hash(contact_id) % 2 = 0 then 'a' else 'b' end as branch from x as arrivals"
    )
    branching = read_branching(by_chance)
    assert branching is not None
    with duckdb.connect() as connection:
        connection.execute("create schema steps")
        connection.execute(
            "create table steps.split as select 1::bigint as enrollment_id, timestamp '2026-03-02' as reached_at, "
            "1::bigint as contact_id, 'a' as branch"
        )
        (other,) = other_ways(connection, "steps.split", 1, "a", branching, SOON)
    assert (other.way, other.values) == ("b", {})


def test_an_experiment_has_ways_and_what_is_not_understood_has_none() -> None:
    assert read_branching("select arrivals.*, upper(color) as branch from x as arrivals") is None
    assert read_branching("select arrivals.* from x as arrivals") is None
    drawn = "coalesce((select max(variant) from decided), case when hash(contact_id) % 2 = 0 then 'a' end, 'b')"
    branching = read_branching(f"select arrivals.*, {drawn} as branch from x as arrivals")
    assert branching is not None
    assert (branching.ways, branching.constants) == (("a", "b"), {})
    assert variants(f"select struct_pack(kind := 'send', variant := cast({drawn} as varchar)) as action") == ["a", "b"]
    assert variants("select struct_pack(kind := 'send', variant := cast(null as varchar)) as action") == []


def test_what_cannot_be_previewed_is_told(
    lived: Engine, tmp_path: Path, run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HourbellError, match="There is no workflow 'winter_sale'"):
        preview(lived.home, "winter_sale")
    with pytest.raises(HourbellError, match=r"Nobody is known as nobody@shop\.example"):
        preview(lived.home, "abandoned_cart", "nobody@shop.example")
    with pytest.raises(HourbellError, match="no history to go by"):
        preview(Home(tmp_path).prepare(), "birthday")
    monkeypatch.setenv("HOURBELL_HOME", str(lived.home.root))
    code, said = run_command("preview", "abandoned_cart")
    assert (code, "Say whose way it is" in said) == (1, True)


def test_the_command_shows_it_and_writes_the_page(
    lived: Engine, tmp_path: Path, run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOURBELL_HOME", str(lived.home.root))
    code, said = run_command("preview", "welcome_series", "--invent", "--page", str(tmp_path / "page.html"))
    assert code == 0
    assert "● story after 2 days" in said
    assert "| Hi Alex," in said
    assert "unsubscribed" in said
    assert "both gates let it go at" in said
    # what stands below every message is in the page
    assert "Unsubscribe:" not in said
    assert "<h1>welcome_series</h1>" in (tmp_path / "page.html").read_text()
