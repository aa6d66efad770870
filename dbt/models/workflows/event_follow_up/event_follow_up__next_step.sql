-- Three days later, whichever way: what to do with it.
with both_ways as (
    select arrivals.*
    from {{ arrivals(ref('event_follow_up__thanks'), wait='3 days', exits=ref('event_follow_up__exited')) }}
    union all by name
    select arrivals.*
    from {{ arrivals(ref('event_follow_up__recording'), wait='3 days', exits=ref('event_follow_up__exited')) }}
)

select
    arrivals.*,
    {{ send(template='event_next_step', channels=['email'], topic='offers', if_held='defer', expires='72 hours') }}
from both_ways as arrivals
