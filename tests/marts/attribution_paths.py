"""Models of attribution over paths that a test gives: compiled SQL in a small warehouse, and slow references."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, permutations

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.ticks.windows import Window

MIDNIGHT = datetime(2026, 3, 20)
# what is learnt at a midnight counts in the day that begins
TICK = Window(MIDNIGHT, MIDNIGHT + timedelta(hours=1))
LONG_AGO = MIDNIGHT - timedelta(days=20)
LEARNING = ("markov_effects", "shapley_values")
# which states are told apart is settled first
SETTLED = ("midnights", "attribution_states")
START, ORDER, NOTHING = "(start)", "(order)", "(nothing)"


@dataclass(frozen=True)
class Journey:
    """What people met with, first to last: how many of them ordered, and how many did not.

    A state is a channel, or `channel|campaign`.
    """

    states: tuple[str, ...]
    orders: int = 0
    without: int = 0


def fill(connection: duckdb.DuckDBPyConnection, journeys: Sequence[Journey]) -> None:
    """Paths that ended long ago, from which models learn. Each order is worth a cent more than the one before."""
    connection.execute("create schema if not exists marts")
    connection.execute("create schema if not exists contacts")
    given = pa.table(
        {
            "journey": range(len(journeys)),
            "states": [list(one.states) for one in journeys],
            "orders": [one.orders for one in journeys],
            "without": [one.without for one in journeys],
        }
    )
    connection.register("given", given)
    touches = f"""
        select
            concat(journey, '-', time) as conversion_id,
            cast(hash(journey, time, place, led) >> 4 as bigint) as touch_id,
            'visit' as kind,
            cast(hash(journey, time, led) >> 4 as bigint) as contact_id,
            split_part(states[place], '|', 1) as channel,
            nullif(split_part(states[place], '|', 2), '') as campaign,
            cast(columns(['action_id', 'enrollment_id']) as bigint),
            cast(columns(['workflow', 'step', 'variant', 'source', 'topic']) as varchar),
            timestamp '{LONG_AGO}' + place * interval '1 minute' as touched_at,
            timestamp '{LONG_AGO}' + interval '1 hour' as converted_at,
            timestamp '{LONG_AGO}' + interval '1 hour' as known_at,
            cast(10 + dense_rank() over (order by journey, time) / 100 as decimal(18, 2)) as revenue,
            'GBP' as currency,
            led
        from (
            select *, unnest(generate_series(1, len(states))) as place
            from (
                select *, true as led, unnest(generate_series(1, orders)) as time from given
                union all
                select *, false as led, unnest(generate_series(1, without)) as time from given
            )
        )
        cross join (
            select
                null as action_id, null as enrollment_id, null as workflow, null as step, null as variant,
                null as source, null as topic
        )
    """
    connection.execute(f"create or replace table marts.touchpoints as {touches}")
    connection.execute("create or replace table marts.conversion_touchpoints as from marts.touchpoints where led")
    connection.execute(
        "create or replace table marts.conversions as "
        "select distinct conversion_id, contact_id, revenue, currency, converted_at, known_at "
        "from marts.conversion_touchpoints"
    )
    connection.execute(
        "create or replace table contacts.orders as "
        "select conversion_id as order_id, 'placed' as status, revenue as total, "
        "cast(null as decimal(18, 2)) as refunded, known_at as effective_at from marts.conversions"
    )
    connection.unregister("given")


def learn(connection: duckdb.DuckDBPyConnection, sql: Mapping[str, str]) -> None:
    """Let the models learn what they learn from the paths."""
    for model in (*SETTLED, *LEARNING):
        connection.execute(f"create or replace table marts.{model} as {sql[model]}")


def give_credit(connection: duckdb.DuckDBPyConnection, sql: Mapping[str, str], models: Iterable[str]) -> None:
    """Let models share out the orders of the same paths, in the day that follows."""
    connection.execute(
        f"update marts.conversion_touchpoints set known_at = timestamp '{MIDNIGHT}' + interval '1 minute'"
    )
    for model in models:
        connection.execute(f"create or replace table marts.{model} as {sql[model]}")


def credit_by_state(connection: duckdb.DuckDBPyConnection, model: str) -> dict[str, float]:
    """How many orders a model gives to each state."""
    return dict(
        connection.execute(
            f"select channel, cast(sum(share) as double) from marts.{model} as credits "
            "inner join marts.conversion_touchpoints using (conversion_id, touch_id) group by channel"
        ).fetchall()
    )


def removal_effects(journeys: Iterable[Journey]) -> dict[str, float]:
    """The share of orders that is lost when whoever comes to a state leaves: the chain is solved anew without it."""
    times: Counter[tuple[str, str]] = Counter()
    for one in journeys:
        for end, count in ((ORDER, one.orders), (NOTHING, one.without)):
            for step in pairwise((START, *one.states, end)):
                times[step] += count
    states = sorted({origin for origin, _ in times})
    place = {state: number for number, state in enumerate(states)}

    def chance_of_order(without: str | None) -> float:
        stays, orders = np.zeros((len(states), len(states))), np.zeros(len(states))
        for (origin, target), count in times.items():
            all_of_them = sum(others for (left, _), others in times.items() if left == origin)
            if without in (origin, target):
                continue
            if target in place:
                stays[place[origin], place[target]] = count / all_of_them
            elif target == ORDER:
                orders[place[origin]] = count / all_of_them
        return float(np.linalg.solve(np.eye(len(states)) - stays, orders)[place[START]])

    whole = chance_of_order(None)
    return {state: 1 - chance_of_order(state) / whole if whole else 0.0 for state in states if state != START}


def worths(journeys: Iterable[Journey]) -> dict[frozenset[str], float]:
    """By the states that a path met with: the share of paths with just these that led to an order."""
    orders: Counter[frozenset[str]] = Counter()
    both: Counter[frozenset[str]] = Counter()
    for one in journeys:
        orders[frozenset(one.states)] += one.orders
        both[frozenset(one.states)] += one.orders + one.without
    return {coalition: orders[coalition] / count for coalition, count in both.items() if orders[coalition]}


def shapley_value(coalition: frozenset[str], worth: Mapping[frozenset[str], float]) -> dict[str, float]:
    """What each state adds to those before it, over all orders in which they could have come."""
    added: Counter[str] = Counter()
    orders = list(permutations(sorted(coalition)))
    for order in orders:
        for place, state in enumerate(order):
            before, after = frozenset(order[:place]), frozenset(order[: place + 1])
            added[state] += worth.get(after, 0.0) - worth.get(before, 0.0)  # type: ignore[assignment]
    return {state: total / len(orders) for state, total in added.items()}
