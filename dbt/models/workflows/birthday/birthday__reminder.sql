-- Three days before the offer ends, for those who have not used it.
select
    arrivals.*,
    {{ send(template='birthday_reminder', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('birthday__greeting'), wait='11 days', exits=ref('birthday__exited')) }}
