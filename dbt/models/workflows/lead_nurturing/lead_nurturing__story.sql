-- Four days later both ways meet: what became of somebody who began as they do.
with both_ways as (
    select arrivals.*
    from {{ arrivals(ref('lead_nurturing__offer'), wait='4 days', exits=ref('lead_nurturing__exited')) }}
    union all by name
    select arrivals.*
    from {{ arrivals(ref('lead_nurturing__basics'), wait='4 days', exits=ref('lead_nurturing__exited')) }}
)

select
    arrivals.*,
    {{ send(template='lead_story', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from both_ways as arrivals
