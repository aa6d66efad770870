"""Made-up experiments: many at once, each with what is known of it at every look."""

from collections.abc import Sequence

import numpy as np
import polars as pl

GLOBAL_HOLDOUT = 0.4


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
