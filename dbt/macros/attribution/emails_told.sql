{#- The CTEs to `told`: at each midnight in the tick what became of the e-mails of so many days before, with the domain that the
    contact's address had then. What is told of a message counts on the day on which it became known.

    only_trouble  what was refused, came back or was objected to, and not what was accepted, opened or clicked -#}
{% macro emails_told(days, only_trouble=false) -%}
midnights as (
    select * from {{ midnights('as_of') }} as times
),

reported as (
    select
        outcomes.action_id,
        decisions.contact_id,
        decisions.workflow,
        case outcomes.status when 'accepted' then 'accepted' else 'refused' end as measure,
        outcomes.effective_at as known_at
    from {{ ref('stg_outcomes') }} as outcomes
    inner join {{ ref('decisions') }} as decisions
        on outcomes.action_id = decisions.action_id and decisions.outcome = 'send' and decisions.kind = 'send'
    where
        outcomes.effective_at >= {{ tick_start() }} - interval '{{ days }} days'
        and outcomes.effective_at < {{ tick_end() }}
        and outcomes.status in ({{ "'rejected'" if only_trouble else "'accepted', 'rejected'" }})
        and decisions.channel = 'email'
        and decisions.tick_end > {{ tick_start() }} - interval '{{ days }} days' - interval '{{ var("longest_deferral") }}'

    union all

    select
        action_id,
        contact_id,
        workflow,
        kind as measure,
        known_at
    from {{ ref('message_engagement') }}
    where
        known_at >= {{ tick_start() }} - interval '{{ days }} days'
        and known_at < {{ tick_end() }}
        and channel = 'email'
        {%- if only_trouble %}
        and kind in ('bounced', 'complained', 'unsubscribed')
        {%- endif %}
),

in_time as (
    select
        midnights.as_of,
        reported.action_id,
        reported.contact_id,
        reported.workflow,
        reported.measure,
        reported.known_at,
        reported.known_at >= midnights.as_of - interval '1 day' as is_of_the_day
    from reported
    inner join midnights
        on
            reported.known_at >= midnights.as_of - interval '{{ days }} days'
            and reported.known_at < midnights.as_of
),

contacts as (
    select distinct
        as_of,
        contact_id
    from in_time
),

addresses as (
    select
        contacts.as_of,
        contacts.contact_id,
        {{ last_by('changes.address', 'changes.tick_end') }} as address
    from contacts
    inner join {{ ref('eligibility_changes') }} as changes
        on contacts.contact_id = changes.contact_id and contacts.as_of >= changes.tick_end
    where
        changes.channel = 'email'
        and changes.address is not null
        and changes.tick_end <= {{ tick_end() }}
    group by contacts.as_of, contacts.contact_id
),

told as (
    select
        in_time.*,
        coalesce(lower(split_part(addresses.address, '@', 2)), 'unknown') as domain
    from in_time
    left join addresses on in_time.as_of = addresses.as_of and in_time.contact_id = addresses.contact_id
)
{%- endmacro %}
