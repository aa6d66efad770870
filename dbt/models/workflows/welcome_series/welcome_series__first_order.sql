-- Three days on, for those who have not bought yet.
select
    arrivals.*,
    {{ send(template='welcome_first_order', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('welcome_series__story'), wait='3 days', exits=ref('welcome_series__exited')) }}
