-- Twelve days later: would they come back?
select
    arrivals.*,
    {{ send(template='subscription_win_back', channels=['email'], topic='offers', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('subscription__lapsed'), wait='12 days', exits=ref('subscription__exited')) }}
