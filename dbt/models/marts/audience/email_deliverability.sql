{{ config(event_time='as_of') }}

-- What became of e-mail, by the domain that it went to: at each midnight the day that ends, and the week. Each number counts on
-- the day on which it became known.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

reported as (
    select
        outcomes.action_id,
        decisions.contact_id,
        case outcomes.status when 'accepted' then 'accepted' else 'refused' end as measure,
        outcomes.effective_at as known_at
    from {{ ref('stg_outcomes') }} as outcomes
    inner join {{ ref('decisions') }} as decisions
        on outcomes.action_id = decisions.action_id and decisions.outcome = 'send' and decisions.kind = 'send'
    where
        outcomes.effective_at >= {{ tick_start() }} - interval '7 days'
        and outcomes.effective_at < {{ tick_end() }}
        and outcomes.status in ('accepted', 'rejected')
        and decisions.channel = 'email'
        and decisions.tick_end > {{ tick_start() }} - interval '7 days' - interval '{{ var("longest_deferral") }}'

    union all

    select
        action_id,
        contact_id,
        kind as measure,
        known_at
    from {{ ref('message_engagement') }}
    where
        known_at >= {{ tick_start() }} - interval '7 days'
        and known_at < {{ tick_end() }}
        and channel = 'email'
),

of_the_week as (
    select
        midnights.as_of,
        reported.contact_id,
        reported.measure,
        reported.known_at >= midnights.as_of - interval '1 day' as is_of_the_day
    from reported
    inner join midnights
        on reported.known_at >= midnights.as_of - interval '7 days' and reported.known_at < midnights.as_of
),

contacts as (
    select distinct
        as_of,
        contact_id
    from of_the_week
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

counted as (
    select
        of_the_week.as_of,
        coalesce(lower(split_part(addresses.address, '@', 2)), 'unknown') as domain,
        {%- for measure in ['accepted', 'refused', 'bounced', 'complained', 'unsubscribed', 'opened', 'clicked'] %}
        count(*) filter (where of_the_week.measure = '{{ measure }}' and of_the_week.is_of_the_day) as {{ measure }},
        {%- endfor %}
        count(*) filter (where of_the_week.measure = 'accepted') as accepted_in_week,
        count(*) filter (where of_the_week.measure in ('refused', 'bounced')) as returned_in_week,
        count(*) filter (where of_the_week.measure = 'complained') as complained_in_week,
        count(*) filter (where of_the_week.measure in ('accepted', 'refused')) as tried_in_week
    from of_the_week
    left join addresses on of_the_week.as_of = addresses.as_of and of_the_week.contact_id = addresses.contact_id
    group by of_the_week.as_of, coalesce(lower(split_part(addresses.address, '@', 2)), 'unknown')
),

rates as (
    select
        *,
        returned_in_week / nullif(tried_in_week, 0) as bounce_rate,
        complained_in_week / nullif(accepted_in_week, 0) as complaint_rate
    from counted
),

limits as (
    select
        rates.as_of,
        rates.domain,
        thresholds.measure,
        {{ first_by('thresholds.warn_at', "thresholds.domain = 'all'") }} as warn_at,
        {{ first_by('thresholds.limit_at', "thresholds.domain = 'all'") }} as limit_at
    from rates
    inner join {{ ref('mailbox_thresholds') }} as thresholds on thresholds.domain in ('all', rates.domain)
    group by rates.as_of, rates.domain, thresholds.measure
)

select
    rates.as_of,
    cast(rates.as_of - interval '1 day' as date) as day,
    rates.domain,
    rates.accepted,
    rates.refused,
    rates.bounced,
    rates.complained,
    rates.unsubscribed,
    rates.opened,
    rates.clicked,
    rates.accepted_in_week,
    rates.bounce_rate,
    bounces.limit_at as bounce_limit,
    rates.complaint_rate,
    complaints.limit_at as complaint_limit,
    case
        when rates.bounce_rate >= bounces.limit_at or rates.complaint_rate >= complaints.limit_at then 'over the limit'
        when rates.bounce_rate >= bounces.warn_at or rates.complaint_rate >= complaints.warn_at then 'warning'
        else 'good'
    end as standing
from rates
left join limits as bounces
    on rates.as_of = bounces.as_of and rates.domain = bounces.domain and bounces.measure = 'bounce rate'
left join limits as complaints
    on rates.as_of = complaints.as_of and rates.domain = complaints.domain and complaints.measure = 'complaint rate'
