"""What the workflows of a simulated shop truly added, in the terms of the mart holdout_lift."""

from pathlib import Path

import duckdb

# who reached the goal by nothing but orders that this workflow's messages brought is added; who was kept from an order
# by one of them, and placed no other, is lost. As in the mart, everybody's first entry counts, and no order that came
# to nothing
_TRUE_LIFT = """
    with treated as (
        select workflow, contact_id, enrollment_id
        from decisions.arrivals
        where step = 'entered' and assignment = 'treated'
        qualify row_number() over (partition by workflow, contact_id order by reached_at, enrollment_id) = 1
    ),

    goals as (
        select distinct treated.workflow, treated.contact_id, exits.conversion_id
        from decisions.exits
        inner join treated using (workflow, enrollment_id)
        left join marts.given_back as given_back using (conversion_id)
        where exits.reason = 'converted' and (given_back.amount is null or given_back.amount < exits.revenue)
    ),

    brought as (
        select workflow, order_id
        from read_parquet($answers)
        where order_id is not null
    ),

    added as (
        select goals.workflow, goals.contact_id
        from goals
        left join brought on goals.workflow = brought.workflow and goals.conversion_id = brought.order_id
        group by goals.workflow, goals.contact_id
        having bool_and(brought.order_id is not null)
    ),

    lost as (
        select distinct sent.workflow, sent.contact_id
        from read_parquet($kept_away) as kept_away
        inner join decisions.decisions as sent
            on
                sent.outcome = 'send'
                and sent.action_id = cast(regexp_extract(kept_away.message_id, '^<([0-9]+)[.]hourbell@', 1) as bigint)
        where
            kept_away.was_kept_away
            and not exists (
                select 1 from goals where goals.workflow = sent.workflow and goals.contact_id = sent.contact_id
            )
    )

    select
        workflow,
        (
            (select count(*) from added where added.workflow = lift.workflow)
            - (select count(*) from lost where lost.workflow = lift.workflow)
        ) / nullif(treated, 0)
    from marts.holdout_lift as lift
    order by workflow
"""


def true_lift(warehouse: duckdb.DuckDBPyConnection, truth: Path) -> dict[str, float]:
    """By workflow, the share of the treated who reached the goal only because of its messages, less those whom they
    kept from it. `truth` is the folder that `Answers.write_truth` has written; only simulated shops have one."""
    files = {name: str(truth / f"{name}.parquet") for name in ("answers", "kept_away")}
    return dict(warehouse.execute(_TRUE_LIFT, files).fetchall())
