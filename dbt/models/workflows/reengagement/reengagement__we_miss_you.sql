-- On the next weekday at ten in the morning, where they live.
select
    arrivals.*,
    {{ send(template='reengagement_we_miss_you', channels=['email'], topic='newsletter', if_held='defer', expires='72 hours') }}
from {{ arrivals(
    ref('reengagement__entered'), local_time='10:00', weekdays=[1, 2, 3, 4, 5], exits=ref('reengagement__exited')
) }}
