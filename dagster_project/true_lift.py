"""What the messages of a simulated shop truly added, in the terms of the marts holdout_lift, step_lift and
experiment_results."""

from pathlib import Path

import duckdb

from dagster_project.registry import experiment_places

_ACTION = "cast(regexp_extract(message_id, '^<([0-9]+)[.]hourbell@', 1) as bigint)"
# who reached the goal by nothing but orders that these messages brought is added; who was kept from an order by one of
# them, and placed no other, is lost. As in the marts, everybody's first entry counts, and no order that came to nothing
_TRUE_LIFT = """
    with treated as (
        select workflow, step, contact_id, enrollment_id, reached_at
        from decisions.arrivals
        where {treated}
        qualify row_number() over (partition by workflow, step, contact_id order by reached_at, enrollment_id) = 1
    ),

    goals as (
        select distinct treated.workflow, treated.step, treated.contact_id, exits.conversion_id
        from decisions.exits
        inner join treated using (workflow, enrollment_id)
        left join marts.given_back as given_back using (conversion_id)
        where
            exits.reason = 'converted'
            and exits.exited_at >= treated.reached_at
            and (given_back.amount is null or given_back.amount < exits.revenue)
    ),

    sent as (
        select action_id, workflow, {step} as step, contact_id
        from decisions.decisions
        where outcome = 'send'
    ),

    brought as (
        select sent.workflow, sent.step, answers.order_id
        from (select *, {action} as action_id from read_parquet($answers)) as answers
        inner join sent using (action_id)
        where answers.order_id is not null
    ),

    added as (
        select goals.workflow, goals.step, goals.contact_id
        from goals
        left join brought
            on
                goals.workflow = brought.workflow
                and goals.step = brought.step
                and goals.conversion_id = brought.order_id
        group by goals.workflow, goals.step, goals.contact_id
        having bool_and(brought.order_id is not null)
    ),

    lost as (
        select distinct sent.workflow, sent.step, sent.contact_id
        from (select *, {action} as action_id from read_parquet($kept_away)) as kept_away
        inner join sent using (action_id)
        where
            kept_away.was_kept_away
            and not exists (
                select 1
                from goals
                where
                    goals.workflow = sent.workflow and goals.step = sent.step and goals.contact_id = sent.contact_id
            )
    )

    select
        workflow,
        {step} as step,
        (
            (select count(*) from added where added.workflow = lift.workflow and added.step = lift.step)
            - (select count(*) from lost where lost.workflow = lift.workflow and lost.step = lift.step)
        ) / nullif(treated, 0)
    from {lift} as lift
    order by all
"""
_WORKFLOWS = {
    "treated": "step = 'entered' and assignment = 'treated'",
    "step": "'entered'",
    "lift": "(select *, 'entered' as step from marts.holdout_lift)",
}
_STEPS = {"treated": "step_assignment = 'treated'", "step": "step", "lift": "marts.step_lift"}
_TRUE_CLICKS = f"""
    select drawn.variant, avg(coalesce(answers.chance_to_click, 0))
    from (
        select variant, enrollment_id, max(action_id) as action_id
        from decisions.decisions
        where workflow = $workflow and step = $step and variant is not null
        group by variant, enrollment_id
    ) as drawn
    left join (select *, {_ACTION} as action_id from read_parquet($answers)) as answers using (action_id)
    group by drawn.variant
"""


def true_lift(warehouse: duckdb.DuckDBPyConnection, truth: Path) -> dict[str, float]:
    """By workflow, the share of the treated who reached the goal only because of its messages, less those whom they
    kept from it. `truth` is the folder that `Answers.write_truth` has written; only simulated shops have one."""
    rows = warehouse.execute(_TRUE_LIFT.format(action=_ACTION, **_WORKFLOWS), _files(truth)).fetchall()
    return {workflow: lift for workflow, _, lift in rows}


def true_step_lift(warehouse: duckdb.DuckDBPyConnection, truth: Path) -> dict[tuple[str, str], float]:
    """The same of the messages of single steps, by workflow and step."""
    rows = warehouse.execute(_TRUE_LIFT.format(action=_ACTION, **_STEPS), _files(truth)).fetchall()
    return {(workflow, step): lift for workflow, step, lift in rows}


def true_click_rates(warehouse: duckdb.DuckDBPyConnection, truth: Path) -> dict[tuple[str, str], float]:
    """By experiment and variant, what share of those who were to get it was to be expected to click."""
    found = {}
    for experiment, (workflow, step) in experiment_places().items():
        asked = {"answers": _files(truth)["answers"], "workflow": workflow, "step": step}
        for variant, rate in warehouse.execute(_TRUE_CLICKS, asked).fetchall():
            found[experiment, variant] = rate
    return found


def _files(truth: Path) -> dict[str, str]:
    return {name: str(truth / f"{name}.parquet") for name in ("answers", "kept_away")}
