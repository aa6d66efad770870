"""What goes wrong on the way: rows that come late, come twice, or come broken."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from data.importers.canonical import TIMESTAMP
from data.simulator.landing import settle
from data.simulator.shop import HOUR, SECOND, Shop, hex_ids


@dataclass(frozen=True)
class Fault:
    """A way in which a row can be broken: the column, what is put there, and which rows it can befall."""

    name: str
    column: str
    damage: pl.Expr
    befalls: pl.Expr


def _fault(name: str, column: str, damage: object, befalls: pl.Expr | None = None) -> Fault:
    value = damage if isinstance(damage, pl.Expr) else pl.lit(damage)
    return Fault(name, column, value, pl.lit(value=True) if befalls is None else befalls)


_LONG_AGO = pl.lit(0).cast(TIMESTAMP)
_FAR = pl.lit(4_070_908_800 * SECOND).cast(TIMESTAMP)
_IDENTIFIES = pl.col("type") == "identify"
_HAS_EMAIL = pl.col("email").is_not_null()

FAULTS: Mapping[str, tuple[Fault, ...]] = {
    "events": (
        _fault("no message id", "message_id", None),
        _fault("nobody", "anonymous_id", None),
        _fault("impossible date", "occurred_at", _FAR),
        _fault("ancient date", "occurred_at", _LONG_AGO),
        _fault("no date", "occurred_at", None),
        _fault("unknown type", "type", "trakc"),
        _fault("no event name", "event", None, pl.col("type") == "track"),
        _fault("malformed e-mail", "email", pl.col("email").str.replace("@", " at "), _IDENTIFIES & _HAS_EMAIL),
        _fault("not JSON", "properties", '{"cart_id": ', pl.col("type") == "track"),
        _fault("malformed phone", "phone", "+44 20", _IDENTIFIES),
    ),
    "contacts": (
        _fault("no user id", "user_id", None),
        _fault("invalid timezone", "timezone", "Europe/Atlantis"),
        _fault("malformed e-mail", "email", pl.col("email").str.replace(".", "..", literal=True), _HAS_EMAIL),
        _fault("impossible birth date", "birth_date", pl.date(2190, 2, 3)),
        _fault("unknown country", "country", "Atlantis"),
        _fault("impossible date", "occurred_at", _FAR),
    ),
    "orders": (
        _fault("negative total", "total", -pl.col("total")),
        _fault("no order id", "order_id", None),
        _fault("unknown status", "status", "plcaed"),
        _fault("no total", "total", None),
        _fault("impossible date", "occurred_at", _FAR),
        _fault("too much refunded", "refunded", pl.col("total") + 10),
        _fault("unknown currency", "currency", "pounds"),
    ),
    "order_lines": (
        _fault("negative price", "unit_price", -pl.col("unit_price")),
        _fault("no product", "product_id", None),
        _fault("no quantity", "quantity", None),
    ),
    "consents": (
        _fault("unknown status", "status", "maybe"),
        _fault("nobody", "user_id", None),
        _fault("unknown channel", "channel", "telex"),
    ),
}

# small tables break more often, so that a small shop has every kind of fault
_TIMES_AS_OFTEN = {"events": 1, "contacts": 8, "orders": 2, "order_lines": 1, "consents": 3}

_NEW_KEYS: Mapping[str, str] = {"events": "message_id", "orders": "order_id"}
_IDENTIFIERS = ("user_id", "anonymous_id", "email", "phone")


def lags(shop: Shop, chance: np.random.Generator, count: int) -> np.ndarray:
    """Microseconds from happening to being loaded: seconds as a rule, hours for the late."""
    usual = np.clip(chance.exponential(20, count), 1, 600)
    late = chance.uniform(1, 36, count) * 3600
    seconds = np.where(chance.random(count) < shop.late_share, late, usual)
    return (seconds * 1000).astype(np.int64) * 1000


def with_load_times(shop: Shop, chance: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame (`occurred_at` in microseconds) with `loaded_at`, some time after each row occurred."""
    return frame.with_columns(loaded_at=pl.col("occurred_at") + pl.Series(lags(shop, chance, frame.height)))


def duplicates(shop: Shop, chance: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
    """Copies of some rows: two thirds come on a later day, the others soon after the first."""
    chosen = np.flatnonzero(chance.random(rows.height) < shop.duplicate_share)
    copies = rows.gather(chosen)
    later = chance.random(len(chosen)) < 2 / 3
    wait = np.where(later, chance.uniform(24, 48, len(chosen)) * HOUR, chance.uniform(1, 90, len(chosen)) * SECOND)
    return copies.with_columns(
        loaded_at=pl.col("loaded_at") + pl.Series(wait.astype(np.int64) // 1000 * 1000).cast(pl.Duration("us")),
        _copy=pl.lit(value=True),
    )


class Breaker:
    """Breaks copies of some rows, each kind of fault in turn, so that a small shop has them all."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._turn = dict.fromkeys(FAULTS, 0)
        self._owed = dict.fromkeys(FAULTS, 0.0)

    def broken(self, chance: np.random.Generator, table: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Broken copies of a share of the rows (as `settle` gives them): the rows themselves stay whole.

        A copy has a key of its own, unless its key is what is broken.
        """
        faults = FAULTS[table]
        self._owed[table] += rows.height * self._shop.broken_share * _TIMES_AS_OFTEN[table]
        count = int(self._owed[table])
        self._owed[table] -= count
        kinds = (self._turn[table] + np.arange(count)) % len(faults)
        self._turn[table] += count
        parts = [rows.clear()]
        for kind in np.unique(kinds):
            able = rows.filter(faults[kind].befalls)
            wanted = min(int((kinds == kind).sum()), able.height)
            chosen = np.sort(chance.choice(able.height, wanted, replace=False))
            parts.append(_break(able.gather(chosen), table, faults[kind], chance))
        return pl.concat(parts)


def _break(rows: pl.DataFrame, table: str, fault: Fault, chance: np.random.Generator) -> pl.DataFrame:
    key = _NEW_KEYS.get(table)
    if key is not None:
        rows = rows.with_columns(pl.Series(key, hex_ids(chance, rows.height, 32)))
    elif table == "order_lines":
        rows = rows.with_columns(pl.col("line_number") + 100)
    else:
        rows = rows.with_columns(pl.col("occurred_at") + pl.duration(seconds=1))
    rows = rows.with_columns(fault.damage.alias(fault.column))
    if fault.name == "nobody":
        rows = rows.with_columns(pl.lit(None).alias(name) for name in _IDENTIFIERS if name in rows.columns)
    return settle(
        rows.with_columns(
            _fault=pl.lit(fault.name),
            _column=pl.lit(fault.column),
            _key=pl.col(key or ("order_id" if table == "order_lines" else "user_id")),
            loaded_at=pl.col("loaded_at") + pl.duration(seconds=2),
        ),
        table,
    )
