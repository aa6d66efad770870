-- At once: many happy returns, and a present.
select
    arrivals.*,
    {{ send(template='birthday_greeting', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('birthday__entered'), exits=ref('birthday__exited')) }}
