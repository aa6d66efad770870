-- Two days later: who we are.
select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('welcome_series__hello'), wait='2 days', exits=ref('welcome_series__exited')) }}
