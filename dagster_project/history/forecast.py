"""What a workflow would do: run over history in a copy of the warehouse, as if it had been switched on then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt
from statistics import NormalDist

import duckdb

from activations.errors import HourbellError
from dagster_project.history.trial import Progress, copied, try_out
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

CONFIDENCE, POWER = 0.95, 0.8


@dataclass(frozen=True)
class StepForecast:
    """What becomes of those who reach a step."""

    step: str
    reached: int
    sent: int
    waiting: int
    """Put off, and not decided by the end."""
    stopped: Sequence[tuple[str, int]]
    """By gate."""


@dataclass(frozen=True)
class Forecast:
    """What a workflow would have done in a span of history."""

    workflow: str
    window: Window
    treated: int
    held_out: int
    """Contacts, not enrollments."""
    converted: int
    """Contacts who reached the goal, without any message of it."""
    steps: Sequence[StepForecast]
    overlap: Sequence[tuple[str, int]]
    """Other workflows, and how many of the treated contacts got a message from them in that time."""

    @property
    def smallest_lift(self) -> float | None:
        """The smallest difference in the share of contacts who convert that such groups would show; None without both.

        Of a two-sided test at 95 %, in four of five cases: (z(0.975) + z(0.8)) * sqrt(p (1 - p) (1 / n1 + 1 / n2)).
        Source: J. Fleiss, B. Levin, M. Paik, Statistical Methods for Rates and Proportions, 3rd edition, chapter 4.
        """
        if not self.treated or not self.held_out:
            return None
        share = self.converted / (self.treated + self.held_out)
        z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2) + NormalDist().inv_cdf(POWER)
        return z * sqrt(share * (1 - share) * (1 / self.treated + 1 / self.held_out))


def forecast(
    home: Home,
    workflow: str,
    over: timedelta,
    size: timedelta,
    progress: Progress = lambda done, total: None,
) -> Forecast:
    """Run everything over the last so long, in ticks of a size, with a workflow switched on from there. Nothing of it
    touches the warehouse.

    The gate decides as it would: consent, caps, quiet hours, and the other workflows beside it.
    Raises HourbellError where there is no such workflow or no history.
    """
    known = registered_workflows()
    if workflow not in known:
        raise HourbellError(f"There is no workflow {workflow!r}. The registry has {', '.join(known)}.")
    with copied(home) as copy:
        window = try_out(copy, workflow, over, size, progress)
        with open_warehouse(copy) as connection:
            return _told(connection, workflow, window)


def _told(connection: duckdb.DuckDBPyConnection, workflow: str, window: Window) -> Forecast:
    assigned = dict(
        connection.execute(
            "select assignment, count(distinct contact_id) from decisions.arrivals "
            "where workflow = ? and step = 'entered' group by assignment",
            [workflow],
        ).fetchall()
    )
    ((converted,),) = connection.execute(
        "select count(distinct arrivals.contact_id) from decisions.arrivals as arrivals "
        "inner join decisions.exits as exits on arrivals.enrollment_id = exits.enrollment_id "
        "where arrivals.workflow = $1 and arrivals.step = 'entered' and exits.workflow = $1 "
        "and exits.reason = 'converted'",
        [workflow],
    ).fetchall()
    return Forecast(
        workflow,
        window,
        assigned.get("treated", 0),
        assigned.get("holdout", 0),
        converted,
        list(_steps(connection, workflow)),
        connection.execute(
            "select workflow, count(distinct contact_id) from decisions.decisions "
            "where workflow <> $1 and outcome = 'send' and kind = 'send' and tick_end > $2 and contact_id in ("
            "select contact_id from decisions.arrivals "
            "where workflow = $1 and step = 'entered' and assignment = 'treated') "
            "group by workflow order by 2 desc, 1",
            [workflow, window.start],
        ).fetchall(),
    )


def _steps(connection: duckdb.DuckDBPyConnection, workflow: str) -> Iterator[StepForecast]:
    reached = connection.execute(
        "select step, count(*), min(reached_at) from decisions.arrivals where workflow = ? and step <> 'entered' "
        "group by step order by 3, 1",
        [workflow],
    ).fetchall()
    # what was put off was decided again later
    decided = connection.execute(
        "with latest as (select step, outcome, gate from decisions.decisions where workflow = ? "
        "qualify row_number() over (partition by action_id order by tick_end desc) = 1) "
        "select step, outcome, gate, count(*) from latest group by all order by all",
        [workflow],
    ).fetchall()
    for step, count, _ in reached:
        own = [row[1:] for row in decided if row[0] == step]
        yield StepForecast(
            step,
            count,
            sum(number for outcome, _, number in own if outcome == "send"),
            sum(number for outcome, _, number in own if outcome == "deferred"),
            [(gate, number) for outcome, gate, number in own if outcome == "stopped"],
        )
