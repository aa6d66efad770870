{%- set limits = var('reputation') -%}
{{ config(event_time='as_of') }}

-- What became of e-mail, by the domain that it went to and the workflow that it is of: at each midnight the day that ends, and
-- the week. A mailbox provider judges the sender, so a domain's standing is that of all workflows together.
with {{ emails_told(days=7) }},

counted as (
    select
        as_of,
        domain,
        workflow,
        {%- for measure in ['accepted', 'refused', 'bounced', 'complained', 'unsubscribed', 'opened', 'clicked'] %}
        count(*) filter (where measure = '{{ measure }}' and is_of_the_day) as {{ measure }},
        {%- endfor %}
        count(*) filter (where measure = 'accepted') as accepted_in_week,
        count(*) filter (where measure in ('accepted', 'refused')) as tried_in_week,
        count(*) filter (where measure in ('refused', 'bounced')) as returned_in_week,
        count(*) filter (where measure = 'complained') as complained_in_week
    from told
    group by as_of, domain, workflow
),

domains as (
    select
        as_of,
        domain,
        count(distinct contact_id) filter (where measure in ('accepted', 'refused')) as recipients,
        count(*) filter (where measure in ('refused', 'bounced'))
        / nullif(count(*) filter (where measure in ('accepted', 'refused')), 0) as bounce_rate,
        count(*) filter (where measure = 'complained')
        / nullif(count(*) filter (where measure = 'accepted'), 0) as complaint_rate
    from told
    group by as_of, domain
)

select
    counted.as_of,
    cast(counted.as_of - interval '1 day' as date) as day,
    counted.domain,
    counted.workflow,
    counted.accepted,
    counted.refused,
    counted.bounced,
    counted.complained,
    counted.unsubscribed,
    counted.opened,
    counted.clicked,
    counted.accepted_in_week,
    counted.tried_in_week,
    counted.returned_in_week,
    counted.complained_in_week,
    domains.recipients as recipients_of_domain,
    cast({{ limits.bounces_stop }} as double) as bounce_limit,
    cast({{ limits.complaints_stop }} as double) as complaint_limit,
    cast({{ limits.bounces_warn }} as double) as bounce_warning,
    cast({{ limits.complaints_warn }} as double) as complaint_warning,
    case
        when domains.recipients < {{ limits.least_recipients }} then 'too few to say'
        when domains.bounce_rate >= {{ limits.bounces_stop }} or domains.complaint_rate >= {{ limits.complaints_stop }}
            then 'over the limit'
        when domains.bounce_rate >= {{ limits.bounces_warn }} or domains.complaint_rate >= {{ limits.complaints_warn }}
            then 'warning'
        else 'good'
    end as standing
from counted
inner join domains on counted.as_of = domains.as_of and counted.domain = domains.domain
