-- What several marts tell of is the same figure in each of them: a KPI is defined once. What one of them has is added, and what
-- the other has taken off.
with customers as (
    select max(as_of) as as_of
    from {{ ref('repeat_purchase') }}
),

emails as (
    select unnest(['accepted', 'complained of', 'unsubscribed by']) as figure
),

told as (
    select
        'attributed revenue' as figure,
        concat_ws(' / ', cast(date_trunc('month', converted_at) as date), workflow, currency) as of_what,
        attributed_revenue as amount
    from {{ ref('attributed_conversions') }}
    where is_counted_by and workflow is not null
    union all
    select
        'attributed revenue' as figure,
        concat_ws(' / ', month, workflow, currency) as of_what,
        -revenue as amount
    from {{ ref('workflow_roi') }}

    union all

    select
        'attributed revenue beside what was added' as figure,
        concat_ws(' / ', month, workflow, currency) as of_what,
        revenue as amount
    from {{ ref('workflow_roi') }}
    union all
    select
        'attributed revenue beside what was added' as figure,
        concat_ws(' / ', month, workflow, currency) as of_what,
        -attributed_revenue as amount
    from {{ ref('incremental_revenue') }}

    union all

    select
        'customers' as figure,
        cast(cohort_month as varchar) as of_what,
        customers as amount
    from {{ ref('repeat_purchase') }}
    where as_of = (select as_of from customers)
    union all
    select
        'customers' as figure,
        cast(cohort_month as varchar) as of_what,
        -customers as amount
    from {{ ref('cohort_retention') }}
    where months_since = 0 and as_of = (select as_of from customers)

    union all

    select
        'what customers have spent' as figure,
        concat_ws(' / ', cohort_month, currency) as of_what,
        revenue as amount
    from {{ ref('customer_lifetime_value') }}
    where as_of = (select as_of from customers)
    union all
    select
        'what customers have spent' as figure,
        concat_ws(' / ', cohort_month, currency) as of_what,
        -revenue as amount
    from {{ ref('cohort_revenue') }}
    where as_of = (select as_of from customers)

    union all

    select
        concat_ws(' ', 'people', assignment) as figure,
        workflow as of_what,
        people as amount
    from {{ ref('time_to_conversion') }}
    union all
    select
        'people treated' as figure,
        workflow as of_what,
        -treated as amount
    from {{ ref('holdout_lift') }}
    union all
    select
        'people holdout' as figure,
        workflow as of_what,
        -held_out as amount
    from {{ ref('holdout_lift') }}

    union all

    select
        concat_ws(' ', 'converted', assignment) as figure,
        workflow as of_what,
        converted as amount
    from {{ ref('time_to_conversion') }}
    union all
    select
        'converted treated' as figure,
        workflow as of_what,
        -treated_converted as amount
    from {{ ref('holdout_lift') }}
    union all
    select
        'converted holdout' as figure,
        workflow as of_what,
        -held_out_converted as amount
    from {{ ref('holdout_lift') }}

    union all

    select
        concat_ws(' ', 'e-mails', emails.figure) as figure,
        concat_ws(' / ', day, workflow) as of_what,
        case emails.figure
            when 'accepted' then accepted when 'complained of' then complained when 'unsubscribed by' then unsubscribed
        end as amount
    from {{ ref('email_deliverability') }}
    cross join emails
    union all
    select
        concat_ws(' ', 'e-mails', emails.figure) as figure,
        concat_ws(' / ', day, workflow) as of_what,
        -case emails.figure
            when 'accepted' then delivered when 'complained of' then complained when 'unsubscribed by' then unsubscribed
        end as amount
    from {{ ref('channel_performance') }}
    cross join emails
    -- of a day that is not over yet only one of them tells
    where channel = 'email' and day <= (select max(day) from {{ ref('email_deliverability') }})
)

select
    figure,
    of_what,
    sum(amount) as difference
from told
group by figure, of_what
having sum(amount) <> 0
