-- Who is listed behind a number is as many as the number says.
with counted as (
    select
        'conversions' as what,
        concat_ws(' ', day, workflow) as place,
        sum(converted) as number
    from {{ ref('workflow_performance') }}
    group by all

    union all

    select
        'held back' as what,
        concat_ws(' ', day, workflow, step, gate) as place,
        sum(times) as number
    from {{ ref('workflow_performance') }}
    unpivot (
        times for gate in (
            {%- for gate in gates() %}
            stopped_{{ gate | replace(' ', '_') }} as "{{ gate }}"{{ ',' if not loop.last }}
            {%- endfor %}
        )
    )
    group by all

    union all

    select
        became as what,
        concat_ws(' ', day, domain, workflow) as place,
        sum(messages) as number
    from {{ ref('email_deliverability') }}
    unpivot (messages for became in (refused, bounced, complained, unsubscribed))
    group by all

    union all

    select
        change as what,
        concat_ws(' ', day, segment) as place,
        sum(contacts) as number
    from {{ ref('segment_sizes') }}
    unpivot (contacts for change in (joined, parted))
    group by all

    union all

    select
        'members' as what,
        segment as place,
        members as number
    from {{ ref('segment_sizes') }}
    where day = (select max(sizes.day) from {{ ref('segment_sizes') }} as sizes)

    union all

    select
        'variants' as what,
        concat_ws(' ', experiment, variant) as place,
        contacts as number
    from {{ ref('experiment_results') }}

    union all

    select
        'left' as what,
        concat_ws(' ', day, workflow, from_step) as place,
        sum(enrollments) as number
    from {{ ref('workflow_journey') }}
    where outcome = 'left'
    group by all
),

listed as (
    select
        'conversions' as what,
        concat_ws(' ', cast(converted_at as date), workflow) as place
    from {{ ref('workflow_positions') }}
    where converted_at is not null

    union all

    select
        'held back' as what,
        concat_ws(' ', day, workflow, step, gate) as place
    from {{ ref('held_back_contacts') }}
    where gate <> 'workflow broken'

    union all

    select
        became as what,
        concat_ws(' ', day, domain, workflow) as place
    from {{ ref('returned_emails') }}

    union all

    select
        case when has_joined then 'joined' else 'parted' end as what,
        concat_ws(' ', day, segment) as place
    from {{ ref('segment_contacts') }}

    union all

    select
        'members' as what,
        segment as place
    from {{ ref('segment_contacts') }}
    where belongs_now

    union all

    select
        'variants' as what,
        concat_ws(' ', experiment, variant) as place
    from {{ ref('experiment_contacts') }}

    union all

    select
        'left' as what,
        concat_ws(' ', cast(entered_at as date), workflow, step) as place
    from {{ ref('workflow_positions') }}
    where status = 'left' and exit_reason not in ('erased', 'workflow retired')
)

select
    what,
    place,
    sum(number) as number,
    sum(contacts) as contacts
from (
    select
        what,
        place,
        number,
        0 as contacts
    from counted

    union all

    select
        what,
        place,
        0 as number,
        1 as contacts
    from listed
) as both_sides
-- what was held back longer ago is not listed
where what <> 'held back' or place > (
    select cast(max(ticks.tick_end) - interval '{{ var("listed_history") }}' + interval '1 day' as varchar)
    from {{ ref('ticks') }} as ticks
)
group by what, place
having sum(number) <> sum(contacts)
