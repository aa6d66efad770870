"""The shop's people answer to the messages that they get: they open, click, buy more or less, unsubscribe, complain.

What they do lands like any provider's reports and any shop's orders. What a message truly brings about is known here
and written to the truth; nothing in the landed files tells.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from data.importers.canonical import TIMESTAMP, conform, write_parquet
from data.simulator.catalogue import choose, stock
from data.simulator.clock import to_utc
from data.simulator.contacts import statements
from data.simulator.effects import AS_USUAL, TRUE_EFFECTS, TRUE_VARIANTS, VariantEffect
from data.simulator.events import as_json
from data.simulator.faults import lags
from data.simulator.orders import Basket, Buyers, place
from data.simulator.people import OWN_DEVICES, People, populate
from data.simulator.reluctance import Reason, Reluctance
from data.simulator.shop import DAY, HOUR, NEVER, SECOND, Shop, microseconds
from data.simulator.truth import person_ids

WEEK = timedelta(days=7)
PROVIDER = "mail provider"

# what one message too many does to the orders of the week after, and how much as strongly as others are moved to buy
# those are kept from it whom messages put off
_TIRED = 0.1
_PUT_OFF = 0.5
_SECOND_LOOK = 0.2
_DRAWS = 12


@dataclass(frozen=True, slots=True)
class Message:
    """A message as somebody's mailbox has it; the sandbox's `Received` has all of this."""

    message_id: str
    recipient: str
    template: str
    workflow: str
    topic: str
    received_at: datetime
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person does about one message. Microseconds, `NEVER` for what does not happen."""

    message: Message
    person: int
    chance_to_open: float
    chance_to_click: float
    added_chance_to_buy: float
    """Over having no such message; what came of it is `bought_at`."""
    chance_to_keep_away: float = 0.0
    """That an order which they would have placed of themselves within a week is not placed."""
    bounced_at: int = NEVER
    opened_by_machine_at: int = NEVER
    opened_at: int = NEVER
    opened_again_at: int = NEVER
    clicked_at: int = NEVER
    unsubscribed_at: int = NEVER
    complained_at: int = NEVER
    bought_at: int = NEVER


class Answers:
    """The people of a shop as they take messages; the same messages in the same lots get the same answers."""

    def __init__(
        self,
        shop: Shop,
        effects: Mapping[str, float] = TRUE_EFFECTS,
        *,
        variants: Mapping[tuple[str, str], VariantEffect] = TRUE_VARIANTS,
        people: People | None = None,
    ) -> None:
        """`effects` says by template what reading adds to the chance that an order follows, or takes from it, and
        `variants` by template and variant what else is otherwise; `people` are those of a shop that is lived beside."""
        self.shop = shop
        self.people: People = people or populate(shop)
        self.reluctance = Reluctance(shop)
        self._effects = effects
        self._variants = variants
        self._catalogue = stock(shop)
        self._received: dict[int, list[datetime]] = {}
        self._truth: list[pl.DataFrame] = []
        # who shares an address is answered for by the first of them
        self._person: dict[str, int] = {}
        for emails in self.people.emails:
            for person, email in enumerate(emails):
                self._person.setdefault(email.lower(), person)

    def answer(self, messages: Iterable[Message]) -> dict[str, pl.DataFrame]:
        """The rows that land because of these messages, by canonical table; tables without any are left out."""
        answers = [answer for message in messages if (answer := self._answer(message)) is not None]
        if not answers:
            return {}
        # many small lots must not share their chance
        chance = self.shop.chance("answers", answers[0].message.message_id)
        orders, order_lines, order_ids = self._orders(chance, answers)
        self._truth.append(_truth(answers, order_ids))
        rows = {
            "events": self._events(chance, answers),
            "consents": self._consents(chance, answers),
            "orders": orders,
            "order_lines": order_lines,
        }
        return {table: conform(frame, table).sort("loaded_at") for table, frame in rows.items() if frame.height}

    def write_truth(self, out: Path) -> None:
        """One row per message in `answers.parquet`, the orders that messages may have kept away in `kept_away.parquet`,
        and what the variants of each message truly added in `effects.parquet`."""
        truth, kept_away = self.truth(), self.reluctance.truth()
        write_parquet(truth, out / "truth" / "answers.parquet")
        write_parquet(kept_away, out / "truth" / "kept_away.parquet")
        write_parquet(true_effects(truth, kept_away), out / "truth" / "effects.parquet")

    def truth(self) -> pl.DataFrame:
        """One row per message so far: who got it, what they did, and what it truly added."""
        return pl.concat(self._truth) if self._truth else _truth([], [])

    def _answer(self, message: Message) -> Answer | None:
        person = self._person.get(message.recipient.lower())
        if person is None:
            return None
        traits = self.people.traits
        draw = self.shop.chance("answer", message.message_id, message.recipient).random(_DRAWS)
        received = microseconds(message.received_at)
        if traits.mailbox_is_dead[person]:
            return Answer(message, person, 0.0, 0.0, 0.0, bounced_at=received + int((1 + 20 * draw[0]) * SECOND))

        tired = self._tiredness(person, message.received_at)
        variant = self._variants.get((message.template, message.variant or ""), AS_USUAL)
        to_open = float(traits.open_propensity[person]) * (1.6 if message.topic == "service" else 1.0) / tired
        to_open = min(to_open * variant.opens, 0.95)
        effect = (self._effects.get(message.template, 0.0) + variant.buys) * float(traits.message_lift[person])
        if effect > 0:
            effect *= -_PUT_OFF if traits.put_off[person] else 1 / tired
        to_buy = min(max(effect, 0.0), 1.0)
        to_click = min(2 * float(traits.click_propensity[person]) * variant.clicks / tired, 1.0)
        opens = draw[1] < to_open
        opened = _whole_seconds(self._read_at(person, received, draw[2], draw[3])) if opens else NEVER
        keeps_away = min(_TIRED * (tired - 1) + (max(-effect, 0.0) if opens else 0.0), 0.9)
        self.reluctance.note(
            person,
            Reason(
                message.message_id,
                message.workflow,
                message.template,
                opened if opens else received,
                keeps_away,
            ),
        )
        clicks = opens and draw[4] < to_click
        buys = opens and draw[5] < to_buy
        leaves = opens and message.topic != "service" and draw[6] < traits.unsubscribe_propensity[person] * tired
        complains = opens and draw[7] < traits.complaint_propensity[person] * tired**2
        clicked = opened + int((5 + 60 * draw[8]) * SECOND) if clicks or buys else NEVER
        bought = clicked + int((0.1 + 8 * draw[9] ** 3) * HOUR) if buys else NEVER
        return Answer(
            message,
            person,
            chance_to_open=to_open,
            # who buys has followed the link
            chance_to_click=to_open * (1 - (1 - to_click) * (1 - to_buy)),
            added_chance_to_buy=to_open * to_buy,
            chance_to_keep_away=keeps_away,
            opened_by_machine_at=received + int((5 + 240 * draw[10]) * SECOND)
            if traits.opens_by_machine[person]
            else NEVER,
            opened_at=opened,
            opened_again_at=opened + int(3 * HOUR * (1 + draw[11])) if opens and draw[11] < _SECOND_LOOK else NEVER,
            clicked_at=clicked,
            unsubscribed_at=opened + 40 * SECOND if leaves else NEVER,
            complained_at=opened + 20 * SECOND if complains else NEVER,
            bought_at=bought,
        )

    def _tiredness(self, person: int, at: datetime) -> float:
        """1 as long as the week's messages are not more than somebody bears; twice as many count double."""
        week = [earlier for earlier in self._received.get(person, []) if earlier > at - WEEK]
        self._received[person] = [*week, at]
        return max(1.0, (len(week) + 1) / max(1.0, float(self.people.traits.messages_borne_a_week[person])))

    def _read_at(self, person: int, received: int, about: float, hurry: float) -> int:
        """Some read at once; the others at their own hour, today or tomorrow where they live."""
        if hurry < 0.25:
            return received + int((1 + 40 * about) * 60 * SECOND)
        hour = (float(self.people.traits.reading_hour[person]) + 2 * (about - 0.5)) % 24
        for day in range(-1, 3):
            days = np.array([received // DAY + day])
            local = np.array([int(hour * HOUR)])
            at = int(to_utc(days, local, self.people.place[[person]])[0])
            if at > received:
                return at
        return received + DAY

    def _events(self, chance: np.random.Generator, answers: Sequence[Answer]) -> pl.DataFrame:
        reports = [
            (event, answer, at, machine, kind)
            for answer in answers
            for event, at, machine, kind in (
                ("Email Bounced", answer.bounced_at, False, "hard"),
                ("Email Opened", answer.opened_by_machine_at, True, None),
                ("Email Opened", answer.opened_at, False, None),
                ("Email Opened", answer.opened_again_at, False, None),
                ("Email Link Clicked", answer.clicked_at, False, None),
                ("Unsubscribed", answer.unsubscribed_at, False, None),
                ("Email Marked as Spam", answer.complained_at, False, None),
            )
            if at != NEVER
        ]
        if not reports:
            return pl.DataFrame()
        properties = pl.DataFrame(
            {
                "email_id": [answer.message.message_id for _, answer, _, _, _ in reports],
                "campaign_name": [answer.message.template for _, answer, _, _, _ in reports],
                "topic": [answer.message.topic for _, answer, _, _, _ in reports],
                "machine_open": [machine for _, _, _, machine, _ in reports],
                "type": [kind for _, _, _, _, kind in reports],
            },
            schema_overrides={"type": pl.String},
        )
        events = pl.DataFrame(
            {
                "message_id": [
                    f"{answer.message.message_id.strip('<>')}/{event}/{at}" for event, answer, at, _, _ in reports
                ],
                "event": [event for event, *_ in reports],
                "email": [answer.message.recipient for _, answer, _, _, _ in reports],
                "properties": as_json(properties),
                "occurred_at": [at for _, _, at, _, _ in reports],
            }
        ).with_columns(type=pl.lit("track"), source=pl.lit(PROVIDER))
        return _known_later(self.shop, chance, events)

    def _consents(self, chance: np.random.Generator, answers: Sequence[Answer]) -> pl.DataFrame:
        leaving = [answer for answer in answers if answer.unsubscribed_at != NEVER]
        if not leaving:
            return pl.DataFrame()
        frames = [
            statements(
                self.people,
                np.array([answer.person]),
                np.array([answer.unsubscribed_at]),
                "email",
                answer.message.topic,
                "withdrawn",
                "unsubscribe link",
                by_email=np.array([1]),
            ).with_columns(email=pl.lit(answer.message.recipient))
            for answer in leaving
        ]
        return _known_later(self.shop, chance, pl.concat(frames))

    def _orders(
        self, chance: np.random.Generator, answers: Sequence[Answer]
    ) -> tuple[pl.DataFrame, pl.DataFrame, list[str | None]]:
        """Orders, their lines, and by answer the number of the order."""
        order_ids: list[str | None] = [None] * len(answers)
        buying = sorted(
            (position for position, answer in enumerate(answers) if answer.bought_at != NEVER),
            key=lambda position: answers[position].bought_at,
        )
        if not buying:
            return pl.DataFrame(), pl.DataFrame(), order_ids
        person = np.array([answers[position].person for position in buying])
        at = np.array([_whole_seconds(answers[position].bought_at) for position in buying])
        owned = (self.people.devices[person, :OWN_DEVICES] >= 0).sum(axis=1)
        buyers = Buyers(
            person=person,
            at=at,
            device=(owned * chance.random(len(person))).astype(np.int64),
            logged_in=np.zeros(len(person), dtype=bool),
            email=self.people.email_slot(person, at),
            gives_phone=np.zeros(len(person), dtype=bool),
            cart_id=pl.repeat(None, len(person), dtype=pl.String, eager=True),
            source="shop",
        )
        order = np.repeat(np.arange(len(person)), 1 + chance.binomial(3, 0.3, len(person)))
        shelf = self.people.traits.favourite[person[order]]
        product = choose(chance, self._catalogue, shelf)
        basket = Basket(order, product, np.ones(len(order), dtype=np.int64), self._catalogue.price[product])
        placed = place(self.shop, chance, self.people, self._catalogue, buyers, basket)
        for position, order_id in zip(buying, placed.order_id, strict=True):
            order_ids[position] = order_id
        return (
            _known_later(self.shop, chance, placed.orders),
            _known_later(self.shop, chance, placed.order_lines),
            order_ids,
        )


def true_effects(truth: pl.DataFrame, kept_away: pl.DataFrame) -> pl.DataFrame:
    """One row per workflow, template and variant: its messages, the clicks that were expected, the orders that they
    brought and kept away, and what they were expected to add, which is below zero where they do harm."""
    kept = kept_away.group_by("message_id").agg(
        expected_kept_away=pl.col("chance").sum(), kept_away=pl.col("was_kept_away").sum()
    )
    number = pl.Int64
    return (
        truth.join(kept, on="message_id", how="left", maintain_order="left")
        .group_by("workflow", "template", "variant")
        .agg(
            messages=pl.len().cast(number),
            expected_clicks=pl.col("chance_to_click").sum(),
            expected_added_orders=pl.col("added_chance_to_buy").sum() - pl.col("expected_kept_away").sum(),
            orders_brought=pl.col("order_id").is_not_null().sum().cast(number),
            orders_kept_away=pl.col("kept_away").sum().cast(number),
        )
        .sort("workflow", "template", "variant")
    )


def _truth(answers: Sequence[Answer], order_ids: Sequence[str | None]) -> pl.DataFrame:
    moments = ("bounced_at", "opened_at", "clicked_at", "unsubscribed_at", "complained_at", "bought_at")
    return pl.DataFrame(
        {
            "message_id": pl.Series([answer.message.message_id for answer in answers], dtype=pl.String),
            "person_id": person_ids(np.array([answer.person for answer in answers], dtype=np.int64)),
            "workflow": pl.Series([answer.message.workflow for answer in answers], dtype=pl.String),
            "template": pl.Series([answer.message.template for answer in answers], dtype=pl.String),
            "variant": pl.Series([answer.message.variant for answer in answers], dtype=pl.String),
            "received_at": pl.Series([answer.message.received_at for answer in answers], dtype=TIMESTAMP),
            "chance_to_open": pl.Series([answer.chance_to_open for answer in answers], dtype=pl.Float64),
            "chance_to_click": pl.Series([answer.chance_to_click for answer in answers], dtype=pl.Float64),
            "added_chance_to_buy": pl.Series([answer.added_chance_to_buy for answer in answers], dtype=pl.Float64),
            "chance_to_keep_away": pl.Series([answer.chance_to_keep_away for answer in answers], dtype=pl.Float64),
            **{
                name: pl.Series(
                    [None if (at := getattr(answer, name)) == NEVER else at for answer in answers], dtype=pl.Int64
                ).cast(TIMESTAMP)
                for name in moments
            },
            "order_id": pl.Series(list(order_ids), dtype=pl.String),
        }
    )


def _known_later(shop: Shop, chance: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with `loaded_at`, some time after each row occurred; times as timestamps."""
    at = pl.col("occurred_at").cast(pl.Int64)
    return frame.with_columns(
        occurred_at=at.cast(TIMESTAMP), loaded_at=(at + pl.Series(lags(shop, chance, frame.height))).cast(TIMESTAMP)
    )


def _whole_seconds(at: int) -> int:
    return at // SECOND * SECOND
