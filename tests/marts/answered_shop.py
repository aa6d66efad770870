"""What the tests of the closed loop share: a shop whose people answer, and what is put into it on purpose."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from readers import Heard

from dagster_project.home import Home
from dagster_project.ticks.statements import Statement
from data.simulator import Shop
from data.simulator.effects import TRUE_EFFECTS

TICKS = 20
SHOP = Shop(seed=11, contacts=2_000, start=datetime(2026, 3, 2), days=5)
HELD_OUT = 0.5
# carts are taken up again far more often than anywhere, so that five days show it; to be thanked harms
EFFECTS = {
    **TRUE_EFFECTS,
    "cart_reminder": 0.8,
    "cart_reassurance": 0.8,
    "cart_incentive": 0.8,
    "post_purchase_thanks": -0.8,
}


@dataclass(frozen=True)
class AnsweredRun:
    """The home of a shop that has answered for five days, its truth, and what readers of its marts met with."""

    home: Home
    truth: Path
    heard: Heard


def holding_out(statements: Sequence[Statement], share: float) -> list[Statement]:
    """The statements with another share of every workflow held out of which anybody is."""
    changed = [
        known.saying([re.sub(r"< 0\.\d+(?=\s+then)", f"< {share}", sql) for sql in known.sql])
        if known.model.endswith("__entered")
        else known
        for known in statements
    ]
    assert sum(one.sql != known.sql for one, known in zip(changed, statements, strict=True)) == 11
    return changed
