-- Two hours after the end: did they come?
with due as (
    select arrivals.*
    from {{ arrivals(ref('event_follow_up__entered'), until='ends_at', wait='2 hours', exits=ref('event_follow_up__exited')) }}
),

known_as as (
    {{ contacts_over_time('due') }}
),

-- an event is over within two days
came as (
    select distinct due.enrollment_id
    from due
    inner join known_as on due.contact_id = known_as.member_id
    inner join {{ ref('events') }} as attended
        on
            known_as.contact_id = attended.contact_id
            and known_as.since <= attended.effective_at
            and due.entry_key = (attended.properties ->> '$.event_id')
            and due.reached_at >= attended.effective_at
            and due.reached_at - interval '2 days' < attended.effective_at
    where
        attended.event = 'Event Attended'
        and attended.effective_at > {{ tick_start() }} - interval '2 days'
        and attended.effective_at < {{ tick_end() }}
)

select
    due.*,
    {{ branch({'attended': 'came.enrollment_id is not null'}, otherwise='missed it') }}
from due
left join came on due.enrollment_id = came.enrollment_id
