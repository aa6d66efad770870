-- On the next weekday at ten in the morning, where they live: how to choose well.
select
    arrivals.*,
    {{ send(template='lead_guide', channels=['email'], topic='newsletter', if_held='defer', expires='72 hours') }}
from {{ arrivals(
    ref('lead_nurturing__entered'), local_time='10:00', weekdays=[1, 2, 3, 4, 5], exits=ref('lead_nurturing__exited')
) }}
