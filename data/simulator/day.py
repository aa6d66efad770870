"""One day of the shop: visits, carts, orders, sign-ups, and what people change about themselves."""

import numpy as np
import polars as pl

from data.simulator.app import open_apps
from data.simulator.carts import Carts, Looks, basket_of, cart_properties, fill_carts, look_around
from data.simulator.catalogue import Catalogue, choose, reprice
from data.simulator.clock import local_hours, to_utc, weekday_factor
from data.simulator.contacts import allow_at_signup, change_of_mind, details, statements
from data.simulator.events import EventLog, Visits, nobody_yet, product_properties
from data.simulator.faults import Breaker, duplicates, lags, with_load_times
from data.simulator.landing import Landing, settle
from data.simulator.orders import Basket, Buyers, Placed, place
from data.simulator.people import (
    HOUSEHOLD_DEVICE,
    KIOSK_DEVICE,
    NEXT_EMAIL,
    OWN_DEVICES,
    Habit,
    People,
    moments,
)
from data.simulator.shop import DAY, HOUR, NEVER, SECOND, Shop, pick
from data.simulator.truth import person_ids
from data.simulator.vocabulary import CATEGORIES, ORIGINS


def live_day(
    shop: Shop, people: People, catalogue: Catalogue, landing: Landing, breaker: Breaker, day: int
) -> pl.DataFrame:
    """Live the people's local day `day` of the period and land its rows; gives the truth of the day's carts.

    Local days begin at other hours than UTC's, so the period's first and last hours belong to the days -1 and
    `days`. Only what begins within the period happens at all.
    """
    chance = shop.chance("day", day)
    rows: dict[str, list[pl.DataFrame]] = {}
    if 0 <= day < shop.days:
        _note(rows, "products", reprice(shop, catalogue, day))

    log = EventLog(shop, people)
    visits = _visits(shop, chance, people, day)
    _sign_up(shop, chance, people, visits, log, rows)
    _log_in(chance, people, visits, log)
    _subscribe(shop, chance, people, visits, log, rows)
    looks = look_around(chance, people, catalogue, visits)
    carts = fill_carts(chance, people, catalogue, visits, looks)
    _log_in_at_checkout(chance, people, visits, carts, log)
    visits, back = _come_back(chance, people, visits, carts)
    _browse(shop, chance, catalogue, visits, looks, carts, log)
    truth = _order(shop, chance, people, catalogue, visits, looks, carts, back, log, rows)
    if 0 <= day < shop.days:
        visits = _change_details(shop, chance, people, visits, log, rows, day)
        _buy_at_the_till(shop, chance, people, catalogue, rows, day)
    today = np.full(len(people), shop.start_us // DAY + day)
    at = moments(chance, people, np.arange(len(people)), today)
    within = (at >= shop.start_us) & (at < shop.end_us)
    for statement in change_of_mind(shop, chance, people, np.where(within, at, -NEVER)):
        _note(rows, "consents", statement)
    _note(rows, "events", log.rows(chance, visits))
    _land(shop, chance, landing, breaker, rows)
    for table, frame in open_apps(shop, people, day):
        landing.add(table, frame)
    return truth


def _note(rows: dict[str, list[pl.DataFrame]], table: str, frame: pl.DataFrame) -> None:
    if frame.height:
        rows.setdefault(table, []).append(frame)


def _land(
    shop: Shop,
    chance: np.random.Generator,
    landing: Landing,
    breaker: Breaker,
    rows: dict[str, list[pl.DataFrame]],
) -> None:
    """Hand the day's rows over, with what goes wrong on their way."""
    for table in sorted(rows):
        timed = [
            frame if "loaded_at" in frame.columns else with_load_times(shop, chance, frame) for frame in rows[table]
        ]
        whole = pl.concat([settle(frame, table) for frame in timed])
        landing.add(table, whole)
        if table in ("events", "orders"):
            landing.add(table, duplicates(shop, chance, whole))
        if table != "products":
            landing.add(table, breaker.broken(chance, table, whole))


def _visits(shop: Shop, chance: np.random.Generator, people: People, day: int) -> Visits:
    """Who comes on this local day, each person's visits in order of time."""
    rate = people.traits.visit_rate * weekday_factor(shop.day(day), people.traits.weekend_taste)
    number = np.minimum(chance.poisson(rate), 4)
    number[people.arrival_day > day] = 0
    # newcomers come at least on the day that brings them
    number = np.maximum(number, (people.arrival_day == day) & (people.habit == Habit.NEWCOMER))
    person = np.repeat(np.arange(len(people)), number)
    local = local_hours(chance, people.traits.peak_hour[person])
    days = np.full(len(person), shop.start_us // DAY + day)
    at = to_utc(days, local, people.place[person])

    owned = (people.devices[person, :OWN_DEVICES] >= 0).sum(axis=1)
    device = np.minimum((owned * chance.random(len(person)) ** 1.6).astype(np.int64), owned - 1)
    for slot, share in ((HOUSEHOLD_DEVICE, 0.2), (KIOSK_DEVICE, 0.2)):
        uses = (people.devices[person, slot] >= 0) & (chance.random(len(person)) < share)
        device = np.where(uses, slot, device)
    origin = pick(chance, np.array([origin.weight for origin in ORIGINS]), len(person))

    within = np.flatnonzero((at >= shop.start_us) & (at < shop.end_us))
    order = within[np.lexsort((at[within], person[within]))]
    return Visits(person[order], at[order], device[order], origin[order], nobody_yet(len(order)))


def _sign_up(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    visits: Visits,
    log: EventLog,
    rows: dict[str, list[pl.DataFrame]],
) -> None:
    able = people.registered_at[visits.person] == NEVER
    does = able & (chance.random(len(visits)) < people.traits.signup_propensity[visits.person])
    hits = np.flatnonzero(does)
    who, first = np.unique(visits.person[hits], return_index=True)
    visit = hits[first]
    at = (visits.at[visit] + (chance.uniform(8, 18, len(visit)) * SECOND).astype(np.int64)) // 1000 * 1000
    people.registered_at[who] = at
    visits.known_from[visit] = at
    slot = people.email_slot(who, at)
    _note(rows, "contacts", details(people, who, at, slot))
    for statement in allow_at_signup(chance, people, who, at):
        _note(rows, "consents", statement)
    log.identify(chance, visits, visit, at, in_full=True)


def _log_in(chance: np.random.Generator, people: People, visits: Visits, log: EventLog) -> None:
    """Members are often logged in already; on a shared device they have to do it each time."""
    member = people.registered_at[visits.person] <= visits.at
    does = member & (chance.random(len(visits)) < people.traits.login_propensity[visits.person])
    visits.known_from[does] = visits.at[does]
    shared = visits.device >= HOUSEHOLD_DEVICE
    says_so = np.flatnonzero(does & (shared | (chance.random(len(visits)) < 0.35)))
    log.identify(chance, visits, says_so, visits.at[says_so] + 2 * SECOND)


def _subscribe(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    visits: Visits,
    log: EventLog,
    rows: dict[str, list[pl.DataFrame]],
) -> None:
    """Some without an account leave their address for the newsletter."""
    able = (people.registered_at[visits.person] == NEVER) & ~people.newsletter[visits.person]
    hits = np.flatnonzero(able & (chance.random(len(visits)) < 0.04))
    who, first = np.unique(visits.person[hits], return_index=True)
    visit = hits[first]
    at = (visits.at[visit] + (chance.uniform(8, 18, len(visit)) * SECOND).astype(np.int64)) // 1000 * 1000
    people.newsletter[who] = True
    slot = people.email_slot(who, at)
    _note(
        rows,
        "consents",
        statements(people, who, at, "email", "newsletter", "granted", "newsletter form", by_email=slot),
    )
    log.identify(chance, visits, visit, at)


def _log_in_at_checkout(
    chance: np.random.Generator, people: People, visits: Visits, carts: Carts, log: EventLog
) -> None:
    """Most members who had not logged in do so at the checkout; the others order as guests."""
    visit = carts.visit
    member = people.registered_at[visits.person[visit]] <= visits.at[visit]
    unknown = visits.known_from[visit] == NEVER
    does = np.flatnonzero(member & unknown & (carts.checkout_at != NEVER) & (chance.random(len(visit)) < 0.85))
    at = carts.checkout_at[does] - 5 * SECOND
    visits.known_from[visit[does]] = at
    log.identify(chance, visits, visit[does], at)


def _come_back(chance: np.random.Generator, people: People, visits: Visits, carts: Carts) -> tuple[Visits, np.ndarray]:
    """Adds the visits of those who return to a cart; gives them and the position of each one's cart."""
    back = np.flatnonzero(carts.come_back_at != NEVER)
    before = carts.visit[back]
    who, at = visits.person[before], carts.come_back_at[back]
    owned = (people.devices[who, :OWN_DEVICES] >= 0).sum(axis=1)
    same = (chance.random(len(back)) < 0.8) & (visits.device[before] < OWN_DEVICES)
    device = np.where(same, visits.device[before], (owned * chance.random(len(back))).astype(np.int64))
    known_from = np.where(people.registered_at[who] <= at, at, NEVER)
    return visits.and_then(Visits(who, at, device, np.zeros(len(back), dtype=np.int64), known_from)), back


def _browse(
    shop: Shop,
    chance: np.random.Generator,
    catalogue: Catalogue,
    visits: Visits,
    looks: Looks,
    carts: Carts,
    log: EventLog,
) -> None:
    """Pages, products seen, carts filled and checkouts begun."""
    every = np.arange(len(visits))
    shelves = pl.Series(["/", *(f"/c/{category.name}" for category in CATEGORIES)])
    log.page(every, visits.at, shelves.gather(np.maximum(chance.integers(-8, len(CATEGORIES) + 1, len(visits)), 0)))
    log.track("Product Viewed", looks.visit, looks.at, product_properties(shop, catalogue, looks.product))

    for event, which, wait in (
        ("Product Added", looks.added & np.isin(looks.visit, carts.visit), 6),
        ("Product Removed", looks.removed & np.isin(looks.visit, carts.visit), 14),
    ):
        rows = np.flatnonzero(which)
        cart = np.searchsorted(carts.visit, looks.visit[rows])
        properties = product_properties(shop, catalogue, looks.product[rows]).with_columns(
            cart_id=carts.cart_id.gather(cart), quantity=pl.Series(looks.quantity[rows])
        )
        log.track(event, looks.visit[rows], looks.at[rows] + wait * SECOND, properties)

    begun = np.flatnonzero(carts.checkout_at != NEVER)
    visit, at = carts.visit[begun], carts.checkout_at[begun]
    nameless = visits.known_from[visit] > at
    typed = nameless & (chance.random(len(begun)) < 0.7)
    slot = np.where(typed, log.people.email_slot(visits.person[visit], at), -1)
    log.track("Checkout Started", visit, at, cart_properties(shop, carts, begun), email=slot)


def _order(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    catalogue: Catalogue,
    visits: Visits,
    looks: Looks,
    carts: Carts,
    back: np.ndarray,
    log: EventLog,
    rows: dict[str, list[pl.DataFrame]],
) -> pl.DataFrame:
    """Orders of this day's carts, at once or when their people come back; gives the truth of the carts."""
    now = np.flatnonzero(carts.ordered_at != NEVER)
    first_back = len(visits) - len(back)
    cart = np.concatenate([now, back])
    visit = np.concatenate([carts.visit[now], first_back + np.arange(len(back))])
    at = np.concatenate([carts.ordered_at[now], carts.come_back_at[back] + 240 * SECOND])
    begun = visits.at[visit[len(now) :]] + 60 * SECOND
    log.track("Checkout Started", visit[len(now) :], begun, cart_properties(shop, carts, back))

    order_id = pl.repeat(None, len(carts.visit), dtype=pl.String, eager=True)
    ordered_at = np.full(len(carts.visit), NEVER)
    if len(cart):
        logged_in = visits.known_from[visit] <= at
        slot = people.email_slot(visits.person[visit], at)
        buyers = Buyers(
            person=visits.person[visit],
            at=at,
            device=visits.device[visit],
            logged_in=logged_in,
            email=np.where(logged_in & (chance.random(len(cart)) < 0.4), -1, slot),
            gives_phone=chance.random(len(cart)) < 0.3,
            cart_id=carts.cart_id.gather(cart),
            source="shop",
        )
        basket = basket_of(catalogue, visits, carts, looks, cart)
        placed = place(shop, chance, people, catalogue, buyers, basket)
        _note_orders(shop, chance, rows, placed)
        log.track(
            "Order Completed",
            visit,
            at + SECOND,
            _order_properties(shop, catalogue, placed, basket, buyers.cart_id),
            email=buyers.email,
        )
        order_id = order_id.scatter(cart, placed.order_id)
        ordered_at[cart] = at
    return pl.DataFrame(
        {
            "cart_id": carts.cart_id,
            "person_id": person_ids(visits.person[carts.visit]),
            "filled_at": carts.last_at,
            "value": carts.value / 100,
            "ordered_at": ordered_at,
            "order_id": order_id,
        }
    )


def _order_properties(
    shop: Shop, catalogue: Catalogue, placed: Placed, basket: Basket, cart_id: pl.Series
) -> pl.DataFrame:
    products = (
        product_properties(shop, catalogue, basket.product)
        .select("product_id", "name", "category", "price")
        .with_columns(quantity=pl.Series(basket.quantity), order=pl.Series(basket.order))
        .group_by("order", maintain_order=True)
        .agg(products=pl.struct("product_id", "name", "category", "price", "quantity"))
    )
    return pl.DataFrame(
        {
            "order_id": placed.order_id,
            "cart_id": cart_id,
            "total": placed.total / 100,
            "revenue": (placed.total - placed.shipping - placed.tax) / 100,
            "shipping": placed.shipping / 100,
            "tax": placed.tax / 100,
            "discount": placed.discount / 100,
            "products": products["products"],
        }
    ).with_columns(currency=pl.lit(shop.currency))


def _note_orders(shop: Shop, chance: np.random.Generator, rows: dict[str, list[pl.DataFrame]], placed: Placed) -> None:
    """An order and its lines are loaded together; so are a refund and what came back."""
    count = len(placed.order_id)
    first, after = lags(shop, chance, count), lags(shop, chance, count)
    for table, frame, is_first in (
        ("orders", placed.orders, pl.col("status") == "placed"),
        ("order_lines", placed.order_lines, pl.col("quantity") > 0),
    ):
        order = frame["_order"].to_numpy()
        lag = pl.when(is_first).then(pl.Series(first[order])).otherwise(pl.Series(after[order]))
        _note(rows, table, frame.with_columns(loaded_at=pl.col("occurred_at") + lag))


def _change_details(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    visits: Visits,
    log: EventLog,
    rows: dict[str, list[pl.DataFrame]],
    day: int,
) -> Visits:
    """Members who have moved to another address today say so, in a visit for that alone."""
    begin = shop.start_us + day * DAY
    moved_at = people.email_from[:, NEXT_EMAIL]
    who = np.flatnonzero((moved_at >= begin) & (moved_at < begin + DAY) & (people.registered_at < moved_at))
    at = moved_at[who]
    slot = np.full(len(who), NEXT_EMAIL)
    _note(rows, "contacts", details(people, who, at, slot))
    zero = np.zeros(len(who), dtype=np.int64)
    visits = visits.and_then(Visits(who, at, zero, zero, at))
    log.identify(chance, visits, len(visits) - len(who) + np.arange(len(who)), at)
    return visits


def _buy_at_the_till(
    shop: Shop,
    chance: np.random.Generator,
    people: People,
    catalogue: Catalogue,
    rows: dict[str, list[pl.DataFrame]],
    day: int,
) -> None:
    """A few buy in the shop itself, with their card or by their telephone number."""
    begin = shop.start_us + day * DAY
    member = (people.registered_at < begin) & (people.habit <= Habit.OCCASIONAL)
    who = np.flatnonzero(member & (chance.random(len(people)) < 0.0025))
    if len(who) == 0:
        return
    at = to_utc(
        np.full(len(who), begin // DAY),
        (chance.uniform(10, 18, len(who)) * HOUR).astype(np.int64) // 1000 * 1000,
        people.place[who],
    )
    open_now = (at >= begin) & (at < begin + DAY)
    who, at = who[open_now], at[open_now]
    has_phone = people.phone.gather(who).is_not_null().to_numpy()
    by_phone = has_phone & (chance.random(len(who)) < 0.5)
    none = np.full(len(who), -1)
    buyers = Buyers(
        person=who,
        at=at,
        device=none,
        logged_in=~by_phone,
        email=none,
        gives_phone=by_phone,
        cart_id=pl.repeat(None, len(who), dtype=pl.String, eager=True),
        source="till",
    )
    order = np.repeat(np.arange(len(who)), 1 + chance.binomial(3, 0.3, len(who)))
    shelf = chance.integers(0, len(CATEGORIES), len(order))
    product = choose(chance, catalogue, shelf)
    quantity = 1 + chance.binomial(2, 0.15, len(order))
    placed = place(shop, chance, people, catalogue, buyers, Basket(order, product, quantity, catalogue.price[product]))
    _note_orders(shop, chance, rows, placed)
