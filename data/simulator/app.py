"""The shop's app: some of those with an account get it, and it says on which device it runs."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from data.simulator.contacts import statements
from data.simulator.events import as_json
from data.simulator.faults import with_load_times
from data.simulator.people import People, moments
from data.simulator.shop import DAY, Shop, hex_ids

_HAS_IT = 0.3
_AGREES = 0.6
_ANDROID = 0.7


def open_apps(shop: Shop, people: People, day: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows by table of those who open it on a day of the period for the first time.

    Chance has a stream of its own here, and nothing of it goes wrong on its way, so that all else is as without an app.
    """
    drawn, count = shop.chance("app"), len(people)
    first_day = np.where(drawn.random(count) < _HAS_IT, drawn.integers(0, shop.days, count), -1)
    agrees, android = drawn.random(count) < _AGREES, drawn.random(count) < _ANDROID
    chance = shop.chance("app", day)
    at = moments(chance, people, np.arange(count), np.full(count, shop.start_us // DAY + day))
    has_account = (people.registered_at < at) & (at >= shop.start_us) & (at < shop.end_us)
    who = np.flatnonzero((first_day == day) & has_account)
    if len(who):
        yield "events", with_load_times(shop, chance, _registered(chance, people, who, at[who], android[who]))
    willing = who[agrees[who]]
    for topic in ("newsletter", "offers"):
        if len(willing):
            said = statements(people, willing, at[willing], "push", topic, "granted", "the app's settings")
            yield "consents", with_load_times(shop, chance, said)


def _registered(
    chance: np.random.Generator, people: People, who: np.ndarray, at: np.ndarray, android: np.ndarray
) -> pl.DataFrame:
    """What the app says when somebody has logged in: Segment's identify, with the device's token."""
    device = pl.DataFrame(
        {
            "type": np.where(android, "android", "ios"),
            "token": pl.Series(hex_ids(chance, len(who), 22)) + ":APA91b" + pl.Series(hex_ids(chance, len(who), 60)),
        }
    )
    return pl.DataFrame(
        {
            "message_id": hex_ids(chance, len(who), 32),
            "user_id": people.user_id.gather(who),
            "context": as_json(device.select(device=pl.struct("type", "token"))),
            "occurred_at": at // 1000 * 1000,
            "_person": who,
        }
    ).with_columns(type=pl.lit("identify"), traits=pl.lit("{}"), source=pl.lit("app"))
