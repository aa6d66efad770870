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

    union all

    select
        concat('hold ', fate) as what,
        concat_ws(' ', day, workflow, became) as place,
        sum(number) as number
    from {{ ref('held_messages') }}
    unpivot (number for fate in (messages, delivered, lost, waiting))
    group by all

    union all

    select
        concat('list ', became) as what,
        concat_ws(' ', day, channel, topic) as place,
        contacts as number
    from {{ ref('list_growth') }}
    unpivot (contacts for became in (joined, unsubscribed, bounced, erased, without_address, merged))

    union all

    select
        'belong' as what,
        concat_ws(' ', channel, topic) as place,
        members as number
    from {{ ref('list_growth') }}
    where as_of = (select max(growth.as_of) from {{ ref('list_growth') }} as growth)

    union all

    select
        concat('week ', measure) as what,
        cast(messages_in_week as varchar) as place,
        number
    from (
        select
            messages_in_week,
            contacts,
            stopped_frequency_cap as capped,
            {% for gate in gates() %}stopped_{{ gate | replace(' ', '_') }}{{ ' + ' if not loop.last }}{% endfor %} as held_back
        from {{ ref('contact_fatigue') }}
        where as_of = (select max(fatigue.as_of) from {{ ref('contact_fatigue') }} as fatigue)
    ) as weeks
    unpivot (number for measure in (contacts, capped, held_back))

    union all

    -- the same in every currency
    select
        concat('week ', measure) as what,
        cast(message_number as varchar) as place,
        max(number) as number
    from {{ ref('marginal_message') }}
    unpivot (number for measure in (people, messages, held_out, lost_contacts))
    where as_of = (select max(marginal.as_of) from {{ ref('marginal_message') }} as marginal)
    group by measure, message_number
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

    union all

    select
        concat('hold ', fates.fate) as what,
        concat_ws(' ', held.day, held.workflow, held.became) as place
    from {{ ref('held_contacts') }} as held
    cross join unnest(['messages', held.fate]) as fates (fate)
    where fates.fate <> 'on its way'

    union all

    select
        concat('list ', case became when 'complained' then 'unsubscribed' else replace(became, ' ', '_') end) as what,
        concat_ws(' ', day, channel, topic) as place
    from {{ ref('list_contacts') }}

    union all

    -- worked out from what is known of everybody, and not from who came and went
    select
        'belong' as what,
        concat_ws(' ', channel, topic) as place
    from {{ ref('eligibility_by_channel') }}
    where tick_end <= (select max(growth.as_of) from {{ ref('list_growth') }} as growth)
    group by contact_id, channel, topic
    having {{ last_by('is_reachable and is_consented', 'tick_end') }}

    union all

    select
        concat('week ', measures.measure) as what,
        cast(fatigued.messages_in_week as varchar) as place
    from {{ ref('fatigued_contacts') }} as fatigued
    cross join unnest(
        ['contacts']
        || list_resize(cast([] as varchar[]), fatigued.stopped_frequency_cap, 'capped')
        || list_resize(cast([] as varchar[]), fatigued.held_back, 'held_back')
    ) as measures (measure)

    union all

    select
        concat('week ', measures.measure) as what,
        cast(marginal.message_number as varchar) as place
    from {{ ref('marginal_contacts') }} as marginal
    cross join unnest([
        case when marginal.is_held_out then 'held_out' else 'people' end,
        case when marginal.is_sent then 'messages' end,
        case when marginal.is_lost then 'lost_contacts' end
    ]) as measures (measure)
    where measures.measure is not null
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
-- what was longer ago is not listed
where not (what = 'held back' or what like 'hold %' or what like 'list %') or place > (
    select cast(max(ticks.tick_end) - interval '{{ var("listed_history") }}' + interval '1 day' as varchar)
    from {{ ref('ticks') }} as ticks
)
group by what, place
having
    sum(number) <> sum(contacts)
    -- of more than are listed, so many
    and not (
        (what like 'list %' or what like 'week %')
        and sum(contacts) between {{ var('listed_contacts') }} and sum(number)
    )
