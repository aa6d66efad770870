{{ config(materialized='view') }}

-- Where everybody is now: the last step that each enrollment reached, and whether it has left since.
with last_arrivals as (
    select
        enrollment_id,
        contact_id,
        workflow,
        step,
        branch,
        assignment,
        definition_version,
        reached_at
    from {{ ref('arrivals') }}
    qualify row_number() over (partition by enrollment_id order by reached_at desc, {{ step_place('workflow', 'step') }} desc) = 1
),

entered as (
    select
        enrollment_id,
        min(reached_at) as entered_at
    from {{ ref('arrivals') }}
    group by enrollment_id
),

surviving as (
    select * from {{ surviving_contacts() }} as merged_away
),

-- people who turned out to be one, and had been assigned otherwise
mixed as (
    select
        last_arrivals.workflow,
        coalesce(surviving.into_contact_id, last_arrivals.contact_id) as contact_id
    from last_arrivals
    left join surviving on last_arrivals.contact_id = surviving.contact_id
    group by last_arrivals.workflow, coalesce(surviving.into_contact_id, last_arrivals.contact_id)
    having min(last_arrivals.assignment) < max(last_arrivals.assignment)
),

first_exits as (
    select
        enrollment_id,
        min(exited_at) as exited_at,
        {{ first_by('reason', 'exited_at') }} as reason,
        min(exited_at) filter (where reason = 'converted') as converted_at
    from {{ ref('exits') }}
    group by enrollment_id
),

forgotten as (
    select
        contact_id,
        min(effective_at) as erased_at
    from {{ ref('contact_signals') }}
    where signal = 'erased'
    group by contact_id
)

select
    last_arrivals.enrollment_id,
    last_arrivals.contact_id,
    last_arrivals.workflow,
    last_arrivals.step,
    last_arrivals.branch,
    last_arrivals.assignment,
    mixed.contact_id is not null as is_mixed,
    last_arrivals.definition_version,
    entered.entered_at,
    last_arrivals.reached_at,
    case
        when first_exits.exited_at is not null or forgotten.erased_at <= last_arrivals.reached_at then 'left'
        when last_arrivals.assignment = 'treated' and {{ is_last_step('last_arrivals.workflow', 'last_arrivals.step') }}
            then 'finished'
        when forgotten.erased_at is not null then 'left'
        when last_arrivals.workflow not in ('{{ var("workflows") | join("', '") }}') then 'left'
        when last_arrivals.assignment = 'holdout' then 'held out'
        else 'in progress'
    end as status,
    coalesce(first_exits.exited_at, case when status = 'left' then forgotten.erased_at end) as exited_at,
    coalesce(
        first_exits.reason,
        case when status = 'left' then case when forgotten.erased_at is not null then 'erased' else 'workflow retired' end end
    ) as exit_reason,
    first_exits.converted_at
from last_arrivals
inner join entered on last_arrivals.enrollment_id = entered.enrollment_id
left join first_exits on last_arrivals.enrollment_id = first_exits.enrollment_id
left join surviving on last_arrivals.contact_id = surviving.contact_id
left join mixed
    on
        last_arrivals.workflow = mixed.workflow
        and coalesce(surviving.into_contact_id, last_arrivals.contact_id) = mixed.contact_id
left join forgotten on coalesce(surviving.into_contact_id, last_arrivals.contact_id) = forgotten.contact_id
