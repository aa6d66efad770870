"""Made-up experiments: many at once, each with what is known of it at every look."""

from collections.abc import Sequence

import numpy as np
import polars as pl

# for how long goals of a workflow count that no registry names
LONGEST_STAY = "12 days"


def looked_at(
    rates: Sequence[float],
    *,
    seed: int,
    runs: int = 1_000,
    looks: int = 200,
    people: int = 25,
    unsubscribes: Sequence[float] | None = None,
    complaints: Sequence[float] | None = None,
    minimum_sample: int = 250,
    with_revenue: bool = False,
) -> pl.DataFrame:
    """`counted` of each run at each look: so many more people of each variant an hour, some of whom do it."""
    chance = np.random.default_rng(seed)
    nobody = [0.0] * len(rates)
    guarded = zip(rates, unsubscribes or nobody, complaints or nobody, strict=True)
    frames = []
    for place, (rate, leaving, complaining) in enumerate(guarded, start=1):
        hits = chance.binomial(people, rate, (runs, looks))
        total = squares = np.cumsum(hits, axis=1).astype(float)
        if with_revenue:
            # the sum of so many lognormal orders, and of their squares
            orders = chance.lognormal(3.0, 0.6, (runs, looks, people)) * (
                np.arange(people)[None, None, :] < hits[:, :, None]
            )
            total, squares = np.cumsum(orders.sum(axis=2), axis=1), np.cumsum((orders**2).sum(axis=2), axis=1)
        left, complained = (
            np.cumsum(chance.binomial(people, share, (runs, looks)), axis=1) for share in (leaving, complaining)
        )
        frames.append(
            pl.DataFrame(
                {
                    "run": np.repeat(np.arange(runs), looks),
                    "look": np.tile(np.arange(looks), runs),
                    "variant": [f"v{place}"] * (runs * looks),
                    "place": np.full(runs * looks, place),
                    "contacts": np.tile(people * np.arange(1, looks + 1), runs),
                    "total": total.ravel(),
                    "squares": squares.ravel(),
                    "unsubscribed": left.ravel(),
                    "complained": complained.ravel(),
                    "is_rate": np.full(runs * looks, not with_revenue),
                    "minimum_sample": np.full(runs * looks, minimum_sample),
                    "was_stopped": np.full(runs * looks, False),
                }
            )
        )
    return pl.concat(frames)


def holdouts_looked_at(
    rate: float,
    share: float,
    *,
    seed: int,
    runs: int = 1_000,
    looks: int = 250,
    people: int = 25,
    delay: float = 24.0,
    at_once: bool = False,
) -> pl.DataFrame:
    """Workflows that add nothing, as known at every look: what `conversion_lifts` and `revenue_lifts` ask for.

    So many more people enter an hour (or all in the first), a share of them held out; some of them reach the goal some
    time later, and spend something then.
    """
    chance = np.random.default_rng(seed)
    shape = (runs, looks * people)
    came = np.zeros(shape[1], int) if at_once else np.repeat(np.arange(looks), people)
    held_out = chance.random(shape, np.float32) < share
    columns = {
        "treated": np.cumsum(_by_hour(~held_out, came, looks), axis=1),
        "held_out": np.cumsum(_by_hour(held_out, came, looks), axis=1),
    }
    run, person = np.nonzero(chance.random(shape, np.float32) < rate)
    known = came[person] + chance.exponential(delay, len(run)).astype(int)
    spent = np.round(chance.lognormal(3.0, 0.8, len(run)), 2)
    for name, side in (("treated", ~held_out[run, person]), ("held_out", held_out[run, person])):
        counts = side & (known < looks)
        place = run[counts] * looks + known[counts]
        for figure, weights in (
            ("converted", None),
            ("spenders", None),
            ("sum", spent[counts]),
            ("squares", spent[counts] ** 2),
        ):
            by_hour = np.bincount(place, weights, runs * looks).reshape(runs, looks)
            columns[f"{name}_{figure}"] = np.cumsum(by_hour, axis=1)
    return pl.DataFrame(
        {
            "run": np.repeat(np.arange(runs), looks),
            "look": np.tile(np.arange(looks), runs),
            "holdout_share": np.full(runs * looks, share),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )


def _by_hour(chosen: np.ndarray, came: np.ndarray, looks: int) -> np.ndarray:
    return np.stack([np.bincount(came[one], minlength=looks) for one in chosen])
