"""The shop that answers: the same twice, true to its traits, and in the shape that lands."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from activations.delivery.delivery import TEMPLATES
from activations.mime import email_bytes
from activations.sandbox.store import Arrival, Store
from dagster_project.lint.reading import read_project
from dagster_project.ticks.transform import DBT
from data.importers.canonical import schema
from data.simulator import Life, Shop
from data.simulator.answers import Answers, Message, true_effects
from data.simulator.effects import TRUE_EFFECTS, TRUE_VARIANTS, VariantEffect
from data.simulator.mailboxes import Mailboxes
from data.simulator.shop import microseconds

MONDAY = datetime(2026, 3, 2, 9)
SHOP = Shop(seed=5, contacts=3_000, start=datetime(2026, 3, 2), days=14)


def to_everybody(
    people: Answers, template: str = "cart_incentive", at: datetime = MONDAY, topic: str = "offers"
) -> list[Message]:
    return [
        Message(f"<{number}{at:%d%H}.hourbell@shop.example>", email, template, "abandoned_cart", topic, at)
        for number, email in enumerate(people.people.emails[1])
    ]


@pytest.fixture(scope="module")
def answered() -> tuple[Answers, dict[str, pl.DataFrame]]:
    people = Answers(SHOP)
    return people, people.answer(to_everybody(people))


def events(rows: dict[str, pl.DataFrame], name: str, *, machine: bool = False) -> pl.DataFrame:
    said = rows["events"]["properties"].map_elements(lambda text: json.loads(text)["machine_open"], pl.Boolean)
    return rows["events"].filter((pl.col("event") == name) & (said == machine))


def test_the_same_messages_get_the_same_answers(answered: tuple[Answers, dict[str, pl.DataFrame]]) -> None:
    people, rows = answered
    again = Answers(SHOP)
    found = again.answer(to_everybody(again))
    assert found.keys() == rows.keys() == {"events", "consents", "orders", "order_lines"}
    assert all(found[table].equals(rows[table]) for table in rows)
    assert again.truth().equals(people.truth())
    other = Answers(Shop(seed=6, contacts=3_000, start=SHOP.start, days=14))
    assert not other.answer(to_everybody(other))["events"].equals(rows["events"])


def test_what_lands_has_the_columns_of_the_contract_and_no_time_before_the_message(
    answered: tuple[Answers, dict[str, pl.DataFrame]],
) -> None:
    for table, frame in answered[1].items():
        assert frame.schema == pl.Schema(schema(table))
        assert frame.select((pl.col("occurred_at") >= MONDAY).all()).item()
        assert frame.select((pl.col("loaded_at") >= pl.col("occurred_at")).all()).item()
    assert answered[1]["events"]["message_id"].is_unique().all()


def test_people_open_and_buy_as_often_as_the_truth_expects(
    answered: tuple[Answers, dict[str, pl.DataFrame]],
) -> None:
    people, rows = answered
    truth = people.truth()
    for came, chance in (("opened_at", "chance_to_open"), ("order_id", "added_chance_to_buy")):
        expected = truth[chance].sum()
        spread = float(np.sqrt((truth[chance] * (1 - truth[chance])).sum()))
        assert abs(truth[came].is_not_null().sum() - expected) < 4 * spread
    (effect,) = true_effects(truth, people.reluctance.truth()).to_dicts()
    assert effect["messages"] == truth.height
    assert effect["orders_brought"] == rows["orders"].filter(pl.col("status") == "placed").height > 100


def test_dead_mailboxes_bounce_and_do_nothing_else(answered: tuple[Answers, dict[str, pl.DataFrame]]) -> None:
    _, rows = answered
    bounced = set(events(rows, "Email Bounced")["email"])
    assert bounced
    assert not bounced & set(rows["events"].filter(pl.col("event") != "Email Bounced")["email"])
    assert not bounced & set(rows["orders"]["email"])


def test_machines_open_at_once_and_people_when_they_read(answered: tuple[Answers, dict[str, pl.DataFrame]]) -> None:
    _, rows = answered
    machines, humans = events(rows, "Email Opened", machine=True), events(rows, "Email Opened")
    assert (machines["occurred_at"] - MONDAY).max() < timedelta(minutes=5)
    assert (humans["occurred_at"] - MONDAY).median() > timedelta(hours=1)
    assert 0.3 < machines["email"].n_unique() / len(set(rows["events"]["email"]) | {""}) < 0.8


def test_who_unsubscribes_withdraws_that_topic(answered: tuple[Answers, dict[str, pl.DataFrame]]) -> None:
    _, rows = answered
    left = events(rows, "Unsubscribed")
    assert left.height > 0
    assert sorted(rows["consents"]["email"]) == sorted(left["email"])
    assert set(rows["consents"].select("channel", "topic", "status").iter_rows()) == {("email", "offers", "withdrawn")}


def test_too_many_messages_tire_people() -> None:
    people = Answers(SHOP)
    chances = []
    for hour in range(8):
        people.answer(to_everybody(people, at=MONDAY + timedelta(hours=hour)))
        chances.append(people.truth().tail(3_000).get_column("chance_to_open").mean())
    assert chances[-1] < 0.7 * chances[0]
    # a week later they have recovered
    people.answer(to_everybody(people, at=MONDAY + timedelta(days=9)))
    assert people.truth().tail(3_000).get_column("chance_to_open").mean() == pytest.approx(chances[0], rel=0.03)


def test_messages_to_strangers_are_answered_by_nobody() -> None:
    people = Answers(SHOP)
    assert (
        people.answer([Message("<1.hourbell@x>", "nobody@else.example", "cart_reminder", "w", "offers", MONDAY)]) == {}
    )
    assert people.truth().height == 0


def test_every_template_has_a_true_effect() -> None:
    from activations.delivery.delivery import TEMPLATES
    from activations.templating.rendering import Templates

    assert set(Templates(TEMPLATES).names) == set(TRUE_EFFECTS)


def test_every_variant_of_an_experiment_has_a_true_effect() -> None:
    project = read_project(DBT, TEMPLATES)
    sent = {
        (workflow.name, step.name): call.arguments["template"]
        for workflow, step in project.steps
        for call in step.called("send")
    }
    assert set(TRUE_VARIANTS) == {
        (sent[settings["workflow"], settings["step"]], variant)
        for settings in project.experiments.values()
        for variant in settings["variants"]
    }


def test_a_variant_is_opened_clicked_and_bought_from_as_often_as_the_truth_expects() -> None:
    effects = {("cart_incentive", "new"): VariantEffect(opens=1.4, clicks=2.0, buys=0.3)}
    people = Answers(SHOP, {"cart_incentive": 0.1}, variants=effects)
    for hour, variant in enumerate(["old", "new", None]):
        at = MONDAY + timedelta(days=15 * hour)
        people.answer([replace(message, variant=variant) for message in to_everybody(people, at=at)])
    truth = people.truth()
    for came, chance in (("opened_at", "chance_to_open"), ("clicked_at", "chance_to_click")):
        for (_,), told in truth.group_by("variant"):
            spread = float(np.sqrt((told[chance] * (1 - told[chance])).sum()))
            assert abs(told[came].is_not_null().sum() - told[chance].sum()) < 4 * spread
    by_variant = {row["variant"]: row for row in true_effects(truth, people.reluctance.truth()).to_dicts()}
    old, new, none = by_variant["old"], by_variant["new"], by_variant[None]
    assert old["expected_clicks"] == pytest.approx(none["expected_clicks"])
    assert new["expected_clicks"] > 2 * old["expected_clicks"]
    assert new["orders_brought"] > 3 * old["orders_brought"]


def test_mailboxes_see_by_the_links_which_variant_a_message_is(tmp_path: Path) -> None:
    people = Answers(SHOP)
    one, other, neither = to_everybody(people)[:3]
    store = Store(tmp_path)
    for message, content in (
        (one, "hello/short%20subject&utm_source=hourbell"),
        (other, f"{'a_long_step' * 6}/long%20subject"),
        (neither, "hello"),
    ):
        # a mail is in quoted-printable, whatever it says
        greeting = "Hello" if message is one else "Grüße"
        text = f"{greeting}\nhttps://shop.example/new?utm_campaign=series&utm_content={content}\nBye"
        mail = email_bytes({"Message-ID": message.message_id}, text=text, html=f"<p>{text}</p>", boundary="b")
        store.append([Arrival("shop@shop.example", message.recipient, message.received_at, mail)])
    store.close()
    Mailboxes(people, tmp_path).answer_new()
    seen = dict(people.truth().select("message_id", "variant").iter_rows())
    assert seen == {
        one.message_id: "short subject",
        other.message_id: "long subject",
        neither.message_id: None,
    }


def test_mailboxes_answer_each_message_once_in_whatever_order_it_came(tmp_path: Path) -> None:
    heard: list[list[dict[str, pl.DataFrame]]] = []
    written: list[list[bytes]] = []
    for name, sequence in (("one", [0, 1, 2]), ("other", [2, 0, 1])):
        people = Answers(SHOP)
        lots = [to_everybody(people)[:40], to_everybody(people, at=MONDAY + timedelta(hours=5))[:40]]
        store = Store(tmp_path / name / "sandbox")
        mailboxes = Mailboxes(people, tmp_path / name / "sandbox")
        assert mailboxes.answer_new() == {}
        rows = []
        for lot in lots:
            for part in sequence:
                store.append([arrival(message) for message in lot[part::3]])
            rows.append(mailboxes.answer_new())
        assert mailboxes.answer_new() == {}
        store.close()
        heard.append(rows)
        people.write_truth(tmp_path / name)
        files = sorted((tmp_path / name / "truth").iterdir())
        assert [file.name for file in files] == ["answers.parquet", "effects.parquet", "kept_away.parquet"]
        written.append([file.read_bytes() for file in files])
        assert people.truth().height == 80
    assert written[0] == written[1]
    for one, other in zip(*heard, strict=True):
        assert "events" in one
        assert one.keys() == other.keys()
        assert all(one[table].equals(other[table]) for table in one)


def own_orders(people: Answers, at: datetime) -> pl.DataFrame:
    """An order that each person would place of themselves at a time."""
    number = len(people.people)
    return pl.DataFrame(
        {
            "order_id": [f"own-{at:%d%H}-{person}" for person in range(number)],
            "person": np.arange(number),
            "ordered_at": np.full(number, microseconds(at)),
        }
    )


@pytest.mark.parametrize(("template", "effect"), [("cart_incentive", 0.9), ("reengagement_goodbye", -0.6)])
def test_people_buy_less_as_often_as_the_truth_expects(template: str, effect: float) -> None:
    """Everybody meets a message that harms; one that helps is met with the contrary by those whom it puts off."""
    people = Answers(SHOP, {template: effect})
    people.answer(to_everybody(people, template))
    orders = own_orders(people, MONDAY + timedelta(days=3))
    kept = people.reluctance.kept_away(orders)
    doubts = people.reluctance.truth()
    assert sorted(doubts.filter(pl.col("was_kept_away"))["order_id"]) == sorted(kept)
    expected, chances = float(doubts["chance"].sum()), doubts["chance"]
    assert expected > 30
    assert abs(len(kept) - expected) < 4 * float(np.sqrt((chances * (1 - chances)).sum()))
    (told,) = true_effects(people.truth(), doubts).to_dicts()
    brought = float(people.truth()["added_chance_to_buy"].sum())
    assert told["expected_added_orders"] == pytest.approx(brought - expected)
    assert told["orders_kept_away"] == len(kept)
    assert (told["expected_added_orders"] > 0) == (effect > 0)
    put_off = set(np.flatnonzero(people.people.traits.put_off).tolist())
    those_kept = {int(order.rpartition("-")[2]) for order in kept}
    assert (those_kept <= put_off) == (effect > 0)
    # it wears off, and nobody is asked twice of one order
    assert people.reluctance.kept_away(own_orders(people, MONDAY + timedelta(days=16))) == []


def test_each_message_too_many_costs_orders_read_or_not() -> None:
    people = Answers(SHOP, {})
    for hour in range(8):
        people.answer(to_everybody(people, at=MONDAY + timedelta(hours=hour)))
    kept = people.reluctance.kept_away(own_orders(people, MONDAY + timedelta(days=3)))
    assert 0.2 < len(kept) / SHOP.contacts < 0.9
    rested = Answers(SHOP, {})
    rested.answer(to_everybody(rested))
    few = rested.reluctance.kept_away(own_orders(rested, MONDAY + timedelta(days=3)))
    assert len(few) < len(kept) / 20


def test_an_order_that_somebody_is_kept_from_never_lands_and_its_cart_is_left(tmp_path: Path) -> None:
    shop = Shop(seed=5, contacts=300, start=datetime(2026, 3, 2), days=4)
    asked: list[str] = []

    def is_withheld(order_id: str) -> bool:
        return int(order_id[-1], 16) % 2 == 1

    def every_other(orders: pl.DataFrame) -> list[str]:
        asked.extend(orders["order_id"])
        return list(filter(is_withheld, orders["order_id"]))

    for name, kept_away in (("all", None), ("fewer", every_other)):
        life = Life(shop, tmp_path / name)
        for _ in range(shop.days):
            life.live(kept_away)
    assert len(asked) == len(set(asked)) > 20
    withheld = list(filter(is_withheld, asked))
    for table, order_id in (
        ("orders", pl.col("order_id")),
        ("order_lines", pl.col("order_id")),
        ("events", pl.col("properties").str.json_path_match("$.order_id")),
        ("contacts", pl.lit(None, pl.String)),
    ):
        everything, fewer = (
            pl.concat([pl.read_parquet(file) for file in sorted((tmp_path / name / table).glob("*.parquet"))])
            for name in ("all", "fewer")
        )
        assert fewer.equals(everything.filter(~order_id.is_in(withheld).fill_null(value=False)))
        assert (fewer.height < everything.height) == (table != "contacts")


def arrival(message: Message) -> Arrival:
    content = (
        f"Message-ID: {message.message_id}\r\n"
        f"Feedback-ID: {message.template}:{message.workflow}:{message.topic}:hourbell\r\n\r\nHello\r\n"
    )
    return Arrival("shop@shop.example", message.recipient, message.received_at, content.encode())
