-- Twelve days later: would they come back? One in ten gets no offer, so that it can be seen what it adds.
select
    arrivals.*,
    {{ send(
        template='subscription_win_back', channels=['email'], topic='offers', if_held='defer', expires='72 hours', holdout=0.1
    ) }}
from {{ arrivals(ref('subscription__lapsed'), wait='12 days', exits=ref('subscription__exited')) }}
